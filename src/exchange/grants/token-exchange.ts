/** RFC 8693: `urn:ietf:params:oauth:grant-type:token-exchange`. */
import type { Evidence } from '../../../attestors/attestor.js';
import { clientSecretType, idJagType, jwtSpiffeType } from '../../../attestors/token-types.js';
import { Refusal } from '../../errors.js';
import { type TokenType, tokenTypeOf } from '../../policy/token-type.js';
import { scrub } from '../../text.js';
import { refuseAuthentication } from '../client.js';
import type { Form } from '../form.js';
import type { GrantType } from './grant-type.js';
import { required, requiredToken } from './parameters.js';

export const tokenExchange = Object.freeze<GrantType>({
  name: 'urn:ietf:params:oauth:grant-type:token-exchange',
  evidenceIn: Object.freeze([
    'subject_token',
    'subject_token_type',
    'actor_token',
    'actor_token_type',
    'requested_token_type',
  ]),
  namesTokenType: true,
  read(form, authentication) {
    // RFC 8693 §2.1: the actor is who asks, the subject is for whom.
    const isDelegated = hasActor(form);
    const evidence = readToken(form, isDelegated ? 'actor_token' : 'subject_token');
    const delegator = isDelegated ? readToken(form, 'subject_token') : null;
    refuseAuthentication(authentication);
    // RFC 8693 §2.2.2: not invalid_grant.
    const asker = Object.freeze({ evidence, fault: 'evidence_rejected', audience: 'attestor' } as const);
    return Object.freeze({ asker, delegator });
  },
  readTokenType(form: Form, issued: ReadonlySet<TokenType>): TokenType {
    const requested = form.values.get('requested_token_type');
    const type = requested === undefined ? 'access_token' : tokenTypeOf(requested);
    if (type === 'txn_token') checkTransaction(form);
    if (type !== undefined && issued.has(type)) return type;
    const detail = `requested_token_type is ${JSON.stringify(scrub(requested ?? ''))}.`;
    throw new Refusal('requested_token_type_unsupported', 'requested_token_type', detail);
  },
});

/** Draft of transaction tokens §8.1: `scope` is the purpose of the transaction. Of a context that nobody has checked nothing goes into a token. */
function checkTransaction(form: Form): void {
  required(form, 'scope');
  const context = ['request_context', 'request_details'].find((name) => form.values.has(name));
  if (context === undefined) return;
  throw new Refusal('transaction_context_unsupported', 'transaction_context', `${context} was sent.`);
}

function hasActor(form: Form): boolean {
  const token = form.values.has('actor_token');
  if (token === form.values.has('actor_token_type')) return token;
  throw new Refusal(
    'actor_incomplete',
    'actor_incomplete',
    `Only ${token ? 'actor_token' : 'actor_token_type'} was sent.`,
  );
}

/** What is shown in a way of its own, with rules of its own, is not shown in this one. */
const shownElsewhere: ReadonlySet<string> = new Set([clientSecretType, idJagType, jwtSpiffeType]);

function readToken(form: Form, name: 'subject_token' | 'actor_token'): Evidence {
  const tokenType = required(form, `${name}_type`);
  if (shownElsewhere.has(tokenType)) {
    const detail = `${name}_type is ${JSON.stringify(tokenType)}, which is not exchanged.`;
    throw new Refusal('token_type_unsupported', 'token_type_unsupported', detail);
  }
  return Object.freeze({ tokenType, token: requiredToken(form, name) });
}
