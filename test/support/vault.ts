/** A server that keeps keys and signs as Vault's transit engine does, with its checks and its errors. */
import { createHash, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { signHashByEcdsa, signHashByRsa } from './hash-signatures.js';
import { startUpstream } from './upstream.js';

type KeyType = 'ecdsa-p256' | 'ecdsa-p384' | 'rsa-2048' | 'ed25519';

interface TransitVersion {
  readonly privateKey: KeyObject;
  readonly creationTime: string;
}

export interface TransitKey {
  readonly type: KeyType;
  readonly versions: TransitVersion[];
  minDecryptionVersion: number;
  minEncryptionVersion: number;
}

export interface VaultRequest {
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: Readonly<Record<string, unknown>>;
}

interface VaultAnswer {
  readonly status: number;
  /** Text is sent as it is. */
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface VaultOptions {
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
  readonly namespace?: string;
  /** What the service account's token has to be for a login. */
  readonly jwt?: string;
  /** Seconds that a login is good for. */
  readonly lease?: number;
}

export interface TestVault {
  readonly url: string;
  /** Tokens that are good; a login adds one. */
  readonly tokens: Set<string>;
  readonly keys: Map<string, TransitKey>;
  readonly requests: VaultRequest[];
  /** Adds a version; the first makes the key. */
  rotate(name: string, type?: KeyType): void;
  /** Answers instead of the server where it returns something; null: there is never an answer. */
  instead: (request: VaultRequest) => VaultAnswer | null | undefined;
  close(): Promise<void>;
}

const make: Readonly<Record<KeyType, () => { readonly privateKey: KeyObject }>> = {
  'ecdsa-p256': () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  'ecdsa-p384': () => generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  'rsa-2048': () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ed25519: () => generateKeyPairSync('ed25519'),
};

export async function startVault(options: VaultOptions = {}): Promise<TestVault> {
  const { now = Date.now, namespace, jwt, lease = 3600 } = options;
  const vault: Omit<TestVault, 'url' | 'close'> = {
    tokens: new Set(['hvs.canary-vault-token']),
    keys: new Map(),
    requests: [],
    rotate(name, type = 'ecdsa-p256') {
      const key = vault.keys.get(name) ?? { type, versions: [], minDecryptionVersion: 1, minEncryptionVersion: 0 };
      // Vault writes nanoseconds.
      const creationTime = new Date(now()).toISOString().replace('Z', '123456Z');
      key.versions.push({ privateKey: make[key.type]().privateKey, creationTime });
      vault.keys.set(name, key);
    },
    instead: () => undefined,
  };

  function answer({ path, headers, body }: VaultRequest): VaultAnswer {
    if (headers['x-vault-namespace'] !== namespace) return refuse(404, 'no handler for route');
    if (path === '/v1/auth/kubernetes/login') {
      if (body.jwt !== jwt || body.role !== 'counterseal') return refuse(403, 'permission denied');
      const token = `hvs.login-${vault.tokens.size}`;
      vault.tokens.add(token);
      return { status: 200, body: { auth: { client_token: token, lease_duration: lease, renewable: true } } };
    }
    if (!vault.tokens.has(String(headers['x-vault-token']))) return refuse(403, 'permission denied');
    const [, what, name = ''] = /^\/v1\/transit\/(keys|sign)\/([\w.-]+)$/.exec(path) ?? [];
    const key = vault.keys.get(name);
    if (what === 'keys')
      return key === undefined
        ? { status: 404, body: { errors: [] } }
        : { status: 200, body: { data: described(key) } };
    if (what === 'sign') return key === undefined ? refuse(400, 'signing key not found') : signed(key, body);
    return refuse(404, 'no handler for route');
  }

  const upstream = await startUpstream(async (req, res) => {
    const chunks: Buffer[] = [];
    for await (const chunk of req) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    const request = { path: req.url ?? '', headers: req.headers, body: text === '' ? {} : JSON.parse(text) };
    vault.requests.push(request);
    const instead = vault.instead(request);
    if (instead === null) return;
    const { status, body, headers = {} } = instead ?? answer(request);
    res.writeHead(status, { 'content-type': 'application/json', ...headers });
    res.end(
      typeof body === 'string'
        ? body
        : JSON.stringify({ request_id: 'x', data: null, auth: null, ...(body as object) }),
    );
  });
  return Object.assign(vault, { url: `http://127.0.0.1:${upstream.port}`, close: upstream.close });
}

const refuse = (status: number, error: string): VaultAnswer => ({ status, body: { errors: [error] } });

function described(key: TransitKey) {
  const versions = key.versions.map(({ privateKey, creationTime }, index) => {
    const publicKey = createPublicKey(privateKey);
    const written =
      key.type === 'ed25519'
        ? Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url').toString('base64')
        : publicKey.export({ type: 'spki', format: 'pem' });
    return [String(index + 1), { creation_time: creationTime, name: key.type, public_key: written }] as const;
  });
  return {
    type: key.type,
    derived: false,
    exportable: false,
    supports_signing: true,
    latest_version: key.versions.length,
    min_available_version: 0,
    min_decryption_version: key.minDecryptionVersion,
    min_encryption_version: key.minEncryptionVersion,
    keys: Object.fromEntries(versions.slice(key.minDecryptionVersion - 1)),
  };
}

function signed({ type, versions, minEncryptionVersion }: TransitKey, body: VaultRequest['body']): VaultAnswer {
  const number = Number(body.key_version ?? versions.length);
  const version = versions[number - 1];
  if (version === undefined) return refuse(400, 'requested version for signing is higher than the latest key version');
  if (number < minEncryptionVersion)
    return refuse(400, 'requested version for signing is less than the minimum encryption key version');
  const input = Buffer.from(String(body.input), 'base64');
  const signature = signHashed(type, version.privateKey, { input, prehashed: body.prehashed === true });
  const encoding = body.marshaling_algorithm === 'jws' ? 'base64url' : 'base64';
  return {
    status: 200,
    body: { data: { signature: `vault:v${number}:${signature.toString(encoding)}`, key_version: number } },
  };
}

function signHashed(
  type: KeyType,
  key: KeyObject,
  { input, prehashed }: { input: Buffer; prehashed: boolean },
): Buffer {
  if (type === 'ed25519') return sign(null, input, key);
  const hash = prehashed ? input : createHash('sha256').update(input).digest();
  return type === 'rsa-2048' ? signHashByRsa(hash, key) : signHashByEcdsa(hash, key);
}
