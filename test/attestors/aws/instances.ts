/** Instance identity documents in the shape that AWS documents, signed as EC2 does it, by certificates of our own for two regions. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inBer } from '../cms/ber.js';
import { type CertificateOptions, type Issued, issue, type SignOptions, signContent } from '../cms/pki.js';
import { account, start } from './fixture.js';

export const instanceId = 'i-0abc1234567890def';

/** What EC2 signs. */
export const content = () => ({
  accountId: account,
  architecture: 'x86_64',
  availabilityZone: 'eu-central-1a',
  billingProducts: null,
  devpayProductCodes: null,
  marketplaceProductCodes: null,
  imageId: 'ami-0fa9e1f64142cde17',
  instanceId,
  instanceType: 'm7i-flex.large',
  kernelId: null,
  pendingTime: new Date((start - 86_400) * 1000).toISOString().replace('.000Z', 'Z'),
  privateIp: '10.0.0.209',
  ramdiskId: null,
  region: 'eu-central-1',
  version: '2017-09-30',
});

/** AWS's have one name, are signed by themselves, and are good for 180 years. */
export const makeSigner = (changes: Partial<CertificateOptions> = {}): Promise<Issued> =>
  issue({
    name: 'Amazon Web Services LLC',
    ca: true,
    pathLength: 0,
    from: Date.UTC(2015, 7, 14) / 1000,
    to: Date.UTC(2195, 0, 17) / 1000,
    ...changes,
  });

export interface Signers {
  readonly frankfurt: Issued;
  readonly ireland: Issued;
  /** Of another region: not in the file. */
  readonly ohio: Issued;
  readonly file: string;
  /** @returns the path of a file with this text */
  write(name: string, text: string): Promise<string>;
  close(): Promise<void>;
}

export async function makeSigners(): Promise<Signers> {
  const folder = await mkdtemp(join(tmpdir(), 'counterseal-ec2-'));
  const [frankfurt, ireland, ohio] = await Promise.all([makeSigner(), makeSigner(), makeSigner()]);
  const write: Signers['write'] = async (name, text) => {
    await writeFile(join(folder, name), text);
    return join(folder, name);
  };
  const file = await write('certificates.pem', `# eu-central-1\n${frankfurt.pem}\n# eu-west-1\n${ireland.pem}`);
  return { frankfurt, ireland, ohio, file, write, close: () => rm(folder, { recursive: true }) };
}

/** As EC2 does it: signed attributes, and no certificate. */
export function signDocument(signer: Issued, value: unknown = content(), options: Partial<SignOptions> = {}): Buffer {
  const bytes = Buffer.isBuffer(value) ? value : Buffer.from(JSON.stringify(value, null, 2));
  return signContent(bytes, { signer, bag: [], attributes: {}, ...options });
}

/** As the metadata service gives it: base64, in lines. */
export const inLines = (bytes: Buffer): string => bytes.toString('base64').replaceAll(/.{76}/g, '$&\n');

export const instanceIdentity = (...args: Parameters<typeof signDocument>): string =>
  inLines(inBer(signDocument(...args)));
