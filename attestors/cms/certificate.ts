/** A certificate (RFC 5280), with what of it a signature and a chain are judged by. */
import { type KeyObject, X509Certificate } from 'node:crypto';
import type { ExtKeyUsage, InfoAccess, Certificate as Parsed } from 'pkijs';
import { isBoundedDer } from './der.js';

export interface Certificate {
  readonly x509: X509Certificate;
  /** With the serial number, what a signer names it by. */
  readonly issuer: Parsed['issuer'];
  readonly serialNumber: Parsed['serialNumber'];
  readonly publicKey: KeyObject;
  /** Seconds since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** Object identifier. */
  readonly signatureAlgorithm: string;
  /** Object identifiers; undefined: for any purpose. */
  readonly extendedKeyUsage: readonly string[] | undefined;
  /** Of `digitalSignature` and `keyCertSign`; undefined: any. */
  readonly keyUsage: { readonly signsData: boolean; readonly signsCertificates: boolean } | undefined;
  /** Certificate authorities that may stand between it and the leaf. */
  readonly pathLength: number;
  /** Where its issuer's certificate is published. */
  readonly issuerUrls: readonly string[];
  /** Object identifiers of critical extensions that are not judged here. */
  readonly unknownCritical: readonly string[];
}

const oid = Object.freeze({
  keyUsage: '2.5.29.15',
  basicConstraints: '2.5.29.19',
  extendedKeyUsage: '2.5.29.37',
  infoAccess: '1.3.6.1.5.5.7.1.1',
  caIssuers: '1.3.6.1.5.5.7.48.2',
});
/** Bits of its first octet (RFC 5280 §4.2.1.3). */
const digitalSignature = 0x80;
const keyCertSign = 0x04;

/** @returns undefined for what is no certificate */
export async function readCertificate(der: Buffer): Promise<Certificate | undefined> {
  if (!isBoundedDer(der)) return undefined;
  const { Certificate } = await import('pkijs');
  try {
    return describe(new X509Certificate(der), Certificate.fromBER(der));
  } catch {
    return undefined;
  }
}

/** Of one that is parsed already, which takes the longest. @returns undefined for what is no certificate */
export function describeCertificate(parsed: Parsed): Certificate | undefined {
  try {
    return describe(new X509Certificate(Buffer.from(parsed.toSchema().toBER())), parsed);
  } catch {
    return undefined;
  }
}

function describe(x509: X509Certificate, parsed: Parsed): Certificate {
  const extensions = parsed.extensions ?? [];
  const find = (id: string) => extensions.find(({ extnID }) => extnID === id)?.parsedValue;
  const judged: readonly string[] = [oid.keyUsage, oid.basicConstraints, oid.extendedKeyUsage];
  const usage = find(oid.keyUsage)?.valueBlock.valueHexView[0] as number | undefined;
  const purposes = find(oid.extendedKeyUsage) as ExtKeyUsage | undefined;
  const access = find(oid.infoAccess) as InfoAccess | undefined;
  return Object.freeze<Certificate>({
    x509,
    issuer: parsed.issuer,
    serialNumber: parsed.serialNumber,
    // Read here, where it may fail: a certificate is well-formed with a key that is none.
    publicKey: x509.publicKey,
    notBefore: parsed.notBefore.value.getTime() / 1000,
    notAfter: parsed.notAfter.value.getTime() / 1000,
    signatureAlgorithm: parsed.signatureAlgorithm.algorithmId,
    extendedKeyUsage: purposes?.keyPurposes,
    keyUsage:
      usage === undefined
        ? undefined
        : { signsData: (usage & digitalSignature) !== 0, signsCertificates: (usage & keyCertSign) !== 0 },
    pathLength: readPathLength(find(oid.basicConstraints)?.pathLenConstraint),
    issuerUrls: (access?.accessDescriptions ?? [])
      .filter(({ accessMethod, accessLocation }) => accessMethod === oid.caIssuers && accessLocation.type === 6)
      .map(({ accessLocation }) => String(accessLocation.value)),
    unknownCritical: extensions.filter((each) => each.critical && !judged.includes(each.extnID)).map((e) => e.extnID),
  });
}

/** The parser gives great numbers as an object: no chain here is as long. */
const readPathLength = (value: unknown): number => (typeof value === 'number' ? value : Number.POSITIVE_INFINITY);

/** Bits. Beyond the second a signature takes longer to verify than anybody may ask of us for nothing; so with the exponent. */
const minModulusLength = 2048;
const maxModulusLength = 4096;
const maxExponent = 2n ** 32n;

/** Whether a signature of it proves something, and is cheap to verify: to be asked before any is verified. */
export function isStrong(key: Certificate['publicKey']): boolean {
  const { modulusLength = 0, publicExponent = 0n, namedCurve } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === 'rsa') {
    return modulusLength >= minModulusLength && modulusLength <= maxModulusLength && publicExponent < maxExponent;
  }
  return key.asymmetricKeyType === 'ec' && (namedCurve === 'prime256v1' || namedCurve === 'secp384r1');
}

/** @param now seconds since the epoch */
export const isOfNow = ({ notBefore, notAfter }: Certificate, now: number) => notBefore <= now && now < notAfter;
