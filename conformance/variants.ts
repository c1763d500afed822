/** Evidence, good and wrong in one way each. A suite that has the key of an issuer can make all of it. */
import { createHmac, randomBytes, randomUUID } from 'node:crypto';
import { encode, type Members, publicJwk, type SigningKey, signBytes, signJwt, signParts } from './jws.js';

export interface Mint {
  /** Of an issuer that the server trusts. */
  readonly key: SigningKey;
  /** Of the same kind and name; nobody knows it. */
  readonly stranger: SigningKey;
  /** That the server accepts. */
  readonly claims: Members;
  /** Where a request of the server would be noticed. */
  readonly trap: string;
  /** Of the server. */
  readonly tokenEndpoint: string;
}

type Make = (mint: Mint) => string;

/** Seconds. */
const hour = 3600;

const changed =
  (change: (claims: Members) => Members): Make =>
  ({ key, claims }) =>
    signJwt(key, { ...claims, ...change(claims) });

const headed =
  (header: (mint: Mint) => Members): Make =>
  (mint) =>
    signJwt(mint.key, mint.claims, header(mint));

/** Signed by nobody whom the server knows, with a header that leads to that key. */
const led =
  (header: (mint: Mint) => Members): Make =>
  (mint) =>
    signJwt(mint.stranger, mint.claims, header(mint));

const hmac = (secret: string | Buffer, { claims }: Mint, header: Members): string => {
  const input = `${encode(JSON.stringify({ alg: 'HS256', ...header }))}.${encode(JSON.stringify(claims))}`;
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
};

const unsigned = (alg: string): Make => {
  return ({ key, claims }) => `${encode(JSON.stringify({ alg, kid: key.kid }))}.${encode(JSON.stringify(claims))}.`;
};

/** A member with the same name twice: what one parser takes is not what another takes. */
const twice = (members: Members, name: string, first: unknown): string =>
  `{${JSON.stringify(name)}:${JSON.stringify(first)},${JSON.stringify(members).slice(1)}`;

const makers = {
  good: changed(() => ({})),
  garbage: () => randomUUID(),
  'bad-signature': ({ stranger, claims }) => signJwt(stranger, claims),
  'altered-claims': ({ key, claims }) => {
    const [header, , signature] = signJwt(key, claims).split('.');
    return `${header}.${encode(JSON.stringify({ ...claims, sub: `${String(claims.sub)}-other` }))}.${signature}`;
  },
  expired: changed(({ iat }) => ({
    iat: Number(iat) - 2 * hour,
    nbf: Number(iat) - 2 * hour,
    exp: Number(iat) - hour,
  })),
  'not-yet-valid': changed(({ nbf }) => ({ nbf: Number(nbf) + hour, exp: Number(nbf) + hour + 300 })),
  'no-expiry': changed(() => ({ exp: undefined })),
  'distant-expiry': changed(({ exp }) => ({ exp: Number(exp) + 10 * 365 * 24 * hour })),
  'text-expiry': changed(({ exp }) => ({ exp: String(exp) })),
  'no-subject': changed(() => ({ sub: undefined })),
  'no-issuer': changed(() => ({ iss: undefined })),
  'untrusted-issuer': changed(() => ({ iss: 'https://untrusted.conformance.example' })),
  'no-audience': changed(() => ({ aud: undefined })),
  'wrong-audience': changed(() => ({ aud: 'https://other.conformance.example' })),
  'longer-audience': changed(({ aud }) => ({ aud: `${String(aud)}.conformance.example` })),
  'further-audiences': changed(({ aud }) => ({ aud: [aud, 'https://other.conformance.example'] })),
  'token-endpoint-audience': (mint) => signJwt(mint.key, { ...mint.claims, aud: mint.tokenEndpoint }),
  'with-act': changed(() => ({ act: { sub: 'conformance-unheard-of' } })),
  'may-act-other': changed(() => ({ may_act: { sub: 'conformance-unheard-of' } })),
  'alg-none': unsigned('none'),
  'alg-none-capitals': unsigned('NONE'),
  'alg-none-signed': headed(() => ({ alg: 'none' })),
  'alg-small-letters': headed(({ key }) => ({ alg: key.alg.toLowerCase() })),
  'public-key-as-secret': (mint) =>
    hmac(mint.key.publicKey.export({ type: 'spki', format: 'pem' }), mint, { kid: mint.key.kid }),
  'public-jwk-as-secret': (mint) => hmac(JSON.stringify(publicJwk(mint.key)), mint, { kid: mint.key.kid }),
  'wrong-curve': ({ key, claims }) => {
    // It would hold for whoever takes the hash of the header with the key of the key set.
    const [alg, digest] = key.alg === 'ES384' ? ['ES256', 'sha256'] : ['ES384', 'sha384'];
    const input = `${encode(JSON.stringify({ alg, kid: key.kid }))}.${encode(JSON.stringify(claims))}`;
    return `${input}.${signBytes(key, input, key.alg === 'EdDSA' ? null : digest)}`;
  },
  'unknown-critical': headed(() => ({ crit: ['conformance'], conformance: true })),
  'unencoded-payload': ({ key, claims }) => {
    const header = encode(JSON.stringify({ alg: key.alg, kid: key.kid, b64: false, crit: ['b64'] }));
    const payload = encode(JSON.stringify(claims));
    return `${header}.${payload}.${signBytes(key, `${header}.${payload}`)}`;
  },
  encrypted: ({ key }) => {
    const header = encode(JSON.stringify({ alg: 'RSA-OAEP-256', enc: 'A256GCM', kid: key.kid }));
    return [header, ...[256, 12, 120, 16].map((size) => randomBytes(size).toString('base64url'))].join('.');
  },
  'json-form': ({ key, claims }) => {
    const [header, payload, signature] = signJwt(key, claims).split('.');
    return JSON.stringify({ payload, protected: header, signature });
  },
  nested: ({ key, claims }) =>
    signParts(key, JSON.stringify({ alg: key.alg, kid: key.kid, cty: 'JWT' }), signJwt(key, claims)),
  'duplicate-claims': ({ key, claims }) =>
    signParts(key, JSON.stringify({ alg: key.alg, kid: key.kid }), twice(claims, 'sub', 'somebody-else')),
  'duplicate-header': ({ key, claims }) =>
    signParts(key, twice({ alg: key.alg, kid: key.kid }, 'alg', 'none'), JSON.stringify(claims)),
  'embedded-jwk': led(({ stranger }) => ({ jwk: publicJwk(stranger) })),
  jku: led(({ trap }) => ({ jku: trap })),
  x5u: led(({ trap }) => ({ x5u: trap })),
  'kid-url': led(({ trap }) => ({ kid: trap })),
  'kid-path': (mint) => hmac('', mint, { kid: '../../../../../../../../dev/null' }),
} satisfies Readonly<Record<string, Make>>;

export type Variant = keyof typeof makers;

export const variants: Readonly<Record<Variant, Make>> = Object.freeze(makers);

export const variantNames = Object.freeze(Object.keys(makers)) as readonly Variant[];
