/** What signers have in common whose private keys are kept by a service: bounds, and that nothing leaves unverified. */
import type { JWK } from 'jose';
import { createBreaker } from '../../attestors/breaker.js';
import { withDeadline } from '../deadline.js';
import { Unavailable } from '../errors.js';
import { createOutages, type Outages } from '../outages.js';
import type { PublicKey } from './public-key.js';
import type { Signer, SigningAlgorithm } from './signer.js';

/** Milliseconds for a signature: services take some tens. */
export const defaultDeadline = 2_000;

/** Milliseconds for what is asked at start, where credentials may have to be found first. */
export const startDeadline = 10_000;

export interface RemoteKey extends PublicKey {
  /**
   * @returns the signature as JOSE has it; or Unavailable where the service answers, but gives none
   * @throws Unavailable when the service does not answer
   */
  sign(input: Buffer, signal: AbortSignal): Promise<Buffer | Unavailable>;
}

/** The keys that there are now. */
export interface Ring {
  /** All, frozen: those that sign, those that will, and those that did. */
  readonly publicKeys: readonly JWK[];
  readonly active: ReadonlyMap<SigningAlgorithm, RemoteKey>;
}

export interface Around {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** A line for operators. */
  readonly warn: (message: string) => void;
}

interface RemoteOptions extends Around {
  readonly algorithms: readonly SigningAlgorithm[];
  /** Of the service, for operators. */
  readonly name: string;
  /** What the reasons of its errors begin with. */
  readonly prefix: 'kms' | 'vault';
  /** Frozen, and the same object for as long as nothing changes. */
  readonly ring: () => Ring;
  /** Milliseconds. */
  readonly deadline: number;
  /** Ends what belongs to it, when nothing is under way any more. */
  readonly end: () => Promise<void>;
}

/**
 * @returns a signer that gives out what verifies with the published key and nothing else. When the service is late, down, throttled or
 *   wrong, `sign` throws Unavailable, and operators are told
 */
export function createRemoteSigner(options: RemoteOptions): Signer {
  const { algorithms, name, prefix, ring, deadline, end } = options;
  const [defaultAlgorithm] = algorithms;
  if (defaultAlgorithm === undefined) throw new Error('A signer needs at least one algorithm: ES256, RS256 or EdDSA.');
  const outages = createOutagesOf(options);
  const breaker = createBreaker({ name, prefix, now: () => options.now() / 1000 });
  const pending = new Set<Promise<string>>();
  let closed = false;

  async function request(key: RemoteKey, input: string): Promise<string> {
    const late = () => new Unavailable(`${prefix}_late`, `${name} did not sign within ${deadline} ms.`);
    const bytes = Buffer.from(input, 'latin1');
    try {
      const ask = () => withDeadline(deadline, null, late, (signal) => key.sign(bytes, signal));
      const signature = checked(key, bytes, await breaker.run(null, ask), options);
      outages.answered(name);
      return `${input}.${signature.toString('base64url')}`;
    } catch (error) {
      outages.failed(name, error, null);
      throw error;
    }
  }

  return Object.freeze<Signer>({
    algorithms,
    async sign(typ, claims, algorithm = defaultAlgorithm) {
      if (closed) throw new Unavailable('signer_closed', 'The signer is closed: the service is stopping.');
      const key = ring().active.get(algorithm);
      if (!key) throw new Error(`${algorithm} is not an algorithm of this signer, which has ${algorithms.join(', ')}.`);
      const input = [{ typ, alg: algorithm, kid: key.jwk.kid }, claims].map(encoded).join('.');
      const signing = request(key, input);
      pending.add(signing);
      return signing.finally(() => pending.delete(signing));
    },
    publicKeys: () => ring().publicKeys,
    async close() {
      closed = true;
      await Promise.allSettled(pending);
      await end();
    },
  });
}

/** Whether each key signs what its public half verifies, before anybody relies on it. @throws Error, and Unavailable */
export async function tryKeys(keys: readonly RemoteKey[], service: Pick<RemoteOptions, 'name' | 'prefix'>) {
  const input = Buffer.from('counterseal');
  const late = () =>
    new Unavailable(`${service.prefix}_late`, `${service.name} did not sign within ${startDeadline} ms.`);
  const one = async (key: RemoteKey) => {
    checked(key, input, await withDeadline(startDeadline, null, late, (signal) => key.sign(input, signal)), service);
  };
  await Promise.all(keys.map(one));
}

/** Seconds there, milliseconds here. */
export const createOutagesOf = ({ now, warn }: Around): Outages => createOutages({ now: () => now() / 1000, warn });

/** @throws Unavailable for what is no signature of the key */
function checked(
  key: PublicKey,
  input: Buffer,
  signature: Buffer | Unavailable,
  { name, prefix }: Pick<RemoteOptions, 'name' | 'prefix'>,
): Buffer {
  if (signature instanceof Unavailable) throw signature;
  if (key.verifies(input, signature)) return signature;
  const what = `${name} gave a signature that does not verify with the ${key.algorithm} key ${key.jwk.kid}; it was not given out.`;
  throw new Unavailable(`${prefix}_signature`, what);
}

const encoded = (part: unknown): string => Buffer.from(JSON.stringify(part)).toString('base64url');
