/** Verifies instance identity documents by certificates that AWS publishes, one for each region. */
import { Rejected } from '../../../src/errors.js';
import type { Clock } from '../../attestor.js';
import { toDer } from '../../cms/ber.js';
import { type Certificate, isOfNow, isStrong } from '../../cms/certificate.js';
import { readPemFile } from '../../cms/pem.js';
import { malformed, openSignedData } from '../../cms/signed-data.js';
import { type Instance, readInstance } from './document.js';
import type { InstanceIdentity } from './evidence.js';

export interface VerifiedInstance extends Instance {
  /** All of the signed JSON. */
  readonly claims: Readonly<Record<string, unknown>>;
}

/** @throws Rejected */
export type VerifyInstance = (evidence: InstanceIdentity) => Promise<VerifiedInstance>;

/** @throws Error that names the file, for one without certificates, and for one with others than those of RSA-2048 */
export async function loadSigners(file: string): Promise<readonly Certificate[]> {
  const certificates = await readPemFile(file);
  const expected = 'those of AWS for documents that are signed with RSA-2048 are expected';
  if (certificates.length === 0) throw new Error(`${file} has no PEM certificates: ${expected}`);
  const other = certificates.findIndex(({ publicKey: key }) => key.asymmetricKeyType !== 'rsa' || !isStrong(key));
  if (other !== -1) throw new Error(`${file}: certificate ${other + 1} has another kind of key: ${expected}`);
  return [...new Map(certificates.map((each) => [each.x509.fingerprint256, each])).values()];
}

/** @param signers are trusted as they are: AWS's are signed by themselves */
export function createInstanceVerifier(signers: readonly Certificate[], now: Clock): VerifyInstance {
  return async ({ signedData, readObject }) => {
    const der = toDer(signedData);
    if (der === undefined) throw malformed();
    const { content, leaf } = await openSignedData(der, signers);
    if (!isOfNow(leaf, now())) {
      throw new Rejected('certificate_time', 'The certificate of the document’s signer is expired, or not valid yet.');
    }
    const claims = readObject(content);
    return Object.freeze({ ...readInstance(claims, now()), claims });
  };
}
