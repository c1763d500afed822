import { sign as cryptoSign } from 'node:crypto';
import { promisify } from 'node:util';
import { createBatch } from '../batch.js';
import { Unavailable } from '../errors.js';
import type { Store } from '../store/store.js';
import { type LocalKey, loadOrMakeKey } from './local-key.js';
import type { Signer, SigningAlgorithm } from './signer.js';

/** Signatures in one turn: 32 of ES256 block for 1 to 2 ms. */
const batchSize = 32;

/** RSA signs ten times slower: a batch of it would block for 8 ms. */
const signInThreadPool = promisify(cryptoSign);

interface SigningKey extends LocalKey {
  /** The first part of a token by `typ`, of which there are as many as kinds of token that we mint. */
  readonly headers: Map<string, string>;
}

/**
 * One key for each algorithm, made at the first start and kept in the store.
 * @param options.algorithms the first is the default
 * @throws Error when a key in the store is damaged; the store's own errors as they come
 */
export async function createLocalSigner(options: {
  readonly algorithms: readonly SigningAlgorithm[];
  readonly store: Store;
}): Promise<Signer> {
  const algorithms = Object.freeze([...options.algorithms]);
  const [defaultAlgorithm] = algorithms;
  if (!defaultAlgorithm) throw new Error('A signer needs at least one algorithm: ES256, RS256 or EdDSA.');
  const loaded = await Promise.all(algorithms.map((algorithm) => loadOrMakeKey(algorithm, options.store)));
  const keys = new Map(loaded.map((key): [string, SigningKey] => [key.algorithm, { ...key, headers: new Map() }]));
  const publicKeys = Object.freeze(loaded.map((key) => key.publicJwk));
  const batch = createBatch(batchSize);
  const inThreadPool = new Set<Promise<string>>();
  let closed = false;

  async function signRsa(key: SigningKey, input: string): Promise<string> {
    const signature = await signInThreadPool(key.hash, Buffer.from(input, 'latin1'), key.input);
    return `${input}.${signature.toString('base64url')}`;
  }

  function signInTurn(key: SigningKey, input: string): string {
    const signature = cryptoSign(key.hash, Buffer.from(input, 'latin1'), key.input);
    return `${input}.${signature.toString('base64url')}`;
  }

  return Object.freeze<Signer>({
    algorithms,
    async sign(typ, claims, algorithm = defaultAlgorithm) {
      if (closed) throw new Unavailable('signer_closed', 'The signer is closed: the service is stopping.');
      const key = keys.get(algorithm);
      if (!key) throw new Error(`${algorithm} is not an algorithm of this signer, which has ${algorithms.join(', ')}.`);
      const input = `${headerOf(key, typ)}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}`;
      if (algorithm !== 'RS256') return batch.run(() => signInTurn(key, input));
      const pending = signRsa(key, input);
      inThreadPool.add(pending);
      return pending.finally(() => inThreadPool.delete(pending));
    },
    publicKeys: () => publicKeys,
    async close() {
      closed = true;
      batch.drain();
      await Promise.allSettled(inThreadPool);
    },
  });
}

function headerOf(key: SigningKey, typ: string): string {
  let header = key.headers.get(typ);
  if (header === undefined) {
    header = Buffer.from(JSON.stringify({ typ, alg: key.algorithm, kid: key.publicJwk.kid })).toString('base64url');
    key.headers.set(typ, header);
  }
  return header;
}
