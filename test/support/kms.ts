/**
 * A server that keeps keys and signs as AWS KMS documents it (JSON 1.1, `X-Amz-Target`), for what moto does not do: the hash as
 * message, keys that are disabled, and answers that are wrong.
 */
import { createHash, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { derOf, signHashByEcdsa, signHashByRsa } from './hash-signatures.js';
import { startUpstream } from './upstream.js';

export interface KmsRequest {
  readonly operation: string;
  readonly authorization: string;
  readonly body: Readonly<Record<string, unknown>>;
}

interface KmsAnswer {
  readonly status: number;
  /** Text is sent as it is. */
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface TestKms {
  readonly url: string;
  /** By id; they sign as their type does. */
  readonly keys: Map<string, KeyObject>;
  readonly requests: KmsRequest[];
  /** Answers instead of the server where it returns something; null: there is never an answer. */
  instead: (request: KmsRequest) => KmsAnswer | null | undefined;
  close(): Promise<void>;
}

export const keyId = '1234abcd-12ab-34cd-56ef-1234567890ab';

export async function startKms(): Promise<TestKms> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const kms: Omit<TestKms, 'url' | 'close'> = {
    keys: new Map([[keyId, privateKey]]),
    requests: [],
    instead: () => undefined,
  };

  function answer({ operation, body }: KmsRequest): KmsAnswer {
    const key = kms.keys.get(String(body.KeyId));
    if (key === undefined) return kmsError('NotFoundException');
    if (operation === 'Sign')
      return { status: 200, body: { KeyId: body.KeyId, Signature: signed(key, body).toString('base64') } };
    const der = createPublicKey(key).export({ type: 'spki', format: 'der' });
    return { status: 200, body: { KeyId: body.KeyId, KeyUsage: 'SIGN_VERIFY', PublicKey: der.toString('base64') } };
  }

  const upstream = await startUpstream(async (req, res) => {
    const chunks: Buffer[] = [];
    for await (const chunk of req) chunks.push(chunk as Buffer);
    const operation = String(req.headers['x-amz-target']).replace('TrentService.', '');
    const authorization = String(req.headers.authorization);
    const request = { operation, authorization, body: JSON.parse(Buffer.concat(chunks).toString()) };
    kms.requests.push(request);
    const instead = kms.instead(request);
    if (instead === null) return;
    const { status, body, headers = {} } = instead ?? answer(request);
    res.writeHead(status, { 'content-type': 'application/x-amz-json-1.1', ...headers });
    res.end(typeof body === 'string' ? body : JSON.stringify(body));
  });
  return Object.assign(kms, { url: `http://127.0.0.1:${upstream.port}`, close: upstream.close });
}

/** As KMS tells an error, with a message that nobody should read. */
export const kmsError = (type: string, status = 400): KmsAnswer => ({
  status,
  body: { __type: type, message: 'canary-message' },
});

function signed(key: KeyObject, { Message: message, MessageType: type }: KmsRequest['body']): Buffer {
  const bytes = Buffer.from(String(message), 'base64');
  const hash = type === 'DIGEST' ? bytes : createHash('sha256').update(bytes).digest();
  return key.asymmetricKeyType === 'rsa' ? signHashByRsa(hash, key) : derOf(signHashByEcdsa(hash, key));
}
