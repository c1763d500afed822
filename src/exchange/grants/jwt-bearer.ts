/**
 * RFC 7523 §2.1: `urn:ietf:params:oauth:grant-type:jwt-bearer`. The assertion is the workload's own token, as the workload identity
 * federation of the Model Context Protocol sends it (SEP-1933). It is re-sent until it expires, so its `jti` is not used up. Of a client that
 * authenticates beside it, it says for whom the client asks (draft-ietf-oauth-identity-assertion-authz-grant-04).
 */
import { idJagType, jwtType } from '../../../attestors/token-types.js';
import { refuseAuthentication } from '../client.js';
import { forItself, type GrantType } from './grant-type.js';
import { requiredToken } from './parameters.js';

export const jwtBearer = Object.freeze<GrantType>({
  name: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
  evidenceIn: Object.freeze(['assertion']),
  namesTokenType: false,
  read(form, authentication, drafts) {
    const token = requiredToken(form, 'assertion');
    if (authentication !== null && drafts['id-jag'] !== undefined) {
      return Object.freeze({ asker: authentication, delegator: Object.freeze({ tokenType: idJagType, token }) });
    }
    refuseAuthentication(authentication);
    const evidence = Object.freeze({ tokenType: jwtType, token });
    return forItself({ evidence, fault: 'assertion_rejected', audience: 'token endpoint too' });
  },
});
