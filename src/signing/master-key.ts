/** Encryption at rest: AES-256-GCM (NIST SP 800-38D) under a key from a file. */
import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';

export interface MasterKey {
  /** Tells master keys apart, and nothing about them. */
  readonly id: string;
  readonly secret: Buffer;
}

export interface Sealed {
  /** The `id` of the master key. */
  readonly masterKey: string;
  /** base64url of 96 random bits. */
  readonly nonce: string;
  /** base64url of the ciphertext and its tag of 128 bits. */
  readonly ciphertext: string;
}

const algorithm = 'aes-256-gcm';
const nonceBytes = 12;
const tagBytes = 16;

/** @throws Error that tells what a file has to hold, and nothing of what it holds; that of the file system as it comes */
export async function readMasterKey(file: string): Promise<MasterKey> {
  const text = (await readFile(file, 'latin1')).trim();
  const secret = Buffer.from(text, 'base64');
  if (secret.length !== 32 || secret.toString('base64') !== text) {
    throw new Error('a master key is 32 random bytes in base64: make one with `openssl rand -base64 32`');
  }
  const id = createHmac('sha256', secret).update('counterseal master key').digest('base64url').slice(0, 16);
  return Object.freeze({ id, secret });
}

/** @param binding what the text is for: it is opened for nothing else */
export function seal(text: string, { id, secret }: MasterKey, binding: string): Sealed {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv(algorithm, secret, nonce, { authTagLength: tagBytes });
  cipher.setAAD(Buffer.from(binding));
  const ciphertext = Buffer.concat([cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
  return { masterKey: id, nonce: nonce.toString('base64url'), ciphertext: ciphertext.toString('base64url') };
}

/** @throws Error when it was not sealed with this key for this, or was changed since */
export function unseal({ nonce, ciphertext }: Sealed, { secret }: MasterKey, binding: string): string {
  const [iv, bytes] = [nonce, ciphertext].map((text) => Buffer.from(text, 'base64url')) as [Buffer, Buffer];
  if (iv.length !== nonceBytes || bytes.length < tagBytes) throw new Error('It is too short to have been sealed.');
  const decipher = createDecipheriv(algorithm, secret, iv, { authTagLength: tagBytes });
  decipher.setAAD(Buffer.from(binding));
  decipher.setAuthTag(bytes.subarray(-tagBytes));
  return Buffer.concat([decipher.update(bytes.subarray(0, -tagBytes)), decipher.final()]).toString('utf8');
}
