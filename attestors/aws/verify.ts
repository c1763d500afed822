/** Which way evidence goes: a token to the keys of its issuer. */
import { Rejected } from '../../src/errors.js';
import type { Attestor, AttestorHost, Route } from '../attestor.js';
import { quote } from './arn.js';
import { attestWebIdentity, type WebIdentityAccount } from './web-identity.js';

export interface AwsParts {
  readonly name: string;
  readonly accepts: readonly Route[];
  /** By issuer. */
  readonly webIdentity: ReadonlyMap<string, WebIdentityAccount>;
  readonly host: AttestorHost;
}

export function createAwsAttestor({ name, accepts, webIdentity, host }: AwsParts): Attestor {
  return Object.freeze<Attestor>({
    name,
    accepts,
    async attest({ jwt }) {
      if (jwt === undefined)
        throw new Rejected('not_a_jwt', 'A token of sts:GetWebIdentityToken is a JWT; this is none.');
      const { iss } = jwt.claims;
      const account = typeof iss === 'string' ? webIdentity.get(iss) : undefined;
      if (account === undefined) {
        throw new Rejected('issuer_untrusted', `No account has the issuer ${quote(iss)}: check accounts.`);
      }
      return attestWebIdentity(name, account, jwt, host);
    },
    async close() {
      for (const { keys } of webIdentity.values()) keys.close();
    },
  });
}
