/** Certificates of our own, and documents signed as the metadata services of clouds sign them, or wrongly in every way. */
import {
  createHash,
  createPublicKey,
  createSign,
  generateKeyPair,
  type KeyObject,
  webcrypto,
  X509Certificate,
} from 'node:crypto';
import { promisify } from 'node:util';
import * as asn1js from 'asn1js';
import * as pkijs from 'pkijs';

export interface Issued {
  readonly certificate: pkijs.Certificate;
  readonly privateKey: KeyObject;
  readonly der: Buffer;
  readonly pem: string;
}

export interface CertificateOptions {
  readonly name: string;
  /** Undefined: by itself. */
  readonly by?: Issued | undefined;
  readonly ca?: boolean;
  readonly pathLength?: number;
  /** Seconds since the epoch. */
  readonly from: number;
  readonly to: number;
  /** Object identifiers; null: the extension is left out. */
  readonly purposes?: readonly string[] | null;
  readonly alternatives?: readonly string[];
  readonly issuerUrl?: string;
  readonly hash?: 'SHA-1' | 'SHA-256';
  readonly bits?: number;
  /** Whose key it has; default a new one, which takes a while. */
  readonly key?: Issued | undefined;
  /** First octet of `keyUsage`. */
  readonly usage?: number;
  /** A critical extension that nobody knows. */
  readonly strange?: boolean;
}

export const serverAuth = '1.3.6.1.5.5.7.3.1';
export const clientAuth = '1.3.6.1.5.5.7.3.2';
const { subtle } = webcrypto;
const generate = promisify(generateKeyPair);
let serial = 1;

export async function issue(options: CertificateOptions): Promise<Issued> {
  const { name, by, ca = false, from, to, hash = 'SHA-256' } = options;
  const privateKey =
    options.key?.privateKey ?? (await generate('rsa', { modulusLength: options.bits ?? 2048 })).privateKey;
  const certificate = new pkijs.Certificate();
  certificate.version = 2;
  certificate.serialNumber = new asn1js.Integer({ value: serial++ });
  certificate.subject = named(name);
  certificate.issuer = by?.certificate.subject ?? certificate.subject;
  certificate.notBefore.value = new Date(from * 1000);
  certificate.notAfter.value = new Date(to * 1000);
  // From 2050 on, a GeneralizedTime (RFC 5280 §4.1.2.5).
  if (certificate.notAfter.value.getUTCFullYear() >= 2050) certificate.notAfter.type = 1;
  certificate.extensions = extensionsOf(options, ca);
  const spki = createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
  certificate.subjectPublicKeyInfo = pkijs.PublicKeyInfo.fromBER(spki);
  await certificate.sign((await signingKey(by?.privateKey ?? privateKey, hash)) as never, hash);
  const der = Buffer.from(certificate.toSchema(true).toBER());
  return { certificate, privateKey, der, pem: new X509Certificate(der).toString() };
}

const signingKey = (key: KeyObject, hash: string) =>
  subtle.importKey('pkcs8', key.export({ type: 'pkcs8', format: 'der' }), { name: 'RSASSA-PKCS1-v1_5', hash }, true, [
    'sign',
  ]);

function named(name: string): pkijs.RelativeDistinguishedNames {
  const value = new asn1js.Utf8String({ value: name });
  return new pkijs.RelativeDistinguishedNames({
    typesAndValues: [new pkijs.AttributeTypeAndValue({ type: '2.5.4.3', value })],
  });
}

function extensionsOf(options: CertificateOptions, ca: boolean): pkijs.Extension[] {
  const { pathLength, purposes = ca ? null : [serverAuth, clientAuth], alternatives, issuerUrl } = options;
  const usage = options.usage ?? (ca ? 0x06 : 0xa0);
  const make = (extnID: string, critical: boolean, value: { toBER(): ArrayBuffer }) =>
    new pkijs.Extension({ extnID, critical, extnValue: value.toBER() });
  const basic = new pkijs.BasicConstraints({
    cA: ca,
    ...(pathLength === undefined ? {} : { pathLenConstraint: pathLength }),
  });
  const extensions = [
    make('2.5.29.19', true, basic.toSchema()),
    make('2.5.29.15', true, new asn1js.BitString({ valueHex: new Uint8Array([usage]).buffer, unusedBits: 1 })),
  ];
  if (purposes !== null)
    extensions.push(make('2.5.29.37', false, new pkijs.ExtKeyUsage({ keyPurposes: [...purposes] }).toSchema()));
  if (alternatives !== undefined) {
    const names = alternatives.map((value) => new pkijs.GeneralName({ type: 2, value }));
    extensions.push(make('2.5.29.17', false, new pkijs.GeneralNames({ names }).toSchema()));
  }
  if (issuerUrl !== undefined) {
    const description = new pkijs.AccessDescription({
      accessMethod: '1.3.6.1.5.5.7.48.2',
      accessLocation: new pkijs.GeneralName({ type: 6, value: issuerUrl }),
    });
    extensions.push(
      make('1.3.6.1.5.5.7.1.1', false, new pkijs.InfoAccess({ accessDescriptions: [description] }).toSchema()),
    );
  }
  if (options.strange === true) extensions.push(make('1.3.6.1.4.1.55555.1', true, new asn1js.Null()));
  return extensions;
}

export interface SignOptions {
  /** Whose key signs. */
  readonly signer: Issued;
  /** Whom the SignerInfo names; default the signer. */
  readonly names?: Issued;
  /** In this order; default the signer's alone. */
  readonly bag?: readonly Issued[];
  readonly hash?: 'sha1' | 'sha256';
  /** With signed attributes; these changed. */
  readonly attributes?: { readonly contentType?: string; readonly digestOf?: Buffer } | undefined;
  /** How many SignerInfos. Default 1. */
  readonly signers?: number;
  readonly contentType?: string;
  /** Object identifier of `digestAlgorithm`. */
  readonly digestAlgorithm?: string;
  /** The content is signed and left out. */
  readonly detached?: boolean;
}

const oids = { sha1: '1.3.14.3.2.26', sha256: '2.16.840.1.101.3.4.2.1' } as const;

/** The DER of a SignedData, as the metadata service sends it in base64. */
export function signContent(content: Buffer, options: SignOptions): Buffer {
  const {
    signer,
    names = signer,
    bag = [signer],
    hash = 'sha256',
    signers = 1,
    contentType = '1.2.840.113549.1.7.1',
  } = options;
  const info = new pkijs.SignerInfo({
    version: 1,
    sid: new pkijs.IssuerAndSerialNumber({
      issuer: names.certificate.issuer,
      serialNumber: names.certificate.serialNumber,
    }),
  });
  info.digestAlgorithm = new pkijs.AlgorithmIdentifier({ algorithmId: options.digestAlgorithm ?? oids[hash] });
  info.signatureAlgorithm = new pkijs.AlgorithmIdentifier({ algorithmId: '1.2.840.113549.1.1.1' });
  let signed = content;
  if (options.attributes !== undefined) {
    const { contentType: type = contentType, digestOf = content } = options.attributes;
    const digest = createHash(hash).update(digestOf).digest();
    const attributes = [
      new pkijs.Attribute({ type: '1.2.840.113549.1.9.3', values: [new asn1js.ObjectIdentifier({ value: type })] }),
      new pkijs.Attribute({
        type: '1.2.840.113549.1.9.4',
        values: [new asn1js.OctetString({ valueHex: new Uint8Array(digest).buffer })],
      }),
    ];
    info.signedAttrs = new pkijs.SignedAndUnsignedAttributes({ type: 0, attributes });
    signed = Buffer.from(new asn1js.Set({ value: attributes.map((each) => each.toSchema()) }).toBER());
  }
  const signature = createSign(hash).update(signed).sign(signer.privateKey);
  info.signature = new asn1js.OctetString({ valueHex: new Uint8Array(signature).buffer });
  const data = new pkijs.SignedData({
    version: 1,
    digestAlgorithms: [info.digestAlgorithm],
    ...(bag.length === 0 ? {} : { certificates: bag.map(({ certificate }) => certificate) }),
    signerInfos: Array.from({ length: signers }, () => info),
  });
  data.encapContentInfo = new pkijs.EncapsulatedContentInfo({ eContentType: contentType });
  if (options.detached !== true) {
    data.encapContentInfo.eContent = new asn1js.OctetString({ valueHex: new Uint8Array(content).buffer });
  }
  const whole = new pkijs.ContentInfo({ contentType: '1.2.840.113549.1.7.2', content: data.toSchema(true) });
  return Buffer.from(whole.toSchema().toBER());
}
