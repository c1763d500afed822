/**
 * RFC 6749 §4.4: `client_credentials`, of a client that authenticates: with a JWT (RFC 7523 §2.2), the workload's own token or one that it
 * signed with a key that is registered here, or with a secret. Who it is, these say, so that no `client_id` is needed.
 */
import { Refusal } from '../../errors.js';
import { forItself, type GrantType } from './grant-type.js';

export const clientCredentials = Object.freeze<GrantType>({
  name: 'client_credentials',
  evidenceIn: Object.freeze(['client_assertion', 'client_assertion_type']),
  namesTokenType: false,
  read(_, authentication) {
    if (authentication !== null) return forItself(authentication);
    const missing = 'client_assertion_missing';
    throw new Refusal(missing, missing, 'Neither client_assertion nor a secret was sent.');
  },
});
