/** The grant types that are served; the metadata lists exactly these. */
import type { GrantType } from './grant-type.js';
import { tokenExchange } from './token-exchange.js';

export const grantTypes: ReadonlyMap<string, GrantType> = new Map([tokenExchange].map((grant) => [grant.name, grant]));
