/** Certificates as text (RFC 7468 §5), several in one. */
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { type Certificate, readCertificate } from './certificate.js';

const blockForm = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** Whatever stands around them is left out. @throws Error for a block that is no certificate */
export function readPem(text: string): Promise<readonly Certificate[]> {
  const blocks = text.match(blockForm) ?? [];
  return Promise.all(blocks.map((pem, index) => readBlock(pem, index + 1)));
}

/** @throws Error that names the file */
export async function readPemFile(file: string): Promise<readonly Certificate[]> {
  const text = await readFile(file, 'utf8');
  return readPem(text).catch((error: Error) => {
    throw new Error(`${file}: ${error.message}`);
  });
}

async function readBlock(pem: string, number: number): Promise<Certificate> {
  const certificate = await readCertificate(derOf(pem));
  if (certificate === undefined) throw new Error(`certificate ${number} of it cannot be read`);
  return certificate;
}

/** Empty for what is no certificate. */
function derOf(pem: string): Buffer {
  try {
    return new X509Certificate(pem).raw;
  } catch {
    return Buffer.alloc(0);
  }
}
