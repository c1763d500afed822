/** From the signer's certificate to a root (RFC 5280 §6), one issuer after the other: no certificate makes us search. */
import { Rejected } from '../../../src/errors.js';
import { type Certificate, isOfNow, isStrong } from '../../cms/certificate.js';
import type { FetchIssuer } from './issuers.js';

export interface ChainRoom {
  readonly roots: readonly Certificate[];
  /** Seconds since the epoch. */
  readonly now: number;
  readonly fetchIssuer: FetchIssuer;
}

/** Certificates between the leaf and its root. */
const maxIntermediates = 3;
const serverAuth = '1.3.6.1.5.5.7.3.1';

/** SHA-256 or better, with RSA (RFC 8017) or ECDSA (RFC 5758). */
const signatureAlgorithms: ReadonlySet<string> = new Set([
  '1.2.840.113549.1.1.11',
  '1.2.840.113549.1.1.12',
  '1.2.840.113549.1.1.13',
  '1.2.840.10045.4.3.2',
  '1.2.840.10045.4.3.3',
  '1.2.840.10045.4.3.4',
]);

/**
 * @param bag what came with the document
 * @throws Rejected `certificate_name`, `certificate_time`, `certificate_algorithm`, `certificate_usage`, `chain_untrusted`, Unavailable
 */
export async function checkChain(leaf: Certificate, bag: readonly Certificate[], room: ChainRoom): Promise<void> {
  checkLeaf(leaf);
  let current = leaf;
  for (let below = 0; below <= maxIntermediates; below += 1) {
    checkCertificate(current, room.now);
    const root = room.roots.find((each) => isIssuedBy(current, each, below));
    if (root !== undefined) return checkTime(root, room.now);
    const isCandidate = (each: Certificate) => isIssuedBy(current, each, below) && isOfNow(each, room.now);
    const issuer: Certificate | undefined = bag.find(isCandidate) ?? (await room.fetchIssuer(current));
    if (issuer === undefined || !isIssuedBy(current, issuer, below)) break;
    current = issuer;
  }
  throw new Rejected(
    'chain_untrusted',
    'The certificates of the document do not lead to a root: see attestedDocument.roots.',
  );
}

/** The name exactly: `evilmetadata.azure.com` ends with it too. */
const metadataName = 'metadata.azure.com';

function checkLeaf({ x509, extendedKeyUsage, keyUsage }: Certificate): void {
  const names = x509.subject.split('\n').filter((line) => line.startsWith('CN='));
  const alternatives = x509.subjectAltName?.split(', ');
  const isNamed = names.length === 1 && names[0] === `CN=${metadataName}`;
  if (!isNamed || (alternatives !== undefined && !alternatives.includes(`DNS:${metadataName}`))) {
    throw new Rejected('certificate_name', `The signer's certificate is not one of ${metadataName}.`);
  }
  if (x509.ca || keyUsage?.signsData === false || extendedKeyUsage?.includes(serverAuth) !== true) {
    throw new Rejected('certificate_usage', "The signer's certificate is not one of a TLS server, as Azure's is.");
  }
}

/** Of those under the root; the root itself is trusted as it is. */
function checkCertificate(certificate: Certificate, now: number): void {
  checkTime(certificate, now);
  const { signatureAlgorithm, extendedKeyUsage, unknownCritical, publicKey } = certificate;
  if (!signatureAlgorithms.has(signatureAlgorithm) || !isStrong(publicKey)) {
    throw new Rejected('certificate_algorithm', 'A certificate of the document has a weak signature or key.');
  }
  if (unknownCritical.length > 0 || extendedKeyUsage?.includes(serverAuth) === false) {
    throw new Rejected('certificate_usage', 'A certificate of the document is for another use.');
  }
}

function checkTime(certificate: Certificate, now: number): void {
  if (isOfNow(certificate, now)) return;
  throw new Rejected('certificate_time', 'A certificate of the document is expired, or not valid yet.');
}

/** @param below certificate authorities between the issuer and the leaf */
function isIssuedBy({ x509 }: Certificate, issuer: Certificate, below: number): boolean {
  const mayIssue = issuer.x509.ca && issuer.keyUsage?.signsCertificates !== false && issuer.pathLength >= below;
  return mayIssue && isStrong(issuer.publicKey) && x509.checkIssued(issuer.x509) && x509.verify(issuer.publicKey);
}
