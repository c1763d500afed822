/** What a listener shows, and whom it lets in: read from the files of `listen.tls`, and judged as a whole. */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';

interface NamedFile {
  /** Absolute. */
  readonly file: string;
}

export interface TlsOptions {
  /** PEM: the certificate, and after it those between it and its root. */
  readonly cert: NamedFile;
  /** PEM: its private key, not encrypted. */
  readonly key: NamedFile;
  /** PEM: who signs certificates of clients. Undefined: clients show none. */
  readonly clientCa?: NamedFile | undefined;
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
}

export interface Material {
  /** PEM. */
  readonly cert: string;
  readonly key: string;
  /** PEM; undefined: clients show no certificate. */
  readonly ca: readonly string[] | undefined;
  /** When the certificate ends, in seconds since the epoch. */
  readonly notAfter: number;
}

export const filesOf = ({ cert, key, clientCa }: TlsOptions): readonly string[] =>
  [cert, key, ...(clientCa === undefined ? [] : [clientCa])].map(({ file }) => file);

/**
 * @param now seconds since the epoch
 * @throws Error that names the key of the configuration, the file and the remedy
 */
export async function readMaterial({ cert, key, clientCa }: TlsOptions, now: number): Promise<Material> {
  const chain = await readCertificates('listen.tls.cert', cert.file);
  const keyText = await readText('listen.tls.key', key.file);
  const [leaf] = chain;
  if (!leaf.checkPrivateKey(readKey(key.file, keyText))) {
    throw new Error(
      `listen.tls: the certificate in ${cert.file} is not that of the key in ${key.file}: replace both together`,
    );
  }
  const { notBefore, notAfter } = validityOf(leaf);
  if (now >= notAfter) {
    throw new Error(`listen.tls.cert: the certificate in ${cert.file} expired ${leaf.validTo}: put a new one there`);
  }
  if (now < notBefore) {
    throw new Error(
      `listen.tls.cert: the certificate in ${cert.file} is valid from ${leaf.validFrom} on: set the clock, or put an earlier one there`,
    );
  }
  const ca = clientCa && (await readAuthorities(clientCa.file));
  const material = { cert: chain.map(String).join(''), key: keyText, ca, notAfter };
  try {
    createSecureContext({ ...material, ca: ca && [...ca] });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new Error(`listen.tls: OpenSSL does not take ${cert.file} and ${key.file}: ${code ?? message}`);
  }
  return Object.freeze(material);
}

async function readText(name: string, file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new Error(`${name}: ${file} cannot be read: ${(error as NodeJS.ErrnoException).code}`);
  }
}

const blockForm = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

async function readCertificates(name: string, file: string): Promise<[X509Certificate, ...X509Certificate[]]> {
  const blocks = (await readText(name, file)).match(blockForm) ?? [];
  const certificates = blocks.map((pem, index) => {
    try {
      return new X509Certificate(pem);
    } catch {
      throw new Error(`${name}: certificate ${index + 1} in ${file} cannot be read: put PEM certificates there`);
    }
  });
  const [first, ...rest] = certificates;
  if (first === undefined) throw new Error(`${name}: there is no PEM certificate in ${file}: put one there`);
  return [first, ...rest];
}

function readKey(file: string, text: string): KeyObject {
  try {
    return createPrivateKey(text);
  } catch {
    throw new Error(`listen.tls.key: there is no PEM private key without a passphrase in ${file}: put one there`);
  }
}

/** Never empty: without a list, the roots of the whole web would be let in. */
async function readAuthorities(file: string): Promise<readonly string[]> {
  const authorities = await readCertificates('listen.tls.clientCa', file);
  const other = authorities.find(({ ca }) => !ca);
  if (other !== undefined) {
    const subject = JSON.stringify(other.subject);
    throw new Error(`listen.tls.clientCa: ${subject} in ${file} is no certificate authority: put only those there`);
  }
  return Object.freeze(authorities.map(String).sort());
}

function validityOf({ validFrom, validTo }: X509Certificate) {
  return { notBefore: Date.parse(validFrom) / 1000, notAfter: Date.parse(validTo) / 1000 };
}
