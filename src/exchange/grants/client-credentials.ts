/**
 * RFC 6749 §4.4: `client_credentials`, of a client that authenticates with a JWT (RFC 7523 §2.2), which is the workload's own token:
 * who it is, `iss` and `sub` say, so that no `client_id` is needed.
 */
import { jwtType } from '../../../attestors/token-types.js';
import { Refusal } from '../../errors.js';
import { scrub } from '../../text.js';
import { assertionType } from '../client.js';
import type { GrantType } from './grant-type.js';
import { required, requiredToken } from './parameters.js';

const fault = 'client_assertion_missing';

export const clientCredentials = Object.freeze<GrantType>({
  name: 'client_credentials',
  evidenceIn: Object.freeze(['client_assertion', 'client_assertion_type']),
  evidenceFault: 'client_assertion_rejected',
  audience: 'issuer alone',
  namesTokenType: false,
  readEvidence(form) {
    const token = requiredToken(form, 'client_assertion', fault);
    const type = required(form, 'client_assertion_type', fault);
    if (type !== assertionType) {
      const detail = `client_assertion_type is ${JSON.stringify(scrub(type))}.`;
      throw new Refusal(fault, 'client_assertion_type', detail);
    }
    return Object.freeze({ tokenType: jwtType, token });
  },
});
