/** `counterseal revoke`: into the log in the store, which every process of the service reads before it answers about a token. */
import type { Configuration } from '../config/configuration.js';
import { nearest } from '../nearest.js';
import { byRequest } from '../revocation/endings.js';
import type { Cause } from '../revocation/entry.js';
import type { Requested, Target } from '../revocation/requests.js';
import { openRevocation } from '../revocation/revocation.js';
import { withStore } from '../store/with-store.js';
import { printable, scrub } from '../text.js';

/** As the options have them: one of the first three. */
export interface RevokeOptions {
  readonly tokenId?: string;
  /** `ATTESTOR/INSTANCE`. */
  readonly instance?: string;
  readonly subject?: string;
  readonly reason: string;
}

/**
 * @param by who wants it
 * @returns a line that says what was done; the log has it then
 * @throws Error when the options name nothing that could hold tokens, or the store cannot be used: nothing is revoked then, as far as is known
 */
export async function revoke(
  configuration: Configuration,
  options: RevokeOptions,
  by: string,
  warn: (message: string) => void,
): Promise<string> {
  const target = targetOf(configuration, options, { by: line(by), reason: line(options.reason) });
  if (configuration.store.type === 'memory') {
    throw new Error('store.type is memory, which nobody but the service’s own process has: nothing was revoked');
  }
  return withStore(configuration.store, warn, async (store) => {
    const log = store.log('revocation');
    const revocation = await openRevocation({ log, now: () => Date.now() / 1000, warn, info: () => {} });
    try {
      return render(target, await revocation.revoke(target));
    } finally {
      await revocation.close();
    }
  });
}

/** Of bounded length, and without a token that was pasted. */
const line = (text: string): string => printable(scrub(text));

function targetOf(configuration: Configuration, options: RevokeOptions, cause: Cause): Target {
  const { tokenId, instance, subject } = options;
  const [name, ...others] = [tokenId, instance, subject].filter((each) => each !== undefined);
  if (name === undefined || others.length > 0) {
    throw new Error('name one of --token-id, --instance and --subject: nothing was revoked');
  }
  if (tokenId !== undefined) return { kind: 'token', id: readTokenId(tokenId), token: null, cause };
  if (subject !== undefined) return { kind: 'subject', subject: readSubject(configuration, subject), cause };
  return { kind: 'instance', ...readInstance(configuration, name), cause };
}

/** Not quoted in its message: it may be a whole token. */
function readTokenId(text: string): string {
  if (/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text)) return text;
  throw new Error('--token-id is no jti of ours, which has 32 hexadecimal digits with hyphens: nothing was revoked');
}

function readSubject({ trustDomain }: Configuration, text: string): string {
  if (text.startsWith(`spiffe://${trustDomain}/`)) return text;
  throw new Error(`--subject begins with spiffe://${trustDomain}/, as the sub of its tokens: nothing was revoked`);
}

function readInstance({ attestors }: Configuration, text: string) {
  const slash = text.indexOf('/');
  const [attestor, instance] = [text.slice(0, Math.max(0, slash)), text.slice(slash + 1)];
  if (attestor === '' || instance === '') {
    throw new Error('--instance is ATTESTOR/INSTANCE, as attestation of its tokens has them: nothing was revoked');
  }
  if (attestors.has(attestor)) return { attestor, instance };
  const close = nearest(attestor, attestors.keys());
  const hint = close === null ? `there are ${[...attestors.keys()].join(', ')}` : `did you mean ${close}?`;
  throw new Error(`no attestor is called ${line(attestor)}; ${hint}: nothing was revoked`);
}

function render(target: Target, { isNew, before, resources }: Requested): string {
  if (target.kind === 'token') return `token ${target.id}: ${isNew ? byRequest : 'was revoked before'}`;
  const held =
    resources.length > 0
      ? `it may hold some for ${resources.join(', ')}`
      : 'none is known that has not expired: is it spelled as in its tokens?';
  const until = new Date(before * 1000).toISOString();
  if (target.kind === 'subject') {
    return `subject ${target.subject}: tokens that were issued until ${until} are revoked; ${held}`;
  }
  const name = `${target.attestor}/${target.instance}`;
  return `instance ${name}: its tokens are revoked, and it gets none until ${until}; ${held}`;
}
