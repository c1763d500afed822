/** The member `instanceIdentity` of a signed request: what EC2's metadata service gives at /latest/dynamic/instance-identity/rsa2048. */
import { Rejected } from '../../../src/errors.js';
import type { EvidenceReaders } from '../../attestor.js';

export interface InstanceIdentity {
  /** CMS SignedData in BER, not yet verified. */
  readonly signedData: Buffer;
  /** For the JSON that is in it. */
  readonly readObject: EvidenceReaders['object'];
}

/** Characters. Genuine ones have about 1500. */
const longest = 4096;

/** Base64 with padding (RFC 4648 §4), in lines or in one. @throws Rejected `aws_instance_identity` */
export function readInstanceIdentity(member: unknown, { object }: EvidenceReaders): InstanceIdentity {
  const text = typeof member === 'string' && member.length <= longest ? member.replaceAll('\n', '') : '';
  const signedData = Buffer.from(text, 'base64');
  if (text === '' || signedData.toString('base64') !== text) {
    throw new Rejected(
      'aws_instance_identity',
      `instanceIdentity: expected the base64 that the metadata service gives, at most ${longest} characters.`,
    );
  }
  return Object.freeze({ signedData, readObject: object });
}
