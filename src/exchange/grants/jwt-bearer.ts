/**
 * RFC 7523 §2.1: `urn:ietf:params:oauth:grant-type:jwt-bearer`. The assertion is the workload's own token, as the workload identity
 * federation of the Model Context Protocol sends it (SEP-1933). It is re-sent until it expires, so its `jti` is not used up.
 */
import { jwtType } from '../../../attestors/token-types.js';
import type { GrantType } from './grant-type.js';
import { requiredToken } from './parameters.js';

export const jwtBearer = Object.freeze<GrantType>({
  name: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
  evidenceIn: Object.freeze(['assertion']),
  evidenceFault: 'assertion_rejected',
  audience: 'token endpoint too',
  namesTokenType: false,
  readEvidence: (form) => Object.freeze({ tokenType: jwtType, token: requiredToken(form, 'assertion') }),
});
