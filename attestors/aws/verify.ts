/** Which way evidence goes: a token to the keys of its issuer, a signed request to STS. */
import { Rejected } from '../../src/errors.js';
import type { Attestation, Attestor, AttestorHost, Route, UnverifiedJwt } from '../attestor.js';
import { jwtType } from '../token-types.js';
import { quote } from './arn.js';
import type { SignedRequest } from './caller-identity/signed-request.js';
import { attestCallerIdentity, type CallerIdentityRoom } from './caller-identity/verify.js';
import { attestWebIdentity, type WebIdentityAccount } from './web-identity.js';

export interface AwsParts {
  readonly name: string;
  readonly accepts: readonly Route[];
  /** By issuer. */
  readonly webIdentity: ReadonlyMap<string, WebIdentityAccount>;
  /** Undefined: signed requests are not accepted. */
  readonly callerIdentity: CallerIdentityRoom | undefined;
  readonly host: AttestorHost;
}

export function createAwsAttestor(parts: AwsParts): Attestor {
  const { name, accepts, webIdentity, callerIdentity } = parts;
  return Object.freeze<Attestor>({
    name,
    accepts,
    async attest({ tokenType, jwt, content }, call) {
      if (tokenType === jwtType) return attestToken(parts, jwt);
      if (callerIdentity === undefined || content === undefined) {
        throw new Rejected('not_a_signed_request', 'A signed request of AWS is of a form of its own; this is none.');
      }
      // The forms of this type make nothing else.
      return attestCallerIdentity(content as SignedRequest, callerIdentity, () => call.signal());
    },
    async close() {
      for (const { keys } of webIdentity.values()) keys.close();
    },
  });
}

async function attestToken(
  { name, webIdentity, host }: AwsParts,
  jwt: UnverifiedJwt | undefined,
): Promise<Attestation> {
  if (jwt === undefined) throw new Rejected('not_a_jwt', 'A token of sts:GetWebIdentityToken is a JWT; this is none.');
  const { iss } = jwt.claims;
  const account = typeof iss === 'string' ? webIdentity.get(iss) : undefined;
  if (account === undefined) {
    throw new Rejected('issuer_untrusted', `No account has the issuer ${quote(iss)}: check accounts.`);
  }
  return attestWebIdentity(name, account, jwt, host);
}
