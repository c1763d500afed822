/**
 * Stage 2: evidence goes to the one attestor whose route it carries, and comes back verified or not at all. The host, not
 * the plug-in, keeps the deadline, the single use and the invariants of an attestation.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Attestation, Attestor, Clock, Evidence, EvidenceForm, Role } from '../../attestors/attestor.js';
import { checkPin, type PinMode } from '../binding/pins.js';
import type { Nonces } from '../challenge/nonces.js';
import { isOfEvidence, Refusal, Rejected } from '../errors.js';
import { quoteClaim } from '../jwt/quote.js';
import type { Limits } from '../limits/limits.js';
import { claimOnce } from '../store/claim-once.js';
import type { Store } from '../store/store.js';
import { createAttestInTime } from './attestor-deadline.js';
import { type AudienceAlias, type AudienceRule, aliasBy, checkAlone } from './audience.js';
import { readEvidence, type Sender } from './evidence.js';

export interface AttestRoom {
  readonly attestors: readonly Attestor[];
  /** Names of those whose evidence stands for people. */
  readonly delegators: ReadonlySet<string>;
  /** By the attestor's name; one that is left out pins nothing. */
  readonly pins: ReadonlyMap<string, PinMode>;
  /** Of their types, by token type. */
  readonly forms: ReadonlyMap<string, EvidenceForm>;
  readonly nonces: Nonces;
  readonly limits: Pick<Limits, 'attestor' | 'rejected' | 'workload'>;
  /** Ours. */
  readonly issuer: string;
  readonly trustDomain: string;
  readonly now: Clock;
  readonly store: Store;
}

/** How evidence is shown. */
export interface Showing {
  /** From where. */
  readonly address: string;
  /** Is told the attestor whose route the evidence carries, before it is verified. */
  readonly routed?: (attestor: string) => void;
  /** What the grant asks of it, default `attestor`. */
  readonly audience?: AudienceRule;
  /** Of the DPoP key that was proven; undefined: none was. */
  readonly thumbprint?: string | undefined;
  /** Is told what was verified, before anything is claimed or pinned. What it throws refuses the evidence. */
  readonly verified?: (attestation: Attestation) => void;
  /** `delegator`: it is of whom a workload asks for, which may be a person too. Default: `workload`. */
  readonly role?: Role;
}

/**
 * Who asks, on every grant and endpoint: a workload.
 * @param requestId names the request, should it claim the evidence
 */
export type Attest = (evidence: Evidence, requestId: string, showing: Showing) => Promise<Attestation>;

/** Token type → issuer → audience → attestor. */
type Routes = ReadonlyMap<string, ReadonlyMap<string, ReadonlyMap<string, Attestor>>>;

/** @throws Error when two attestors have one route */
export function createAttest(room: AttestRoom): Attest {
  const routes = buildRoutes(room.attestors);
  const attestInTime = createAttestInTime();
  const attest: Attest = async (received, requestId, showing) => {
    const { routed, audience = 'attestor', thumbprint, verified, role = 'workload' } = showing;
    const byIssuer = routes.get(received.tokenType);
    if (byIssuer === undefined) {
      throw new Refusal(
        'token_type_unsupported',
        'token_type_unsupported',
        `No attestor takes the token type ${quoteClaim(received.tokenType)}: see what the attestors’ blocks allow.`,
      );
    }
    const alias = aliasBy(audience, room.issuer);
    const { evidence, sender } = readEvidence(received, room.forms.get(received.tokenType), alias);
    const attestor = route(byIssuer, sender, alias);
    routed?.(attestor.name);
    checkAlone(audience, sender.aud, room.issuer);
    if (role === 'workload' && room.delegators.has(attestor.name)) {
      throw new Rejected(
        'delegator_is_no_workload',
        `Attestor ${attestor.name} stands for people (role: delegator): expected the evidence of the workload that asks.`,
      );
    }
    // Awaited only when the store was asked, here and below: what is counted in this process costs no turn.
    const admitted = room.limits.attestor(attestor.name);
    if (admitted !== undefined) await admitted;
    const attestation = await attestInTime(attestor, evidence);
    checkInvariants(attestation, attestor, room);
    checkDelegation(attestation, role);
    checkBinding(attestation, thumbprint);
    verified?.(attestation);
    // The one who asks: a delegator has no part in how often that is.
    const asked = role === 'workload' ? room.limits.workload(attestation) : undefined;
    if (asked !== undefined) await asked;
    const { evidenceId, expiresAt: end, nonce } = attestation;
    const mode = room.pins.get(attestor.name) ?? 'none';
    if (mode !== 'none') {
      const use = { attestor: attestor.name, evidenceId, from: earliestUse(attestation), end, thumbprint, requestId };
      await checkPin(room.store, mode, use);
    }
    const nonceMade = nonce === undefined ? undefined : await room.nonces.redeem(evidence.tokenType, nonce, requestId);
    if (attestation.singleUse) await claimEvidence(room.store, attestation, { requestId, nonceMade });
    return attestation;
  };
  return (received, requestId, showing) =>
    costingItsAddress(room.limits, showing.address, () => attest(received, requestId, showing));
}

/** What is shown and not accepted counts for the address that it came from. */
export async function costingItsAddress<Result>(
  { rejected }: Pick<Limits, 'rejected'>,
  address: string,
  verify: () => Promise<Result>,
): Promise<Result> {
  try {
    return await verify();
  } catch (error) {
    if (isOfEvidence(error)) rejected(address);
    throw error;
  }
}

function buildRoutes(attestors: readonly Attestor[]): Routes {
  const routes = new Map<string, Map<string, Map<string, Attestor>>>();
  for (const attestor of attestors) {
    for (const { tokenType, issuer, audience } of attestor.accepts) {
      const byIssuer = routes.get(tokenType) ?? new Map<string, Map<string, Attestor>>();
      const byAudience = byIssuer.get(issuer) ?? new Map<string, Attestor>();
      const other = byAudience.get(audience);
      if (other !== undefined) {
        throw new Error(
          `attestors ${other.name} and ${attestor.name} both accept issuer ${issuer} with audience ${audience}: ` +
            'give each an audience of its own, and ask for that audience in the workloads’ tokens',
        );
      }
      routes.set(tokenType, byIssuer.set(issuer, byAudience.set(audience, attestor)));
    }
  }
  return routes;
}

/** By what is not verified: it only chooses who verifies. An alias counts only where no attestor has the name as its own. */
function route(
  byIssuer: ReadonlyMap<string, ReadonlyMap<string, Attestor>>,
  { iss, aud }: Sender,
  alias: AudienceAlias | undefined,
): Attestor {
  const byAudience = typeof iss === 'string' ? byIssuer.get(iss) : undefined;
  if (byAudience === undefined) {
    throw new Rejected(
      'issuer_untrusted',
      `No attestor accepts issuer ${quoteClaim(iss)}: check the attestors’ issuer.`,
    );
  }
  const audiences: readonly unknown[] = Array.isArray(aud) ? aud : [aud];
  const found = new Set<Attestor>();
  for (const audience of audiences) {
    if (typeof audience !== 'string') continue;
    const attestor = byAudience.get(audience) ?? (audience === alias?.alias ? byAudience.get(alias.of) : undefined);
    if (attestor !== undefined) found.add(attestor);
  }
  const [attestor, ...others] = found;
  if (attestor === undefined) {
    const expected = [...byAudience.keys()].map(quoteClaim).join(' or ');
    throw new Rejected('audience_not_ours', `aud is ${quoteClaim(aud)}; expected ${expected}.`);
  }
  if (others.length > 0) {
    throw new Rejected('audience_ambiguous', `aud ${quoteClaim(aud)} names the audiences of ${found.size} attestors.`);
  }
  return attestor;
}

/** A plug-in that breaks its contract is our fault, not the evidence's: 500, and never a token. */
function checkInvariants(attestation: Attestation, attestor: Attestor, room: AttestRoom): void {
  const now = room.now();
  const { subject, selectors, expiresAt, vouchesUntil, evidenceId, instance } = attestation;
  const broken =
    attestation.attestor !== attestor.name
      ? 'attestor is not its name'
      : !subject.startsWith(`spiffe://${room.trustDomain}/`)
        ? 'subject is not of our trust domain'
        : !(Number.isFinite(vouchesUntil) && expiresAt > now)
          ? 'expiresAt has passed, or vouchesUntil is no number'
          : evidenceId === '' || instance === ''
            ? 'evidenceId or instance is empty'
            : selectors.some((selector, index) => index > 0 && (selectors[index - 1] ?? '') >= selector)
              ? 'selectors are not sorted or repeat'
              : undefined;
  if (broken !== undefined) {
    throw new Refusal('internal', 'attestation_broken', `Attestor ${attestor.name} broke its contract: ${broken}.`);
  }
}

/** RFC 8693 §4.1, §4.4: nobody's chain is dropped, and who may act is asked only where somebody does. */
function checkDelegation({ claims }: Attestation, role: Role): void {
  const name =
    claims.act !== undefined ? 'act' : claims.may_act !== undefined && role === 'workload' ? 'may_act' : null;
  if (name === null) return;
  throw new Rejected('jwt_delegated', `The evidence of a ${role} has ${name}, and is not accepted with it.`);
}

/** RFC 7800 §3.1: whoever has only copied evidence that is bound to a key gets nothing for it. We know no other proof than that of `jkt`. */
function checkBinding({ claims: { cnf } }: Attestation, thumbprint: string | undefined): void {
  if (cnf === undefined || isDeepStrictEqual(cnf, { jkt: thumbprint })) return;
  throw new Rejected('evidence_bound', 'cnf: it is bound to a key, which this request does not prove.');
}

/** Seconds that the clock of who made the evidence may be ahead of ours. */
const skew = 60;
/** Seconds that evidence may be old that does not say when it was made. */
const oldest = 86_400;

/** Seconds since the epoch: nobody can have used it before. */
function earliestUse({ attestedAt, issuedAt, claims }: Attestation): number {
  return (issuedAt ?? (typeof claims.iat === 'number' ? claims.iat : attestedAt - oldest)) - skew;
}

interface Claimant {
  readonly requestId: string;
  /** Seconds since the epoch, by our clocks: evidence that carries a nonce of ours was made after it. */
  readonly nonceMade: number | undefined;
}

function claimEvidence(store: Store, attestation: Attestation, { requestId, nonceMade }: Claimant): Promise<void> {
  const { attestor, evidenceId, expiresAt } = attestation;
  const from = nonceMade ?? earliestUse(attestation);
  const once = { key: ['evidence', attestor, evidenceId], requestId, from, end: expiresAt } as const;
  return claimOnce(store, { ...once, what: 'The evidence', reason: 'evidence_replayed' });
}
