/** Signs with keys of our own, of which each algorithm has a ring in the store (ring.ts). */
import { sign as cryptoSign } from 'node:crypto';
import { promisify } from 'node:util';
import { createBatch } from '../batch.js';
import { Unavailable } from '../errors.js';
import { followRings, type RingsRoom, type SigningKey } from './rings-in-use.js';
import type { Signer, SigningAlgorithm } from './signer.js';
import { isRecent, readEvery, staleAfter } from './times.js';

/** Signatures in one turn: 32 of ES256 block for 1 to 2 ms. */
const batchSize = 32;

/** RSA signs ten times slower: a batch of it would block for 8 ms. */
const signInThreadPool = promisify(cryptoSign);

/** @throws Error when there is no algorithm, or a ring cannot be used; the store's own errors as they come */
export async function createLocalSigner(room: RingsRoom): Promise<Signer> {
  const { now } = room;
  const algorithms = Object.freeze([...room.algorithms]);
  const [defaultAlgorithm] = algorithms;
  if (!defaultAlgorithm) throw new Error('A signer needs at least one algorithm: ES256, RS256 or EdDSA.');
  const rings = await followRings(room);
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

  function recentKey(algorithm: SigningAlgorithm): SigningKey | undefined {
    const ring = rings.get(algorithm);
    if (!ring) throw new Error(`${algorithm} is not an algorithm of this signer, which has ${algorithms.join(', ')}.`);
    return isRecent(ring.readAt, now()) ? ring.key : undefined;
  }

  /** The process may have been stopped for a while: then nothing but a look is missing. */
  async function keyAfterLook(algorithm: SigningAlgorithm): Promise<SigningKey> {
    await rings.look();
    const key = recentKey(algorithm);
    if (key !== undefined) return key;
    throw new Unavailable(
      'signing_keys_stale',
      `The signing keys for ${algorithm} could not be read for more than ${staleAfter} s, so another replica may have rotated them.`,
      readEvery,
    );
  }

  return Object.freeze<Signer>({
    algorithms,
    async sign(typ, claims, algorithm = defaultAlgorithm) {
      if (closed) throw new Unavailable('signer_closed', 'The signer is closed: the service is stopping.');
      const payload = Buffer.from(JSON.stringify(claims)).toString('base64url');
      const key = recentKey(algorithm) ?? (await keyAfterLook(algorithm));
      const input = `${headerOf(key, typ)}.${payload}`;
      if (algorithm !== 'RS256') return batch.run(() => signInTurn(key, input));
      const pending = signRsa(key, input);
      inThreadPool.add(pending);
      return pending.finally(() => inThreadPool.delete(pending));
    },
    publicKeys: rings.publicKeys,
    keys: rings.states,
    async close() {
      closed = true;
      batch.drain();
      await Promise.allSettled([...inThreadPool, rings.close()]);
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
