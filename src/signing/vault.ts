/** Signs with keys of the transit engine of Vault or OpenBao, whose versions follow each other without a restart of ours. */
import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { Refusal, Unavailable } from '../errors.js';
import type { Outbound } from '../outbound.js';
import { Away, isAway } from './away.js';
import * as remote from './remote.js';
import type { Signer, SigningAlgorithm } from './signer.js';
import { createVaultClient, type VaultAccess, type VaultClient } from './vault-client.js';
import { activeOf, lookEvery, type Version, versionsOf } from './vault-versions.js';

export interface VaultKey {
  readonly name: string;
  readonly algorithm: SigningAlgorithm;
}

export interface VaultSigning extends VaultAccess {
  readonly type: 'vault';
  /** Of the transit engine. */
  readonly mount: string;
  /** One an algorithm; the first is the default. */
  readonly keys: readonly VaultKey[];
}

export interface VaultRoom extends remote.Around {
  /** Of this signer alone: it is closed with it. */
  readonly outbound: Outbound;
  /** Milliseconds for a signature. */
  readonly deadline?: number;
  /** Milliseconds between two looks for new versions. */
  readonly lookEvery?: number;
}

/** @throws Error when a key cannot be used: it says which, and what to do; Unavailable while Vault does not answer */
export async function createVaultSigner(signing: VaultSigning, room: VaultRoom): Promise<Signer> {
  const { keys, mount, url } = signing;
  const { now, warn, outbound, deadline = remote.defaultDeadline } = room;
  const name = `Vault at ${url}`;
  const client = createVaultClient(signing, { send: outbound.send, now: () => now() / 1000 });
  const outages = remote.createOutagesOf(room);

  async function load(key: VaultKey): Promise<Loaded> {
    const path = `${mount}/keys/${key.name}`;
    try {
      const data = await client.ask(path, null, AbortSignal.timeout(remote.startDeadline));
      if (data instanceof Unavailable) throw data;
      return { key, versions: await versionsOf(data, key.algorithm) };
    } catch (error) {
      const why = error instanceof Refusal ? error.detail : `${(error as Error).message}.`;
      const Fault = isAway(error) ? Away : Unavailable;
      throw new Fault('vault_key', `The key ${path} of ${name} cannot be used: ${why}`);
    }
  }

  const loadAll = () => Promise.all(keys.map(load));
  const ringOf = (loaded: readonly Loaded[]) => readRing(loaded, { client, mount, name, now: now() });
  try {
    let loaded = await loadAll();
    let ring = ringOf(loaded);
    await remote.tryKeys([...ring.active.values()], { name, prefix: 'vault' });

    const look = async () => {
      const what = `${name}, asked for its keys,`;
      try {
        const next = await loadAll();
        ring = keepSame(ring, ringOf(next));
        loaded = next;
        outages.answered(what);
      } catch (error) {
        outages.failed(what, error, null);
        // With time, a version that is known becomes the one that signs.
        ring = keepSame(ring, ringOf(loaded));
      }
    };
    let looking = Promise.resolve();
    const timer = setInterval(() => {
      looking = looking.then(look);
    }, room.lookEvery ?? lookEvery);
    timer.unref();
    const end = async () => {
      clearInterval(timer);
      await looking;
      await outbound.close();
    };
    const algorithms = Object.freeze(keys.map(({ algorithm }) => algorithm));
    return remote.createRemoteSigner({ algorithms, name, prefix: 'vault', ring: () => ring, deadline, now, warn, end });
  } catch (error) {
    await outbound.close();
    throw error instanceof Refusal && !isAway(error) ? new Error(`signing: ${error.detail}`) : error;
  }
}

/** A key, and what Vault said of it. */
interface Loaded {
  readonly key: VaultKey;
  readonly versions: readonly Version[];
}

interface Place {
  readonly client: VaultClient;
  readonly mount: string;
  readonly name: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** @throws Unavailable when a key has no version that signs */
function readRing(loaded: readonly Loaded[], place: Place): remote.Ring {
  const active = loaded.map(({ key, versions }): [SigningAlgorithm, remote.RemoteKey] => {
    const version = activeOf(versions, place.now);
    if (version !== undefined) return [key.algorithm, signingKey(key, version, place)];
    const what = `The key ${place.mount}/keys/${key.name} of ${place.name} has no version that signs.`;
    throw new Unavailable('vault_key', what);
  });
  const publicKeys = loaded.flatMap(({ versions }) => versions.map(({ publicKey }) => publicKey.jwk));
  return Object.freeze({ publicKeys: Object.freeze(publicKeys), active: new Map(active) });
}

/** Whoever caches by identity sees a new list only where there is one. */
const keepSame = (before: remote.Ring, after: remote.Ring): remote.Ring =>
  isDeepStrictEqual(before.publicKeys, after.publicKeys)
    ? Object.freeze({ ...after, publicKeys: before.publicKeys })
    : after;

function signingKey(
  { name, algorithm }: VaultKey,
  { number, publicKey }: Version,
  { client, mount }: Place,
): remote.RemoteKey {
  return Object.freeze<remote.RemoteKey>({
    ...publicKey,
    async sign(input, signal) {
      const body = { ...inputOf(algorithm, input), key_version: number, marshaling_algorithm: 'jws' };
      const data = await client.ask(`${mount}/sign/${name}`, body, signal);
      if (data instanceof Unavailable) return data;
      const [, version, signature = ''] = /^vault:v([0-9]{1,9}):([\w-]{1,1024})$/.exec(String(data.signature)) ?? [];
      // What is no signature is left to fail the check that follows.
      return Number(version) === number ? Buffer.from(signature, 'base64url') : Buffer.alloc(0);
    },
  });
}

/** The hash is enough for those that sign one: claims stay here. */
function inputOf(algorithm: SigningAlgorithm, input: Buffer) {
  if (algorithm === 'EdDSA') return { input: input.toString('base64') };
  const hashed = {
    input: createHash('sha256').update(input).digest('base64'),
    prehashed: true,
    hash_algorithm: 'sha2-256',
  };
  return algorithm === 'RS256' ? { ...hashed, signature_algorithm: 'pkcs1v15' } : hashed;
}
