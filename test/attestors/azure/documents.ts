/** Attested documents in the shape that Microsoft documents, over a chain of our own: root, intermediate, signer. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { documentForm } from '../../../attestors/azure/document/form.js';
import { formEvidence } from '../../support/attestor-host.js';
import { calendar } from '../../support/service.js';
import { type CertificateOptions, type Issued, issue, type SignOptions, signContent } from '../cms/pki.js';
import { audience, entraKeys, start, subscription, tenant } from './fixture.js';

export const vmId = '3b2f7c1e-0d4a-4e55-9b1a-6f2d8c7e9a01';
export const nonce = '0123456789abcdefghijklmnopqrstuv';
export const issuerUrl = 'http://www.microsoft.com/pkiops/certs/Test%20TLS%20Issuing%20CA%2001%20-%20xsign.crt';

export interface Chain {
  readonly root: Issued;
  readonly intermediate: Issued;
  readonly leaf: Issued;
  /** Another signer under the same intermediate, with the same key. */
  makeLeaf(changes?: Partial<CertificateOptions>): Promise<Issued>;
  makeIntermediate(changes?: Partial<CertificateOptions>): Promise<Issued>;
}

const day = 86_400;

export async function makeChain(now = start): Promise<Chain> {
  const valid = { from: now - 30 * day, to: now + 300 * day };
  const root = await issue({ ...valid, name: 'Test Global Root', ca: true });
  let keys: { readonly intermediate?: Issued; readonly leaf?: Issued } = {};
  const makeIntermediate: Chain['makeIntermediate'] = (changes = {}) =>
    issue({
      ...valid,
      name: 'Test TLS Issuing CA 01',
      by: root,
      key: keys.intermediate,
      ca: true,
      pathLength: 0,
      purposes: ['1.3.6.1.5.5.7.3.1'],
      ...changes,
    });
  const intermediate = await makeIntermediate();
  keys = { intermediate };
  const makeLeaf: Chain['makeLeaf'] = (changes = {}) =>
    issue({
      ...valid,
      name: 'metadata.azure.com',
      by: intermediate,
      ...(changes.bits === undefined ? { key: keys.leaf } : {}),
      alternatives: ['metadata.azure.com'],
      issuerUrl,
      ...changes,
    });
  const leaf = await makeLeaf();
  keys = { intermediate, leaf };
  return { root, intermediate, leaf, makeLeaf, makeIntermediate };
}

let shared: Promise<Chain> | undefined;
export function sharedChain(): Promise<Chain> {
  shared ??= makeChain();
  return shared;
}

/** `11/20/26 22:07:39 -0000` */
export function stamp(seconds: number): string {
  const [date = '', time = ''] = new Date(seconds * 1000).toISOString().split('T');
  const [year = '', month, day] = date.split('-');
  return `${month}/${day}/${year.slice(2)} ${time.slice(0, 8)} -0000`;
}

/** What the metadata service signs. */
export const content = (now = start) => ({
  licenseType: '',
  nonce,
  plan: { name: '', product: '', publisher: '' },
  sku: '22_04-lts',
  subscriptionId: subscription,
  timeStamp: { createdOn: stamp(now - 5), expiresOn: stamp(now + 6 * 3600) },
  vmId,
});

/** As the metadata service does it: the signer's certificate alone, no signed attributes, the signature's algorithm for the digest's. */
export function signDocument(
  chain: Pick<Chain, 'leaf'>,
  value: unknown = content(),
  options: Partial<SignOptions> = {},
): Buffer {
  const bytes = Buffer.isBuffer(value) ? value : Buffer.from(JSON.stringify(value));
  return signContent(bytes, { signer: chain.leaf, digestAlgorithm: '1.2.840.113549.1.1.11', ...options });
}

export const encodeEvidence = (members: Readonly<Record<string, unknown>>): string =>
  Buffer.from(JSON.stringify(members)).toString('base64url');

/** A document alone, or with a token. */
export const evidenceToken = (document: Buffer, managedIdentityToken?: string): string =>
  encodeEvidence({
    document: document.toString('base64'),
    ...(managedIdentityToken === undefined ? { audience } : { managedIdentityToken }),
  });

export const documentEvidence = (document: Buffer, managedIdentityToken?: string) =>
  formEvidence(documentForm, evidenceToken(document, managedIdentityToken));

/** A service that attests the machine, by documents over the chain, and grants it to read the calendar. */
export const machineService = (chain: Chain) => ({
  attestors: `
  azure-main:
    type: azure
    tenants: { ${tenant}: { subscriptions: { ${subscription}: {} } } }
    audience: ${audience}
    managedIdentity: { keys: { jwksFile: entra.json } }
    attestedDocument: { roots: roots.pem }`,
  rules: `
  machine:
    workload: { attestor: azure-main, selectors: ["azure:vm-id:${vmId}"] }
    grant: { resource: "${calendar}", scope: [read:calendar] }`,
  async prepare(folder: string) {
    await writeFile(join(folder, 'entra.json'), await entraKeys());
    await writeFile(join(folder, 'roots.pem'), chain.root.pem);
  },
});
