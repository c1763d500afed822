/** RFC 8693: `urn:ietf:params:oauth:grant-type:token-exchange`. */
import type { Evidence } from '../../../attestors/attestor.js';
import { Refusal } from '../../errors.js';
import { scrub } from '../../text.js';
import type { Form } from '../form.js';
import { accessTokenType } from '../response.js';
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
  audience: 'attestor',
  issuedTokenType: accessTokenType,
  // RFC 8693 §2.2.2: not invalid_grant.
  evidenceFault: 'evidence_rejected',
  readEvidence(form: Form): Evidence {
    checkActor(form);
    const requested = form.values.get('requested_token_type');
    if (requested !== undefined && requested !== accessTokenType) {
      const detail = `requested_token_type is ${JSON.stringify(scrub(requested))}.`;
      throw new Refusal('requested_token_type_unsupported', 'requested_token_type', detail);
    }
    const tokenType = required(form, 'subject_token_type');
    return Object.freeze({ tokenType, token: requiredToken(form, 'subject_token') });
  },
});

function checkActor(form: Form): void {
  const token = form.values.has('actor_token');
  if (token !== form.values.has('actor_token_type')) {
    throw new Refusal(
      'actor_incomplete',
      'actor_incomplete',
      `Only ${token ? 'actor_token' : 'actor_token_type'} was sent.`,
    );
  }
  if (token) throw new Refusal('actor_unsupported', 'actor_unsupported', 'An actor_token was sent.');
}
