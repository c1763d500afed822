/**
 * A stand-in for a Kubernetes cluster that issues service account tokens: own keys, and tokens as the kubelet projects
 * them into pods, claim by claim. It has no API server, so it knows nothing of pods that are gone.
 */
import { createHash, generateKeyPair, type KeyObject, randomUUID, sign as signBytes } from 'node:crypto';
import { promisify } from 'node:util';

const generate = promisify(generateKeyPair);

export type ClusterAlgorithm = 'RS256' | 'ES256' | 'ES384' | 'EdDSA';

export interface ClusterOptions {
  /** The `iss` of the tokens. */
  readonly issuer: string;
  /** Default RS256, as clusters have it. */
  readonly algorithm?: ClusterAlgorithm;
  /** Seconds since the epoch; by default the machine's clock. */
  readonly now?: () => number;
}

export interface TokenRequest {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly audience: string | readonly string[];
  /** Default: the service account's name and `-0`. Null: a token that is bound to no pod. */
  readonly pod?: string | null;
  /** Default: `node-1`, for a token that is bound to a pod. Null: no node, as in clusters before 1.32. */
  readonly node?: string | null;
  /** Seconds; default 3600. */
  readonly lifetime?: number;
}

export type Claims = Readonly<Record<string, unknown>>;

export interface ClusterIssuer {
  readonly issuer: string;
  /** As at the API server's `/openid/v1/jwks`: all keys, the newest first. */
  jwks(): { readonly keys: readonly Claims[] };
  /** The claims that `mint` signs. An object keeps its uid for as long as the cluster lives. */
  claims(request: TokenRequest): Claims;
  /** Signs any claims with the newest key. @param header members beside, or instead of, `alg` and `kid` */
  sign(claims: Claims, header?: Claims): string;
  mint(request: TokenRequest): Promise<string>;
  /** From now on signs with a new key; the older ones stay in the key set. */
  rotate(algorithm?: ClusterAlgorithm): Promise<void>;
}

export async function createClusterIssuer(options: ClusterOptions): Promise<ClusterIssuer> {
  const { issuer, algorithm = 'RS256', now = () => Date.now() / 1000 } = options;
  const uids = new Map<string, string>();
  let keys: readonly [SigningKey, ...SigningKey[]] = [await createSigningKey(algorithm)];

  const reference = (kind: string, namespace: string, name: string) => {
    const object = JSON.stringify([kind, namespace, name]);
    const uid = uids.get(object) ?? randomUUID();
    uids.set(object, uid);
    return { name, uid };
  };

  const claims = ({ namespace, serviceAccount, audience, lifetime = 3600, ...bound }: TokenRequest): Claims => {
    const pod = bound.pod === undefined ? `${serviceAccount}-0` : bound.pod;
    const node = bound.node === undefined && pod !== null ? 'node-1' : bound.node;
    const iat = Math.floor(now());
    return {
      aud: typeof audience === 'string' ? [audience] : audience,
      exp: iat + lifetime,
      iat,
      iss: issuer,
      jti: randomUUID(),
      'kubernetes.io': {
        namespace,
        ...(node ? { node: reference('node', '', node) } : {}),
        ...(pod === null ? {} : { pod: reference('pod', namespace, pod) }),
        serviceaccount: reference('serviceaccount', namespace, serviceAccount),
      },
      nbf: iat,
      sub: `system:serviceaccount:${namespace}:${serviceAccount}`,
    };
  };

  const sign = (body: Claims, header: Claims = {}) => {
    const [{ alg, kid, sign }] = keys;
    const input = `${encode({ alg, kid, ...header })}.${encode(body)}`;
    return `${input}.${sign(input).toString('base64url')}`;
  };

  return Object.freeze<ClusterIssuer>({
    issuer,
    jwks: () => ({ keys: keys.map((key) => key.jwk) }),
    claims,
    sign,
    mint: async (request) => sign(claims(request)),
    rotate: async (next = algorithm) => {
      keys = [await createSigningKey(next), ...keys];
    },
  });
}

interface SigningKey {
  readonly alg: ClusterAlgorithm;
  readonly kid: string;
  readonly jwk: Claims;
  readonly sign: (input: string) => Buffer;
}

async function createSigningKey(alg: ClusterAlgorithm): Promise<SigningKey> {
  const { publicKey, privateKey } = await generators[alg]();
  // As Kubernetes names its keys: by the hash of the public key.
  const kid = createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('base64url');
  const hash = { RS256: 'sha256', ES256: 'sha256', ES384: 'sha384', EdDSA: null }[alg];
  return {
    alg,
    kid,
    jwk: { use: 'sig', kid, alg, ...publicKey.export({ format: 'jwk' }) },
    sign: (input) => signBytes(hash, Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' }),
  };
}

const generators: Readonly<Record<ClusterAlgorithm, () => Promise<{ publicKey: KeyObject; privateKey: KeyObject }>>> = {
  RS256: () => generate('rsa', { modulusLength: 2048 }),
  ES256: () => generate('ec', { namedCurve: 'P-256' }),
  ES384: () => generate('ec', { namedCurve: 'P-384' }),
  EdDSA: () => generate('ed25519'),
};

const encode = (value: Claims) => Buffer.from(JSON.stringify(value)).toString('base64url');
