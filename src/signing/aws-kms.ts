/** Signs with keys of AWS KMS. The SDK is loaded here and nowhere else, and finds its credentials as it always does. */
import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import type { KMSClientConfig, SigningAlgorithmSpec } from '@aws-sdk/client-kms';
import type { Outbound } from '../outbound.js';
import { Away } from './away.js';
import { joseOfDer } from './der.js';
import { kmsFault, kmsIsAway, whatToDo } from './kms-fault.js';
import { publicKeyOf } from './public-key.js';
import { type Around, createRemoteSigner, defaultDeadline, type RemoteKey, startDeadline, tryKeys } from './remote.js';
import type { Signer, SigningAlgorithm } from './signer.js';

/** EdDSA is left out: KMS has it, but nothing that we could test it on. */
export const kmsAlgorithms = ['ES256', 'RS256'] as const;

export interface KmsKey {
  /** A key's id or ARN: an alias may come to mean another key, which nobody has published. */
  readonly id: string;
  readonly algorithm: (typeof kmsAlgorithms)[number];
  /** All are published; what is active signs: one key an algorithm. */
  readonly state: 'active' | 'next' | 'retired';
}

export interface KmsSigning {
  readonly type: 'aws-kms';
  readonly region: string;
  /** URL that is called instead of the region's own. */
  readonly endpoint?: string | undefined;
  readonly keys: readonly KmsKey[];
}

export interface KmsRoom extends Around {
  /** Of this signer alone: it is closed with it. */
  readonly outbound: Outbound;
  /** Milliseconds for a signature. */
  readonly deadline?: number;
}

const services: Readonly<Record<KmsKey['algorithm'], SigningAlgorithmSpec>> = {
  ES256: 'ECDSA_SHA_256',
  RS256: 'RSASSA_PKCS1_V1_5_SHA_256',
};

/** Bytes that KMS takes as they are. What is longer goes as its hash, which gives the same signature. */
const longestMessage = 4096;

/** Bytes of an answer: a signature, or a public key. */
const maxBytes = 16 * 1024;

/** @throws Error when the SDK is missing, or a key cannot be used: it says which, and what to do; Unavailable while KMS does not answer */
export async function createKmsSigner(signing: KmsSigning, room: KmsRoom): Promise<Signer> {
  const { region, endpoint, keys } = signing;
  const { KMSClient: Client, GetPublicKeyCommand, SignCommand } = await loadSdk();
  const name = `AWS KMS in ${region}`;
  // Who asks is told to try again, and does: more than one attempt would only prolong an outage.
  const settings = { region, maxAttempts: 1, requestHandler: throughOurWayOut(room.outbound) };
  const client = new Client(endpoint === undefined ? settings : { ...settings, endpoint });

  async function load({ id, algorithm }: KmsKey): Promise<RemoteKey> {
    const abortSignal = AbortSignal.timeout(startDeadline);
    const { PublicKey: der } = await client.send(new GetPublicKeyCommand({ KeyId: id }), { abortSignal });
    return Object.freeze<RemoteKey>({
      ...(await publicKeyOf(algorithm, readKey(Buffer.from(der ?? [])))),
      async sign(input, signal) {
        const command = new SignCommand({ KeyId: id, SigningAlgorithm: services[algorithm], ...messageOf(input) });
        try {
          const { Signature: signature } = await client.send(command, { abortSignal: signal });
          return joseOf(algorithm, Buffer.from(signature ?? []));
        } catch (error) {
          return kmsFault(name, id, error);
        }
      },
    });
  }

  const end = async () => {
    client.destroy();
    await room.outbound.close();
  };
  try {
    const loaded = await Promise.all(keys.map((key) => usable(key, name, () => load(key))));
    const active = loaded.filter((_, index) => keys[index]?.state === 'active');
    const ring = Object.freeze({
      publicKeys: Object.freeze(loaded.map(({ jwk }) => jwk)),
      active: new Map(active.map((key) => [key.algorithm, key])),
    });
    const algorithms = Object.freeze<SigningAlgorithm[]>(active.map(({ algorithm }) => algorithm));
    const { now, warn, deadline = defaultDeadline } = room;
    return createRemoteSigner({ algorithms, name, prefix: 'kms', ring: () => ring, deadline, now, warn, end });
  } catch (error) {
    await end();
    throw error;
  }
}

/** A key whose signature will be wanted makes one now. @throws Error that names the key, and says what to do; Unavailable while KMS does not answer */
async function usable({ id, state }: KmsKey, name: string, load: () => Promise<RemoteKey>): Promise<RemoteKey> {
  try {
    const key = await load();
    if (state !== 'retired') await tryKeys([key], { name, prefix: 'kms' });
    return key;
  } catch (error) {
    const what = `signing.keys: the key ${id} of ${name} cannot be used: ${whatToDo(error)}`;
    throw kmsIsAway(error) ? new Away('kms_key', what) : new Error(what);
  }
}

function readKey(der: Buffer): KeyObject {
  try {
    return createPublicKey({ key: der, format: 'der', type: 'spki' });
  } catch {
    throw new Error('KMS did not answer with a public key');
  }
}

const messageOf = (input: Buffer) =>
  input.length <= longestMessage
    ? ({ Message: input, MessageType: 'RAW' } as const)
    : ({ Message: createHash('sha256').update(input).digest(), MessageType: 'DIGEST' } as const);

/** What is no DER is left to fail the check that follows. */
const joseOf = (algorithm: KmsKey['algorithm'], signature: Buffer): Buffer =>
  algorithm === 'ES256' ? (joseOfDer(signature) ?? Buffer.alloc(0)) : signature;

async function loadSdk(): Promise<typeof import('@aws-sdk/client-kms')> {
  try {
    return await import('@aws-sdk/client-kms');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new Error(
      'signing.type: aws-kms needs the package @aws-sdk/client-kms, which is not installed: npm install @aws-sdk/client-kms',
    );
  }
}

/** The part of the SDK's interface that our way out fills in; the SDK knows requests in no other form. */
interface SdkRequest {
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number;
  readonly path: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

/** The SDK hands out bytes that warn when they are treated as a text. */
const textOf = (body: string | Uint8Array): string =>
  typeof body === 'string' ? body : Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8');

type SdkHandler = Extract<NonNullable<KMSClientConfig['requestHandler']>, { handle: unknown }>;

/** With its checks of addresses, its limits and its trust; where the chain of credentials asks STS, that goes the same way. */
function throughOurWayOut({ send }: Outbound): SdkHandler {
  const handle = async (request: SdkRequest, { abortSignal }: { abortSignal?: unknown } = {}) => {
    const { protocol, hostname, port, path, method, headers, body } = request;
    const signal = abortSignal instanceof AbortSignal ? abortSignal : AbortSignal.timeout(startDeadline);
    const answer = await send(`${protocol}//${hostname}${port === undefined ? '' : `:${port}`}${path}`, {
      method: method === 'GET' ? 'GET' : 'POST',
      headers,
      ...(body !== undefined && { body: textOf(body) }),
      signal,
      maxBytes,
    });
    const type = answer.contentType === null ? {} : { 'content-type': answer.contentType };
    return { response: { statusCode: answer.status, headers: type, body: new Uint8Array(answer.body) } };
  };
  // The SDK's types ask for its own classes; what it does with an answer is covered by the tests against a real server.
  return { handle, metadata: { handlerProtocol: 'http/1.1' } } as unknown as SdkHandler;
}
