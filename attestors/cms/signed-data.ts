/** CMS SignedData (RFC 5652 §5), of exactly one signer, around what it signed. */
import { createHash, verify } from 'node:crypto';
import type { SignerInfo } from 'pkijs';
import { Rejected } from '../../src/errors.js';
import { type Certificate, describeCertificate, isStrong } from './certificate.js';
import { isBoundedDer } from './der.js';

export interface SignedData {
  /** What was signed. */
  readonly content: Buffer;
  /** The certificate that the signer names; its signature holds. Whether to believe it is not said, unless it is a known one. */
  readonly leaf: Certificate;
  /** The other certificates that came with it. */
  readonly others: readonly Certificate[];
}

/** Bytes. Genuine documents have less than 8 KiB. */
const maxLength = 24 * 1024;
/** The signer's, and those between it and a root. */
const maxCertificates = 5;

const oid = Object.freeze({
  signedData: '1.2.840.113549.1.7.2',
  data: '1.2.840.113549.1.7.1',
  contentType: '1.2.840.113549.1.9.3',
  messageDigest: '1.2.840.113549.1.9.4',
});

/** Azure writes the signature's algorithm where the digest's belongs. */
const digests: ReadonlyMap<string, string> = new Map([
  ['2.16.840.1.101.3.4.2.1', 'sha256'],
  ['2.16.840.1.101.3.4.2.2', 'sha384'],
  ['2.16.840.1.101.3.4.2.3', 'sha512'],
  ['1.2.840.113549.1.1.11', 'sha256'],
  ['1.2.840.113549.1.1.12', 'sha384'],
  ['1.2.840.113549.1.1.13', 'sha512'],
]);
/** PKCS #1 v1.5 and ECDSA, by the digest that goes with it; null: any. */
const signatures: ReadonlyMap<string, string | null> = new Map([
  ['1.2.840.113549.1.1.1', null],
  ['1.2.840.113549.1.1.11', 'sha256'],
  ['1.2.840.113549.1.1.12', 'sha384'],
  ['1.2.840.113549.1.1.13', 'sha512'],
  ['1.2.840.10045.4.3.2', 'sha256'],
  ['1.2.840.10045.4.3.3', 'sha384'],
  ['1.2.840.10045.4.3.4', 'sha512'],
]);

/**
 * @param known certificates that the signer has to have one of, whatever certificates came with the data; default: those that did
 * @throws Rejected `document_malformed`, `document_signer`, `document_algorithm`, `document_signature`
 */
export async function openSignedData(der: Buffer, known?: readonly Certificate[]): Promise<SignedData> {
  if (der.length > maxLength || !isBoundedDer(der)) throw malformed();
  const { content, signer, isSigner, certificates } = await parse(der);
  const [leaf, ...doubles] = (known ?? certificates).filter(isSigner);
  if (leaf === undefined || doubles.length > 0) {
    const where = known === undefined ? 'in the document' : 'configured';
    throw new Rejected('document_signer', `The one certificate that the signer of the document names is not ${where}.`);
  }
  checkSignature(signer, content, leaf);
  return Object.freeze({ content, leaf, others: certificates.filter((each) => each !== leaf) });
}

export const malformed = () =>
  new Rejected(
    'document_malformed',
    `Expected a PKCS #7 SignedData of at most ${maxLength} bytes around JSON, as the metadata service gives it.`,
  );

async function parse(der: Buffer) {
  const pkijs = await import('pkijs');
  let data: InstanceType<typeof pkijs.SignedData>;
  try {
    const { contentType, content } = pkijs.ContentInfo.fromBER(der);
    if (contentType !== oid.signedData) throw malformed();
    data = new pkijs.SignedData({ schema: content });
  } catch {
    throw malformed();
  }
  const { eContentType, eContent } = data.encapContentInfo;
  const [signer, ...others] = data.signerInfos;
  if (signer === undefined || others.length > 0) {
    throw new Rejected('document_signer', `Expected one signer; found ${data.signerInfos.length}.`);
  }
  if (eContentType !== oid.data || eContent === undefined || eContent.idBlock.isConstructed) throw malformed();
  const bag = data.certificates ?? [];
  if (bag.length > maxCertificates) throw malformed();
  const certificates = bag.map((each) => {
    const certificate = each instanceof pkijs.Certificate ? describeCertificate(each) : undefined;
    if (certificate === undefined) throw malformed();
    return certificate;
  });
  const { sid } = signer;
  const isSigner = ({ issuer, serialNumber }: Certificate) =>
    sid instanceof pkijs.IssuerAndSerialNumber && sid.issuer.isEqual(issuer) && sid.serialNumber.isEqual(serialNumber);
  return { content: Buffer.from(eContent.valueBlock.valueHexView), signer, isSigner, certificates };
}

function checkSignature(signer: SignerInfo, content: Buffer, { publicKey }: Certificate): void {
  const digest = digests.get(signer.digestAlgorithm.algorithmId);
  const bound = signatures.get(signer.signatureAlgorithm.algorithmId);
  const agree = digest !== undefined && bound !== undefined && (bound === null || bound === digest);
  if (!agree || !isStrong(publicKey)) {
    throw new Rejected('document_algorithm', 'The document is not signed with SHA-256 or better, by RSA or ECDSA.');
  }
  const signed = signer.signedAttrs === undefined ? content : attributes(signer, content, digest);
  const signature = Buffer.from(signer.signature.valueBlock.valueHexView);
  if (!verify(digest, signed, publicKey, signature)) {
    throw new Rejected('document_signature', 'The signature of the document does not hold.');
  }
}

/** RFC 5652 §5.4: with them, it is they that are signed, and they hold what the content has to be. */
function attributes({ signedAttrs }: SignerInfo, content: Buffer, digest: string): Buffer {
  const valuesOf = (type: string): unknown[] =>
    (signedAttrs?.attributes ?? []).filter((each) => each.type === type).flatMap((each) => each.values);
  const [contentType, ...otherTypes] = valuesOf(oid.contentType) as { valueBlock: { toString(): string } }[];
  const [messageDigest, ...otherDigests] = valuesOf(oid.messageDigest) as {
    valueBlock: { valueHexView: Uint8Array };
  }[];
  const holds =
    contentType?.valueBlock.toString() === oid.data &&
    otherTypes.length + otherDigests.length === 0 &&
    messageDigest?.valueBlock.valueHexView !== undefined &&
    createHash(digest).update(content).digest().equals(messageDigest.valueBlock.valueHexView);
  if (!holds || signedAttrs === undefined) {
    throw new Rejected('document_signature', 'The signed attributes of the document are not those of its content.');
  }
  return Buffer.from(signedAttrs.encodedValue);
}
