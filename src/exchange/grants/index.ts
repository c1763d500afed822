/** The grant types that are served; the metadata lists exactly these. */
import { clientCredentials } from './client-credentials.js';
import type { GrantType } from './grant-type.js';
import { jwtBearer } from './jwt-bearer.js';
import { tokenExchange } from './token-exchange.js';

export const grantTypes: ReadonlyMap<string, GrantType> = new Map(
  [tokenExchange, jwtBearer, clientCredentials].map((grant) => [grant.name, grant]),
);
