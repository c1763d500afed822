/** The machine's side: a key pair, and the answer to a challenge. Needs Node and nothing else. */
import { generateKeyPairSync, sign } from 'node:crypto';

const tokenType = 'urn:example:params:token-type:machine-key';

/** @returns both keys in PEM, and the public one as the block of the configuration has it */
export function enrol() {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const { kty, crv, x } = publicKey.export({ format: 'jwk' });
  return { privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }), publicKey: { kty, crv, x } };
}

/**
 * The response to a nonce.
 * @param {{ audience: string, machine: string, nonce: string }} claims
 * @param {import('node:crypto').KeyLike} privateKey
 */
export function respond(claims, privateKey) {
  const payload = Buffer.from(JSON.stringify(claims));
  const signature = sign(null, Buffer.concat([Buffer.from(`${tokenType}\n`), payload]), privateKey);
  return `${payload.toString('base64url')}.${signature.toString('base64url')}`;
}

/**
 * Asks for a nonce, signs it, and exchanges the response. `audience` is what the service calls itself: its issuer.
 * @param {{ url: string, audience: string, machine: string, privateKey: import('node:crypto').KeyLike, resource: string }} how
 * @returns the answer of the token endpoint (RFC 8693 §2.2.1)
 */
export async function exchange({ url, audience, machine, privateKey, resource }) {
  const { nonce } = await post(`${url}/challenge`, { subject_token_type: tokenType });
  return post(`${url}/token`, {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token_type: tokenType,
    subject_token: respond({ audience, machine, nonce }, privateKey),
    resource,
  });
}

async function post(url, form) {
  const response = await fetch(url, { method: 'POST', body: new URLSearchParams(form), redirect: 'error' });
  const answer = await response.json();
  if (response.ok) return answer;
  throw new Error(`${url}: ${response.status} ${answer.error}: ${answer.error_description}`);
}
