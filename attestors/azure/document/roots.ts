/** The certificate authorities that a document's signer has to come from. */
import { X509Certificate } from 'node:crypto';
import { rootCertificates } from 'node:tls';
import type { Certificate } from '../../cms/certificate.js';
import { readPem, readPemFile } from '../../cms/pem.js';

/** Of those that Microsoft documents for Azure, these are in Node's own list; by SHA-256. */
const known: readonly string[] = [
  // DigiCert Global Root G2
  'CB:3C:CB:B7:60:31:E5:E0:13:8F:8D:D3:9A:23:F9:DE:47:FF:C3:5E:43:C1:14:4C:EA:27:D4:6A:5A:B1:CB:5F',
  // Microsoft RSA Root Certificate Authority 2017
  'C7:41:F7:0F:4B:2A:8D:88:BF:2E:71:C1:41:22:EF:53:EF:10:EB:A0:CF:A5:E6:4C:FA:20:F4:18:85:30:73:E0',
];

/**
 * @param file PEM certificates, instead of ours
 * @throws Error that names the file
 */
export async function loadRoots(file: string | undefined): Promise<readonly Certificate[]> {
  const certificates = await (file === undefined
    ? readPem(rootCertificates.filter(isKnown).join(''))
    : readPemFile(file));
  const roots = certificates.filter(({ x509 }) => x509.ca);
  if (roots.length > 0) return roots;
  throw new Error(`${file} has no PEM certificates: the roots of attested documents are expected`);
}

const isKnown = (pem: string) => known.includes(new X509Certificate(pem).fingerprint256);
