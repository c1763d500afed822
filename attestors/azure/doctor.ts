/** `counterseal doctor azure`: the keys, the roots, and, on a machine of Azure, its own evidence. */
import { randomBytes } from 'node:crypto';
import { Rejected } from '../../src/errors.js';
import type { AttestorHost, Finding, KeySource, UnverifiedJwt } from '../attestor.js';
import type { Certificate } from '../cms/certificate.js';
import { attempt, Fault, skipped, tryKeys } from '../step.js';
import { createDocumentVerifier } from './document/index.js';
import { loadRoots } from './document/roots.js';
import { issuersOf, openManagedIdentity } from './managed-identity.js';
import { createMetadata, type Metadata } from './metadata.js';
import { type AzureOptions, audienceOf, placesOf } from './options.js';
import { kindOf } from './resource.js';
import { resourceManagersOf } from './resource-manager.js';

interface Room {
  readonly block: AzureOptions;
  readonly host: AttestorHost;
  readonly metadata: Metadata;
}

/** @param metadata for tests */
export async function* examineAzure(
  block: AzureOptions,
  host: AttestorHost,
  metadata: Metadata = createMetadata(),
): AsyncGenerator<Finding> {
  const room = { block, host, metadata };
  yield* examineKeys(room);
  if (block.attestedDocument !== undefined) yield await examineRoots(room);
  for (const [tenant, resourceManager] of resourceManagersOf(block, host)) {
    yield await attempt(
      'resource manager',
      async () => {
        await resourceManager.ready();
        return `Microsoft Entra gives us a token of tenant ${tenant}`;
      },
      () => federationFix,
    );
  }
  const presence = await attempt(
    'metadata',
    (signal) => findMetadata(room, signal),
    () => '',
  );
  if (presence.outcome === 'failed') {
    yield skipped('metadata', `${presence.message}: this is no machine of Azure, or its network keeps us from it`);
    yield skipped('token', 'there is no metadata service here');
    yield skipped('document', 'there is no metadata service here');
    return;
  }
  yield presence;
  yield await attempt(
    'token',
    (signal) => tryToken(room, signal),
    () => 'see the step keys',
  );
  if (block.attestedDocument === undefined) yield skipped('document', 'the attestor has no attestedDocument');
  else
    yield await attempt(
      'document',
      (signal) => tryDocument(room, signal),
      () => issuerFix,
    );
}

const federationFix =
  'write a token of our own platform to resourceManager.assertion, and give the identity a federated credential for its issuer, subject and audience';
const issuerFix =
  'let https://www.microsoft.com/pkiops/certs/ answer this machine: the certificates of issuers are there';

async function* examineKeys({ block, host }: Room): AsyncGenerator<Finding> {
  const { keys } = block.managedIdentity;
  const reach = (url: string) =>
    `let ${url} answer this machine, and check the tenant's id; else save the keys and use managedIdentity.keys: { jwksFile: FILE }`;
  const sources: readonly (readonly [KeySource, fix: string])[] =
    'jwksUri' in keys
      ? [[{ uri: keys.jwksUri }, reach(keys.jwksUri)]]
      : 'jwksFile' in keys
        ? [[{ file: keys.jwksFile }, `write Microsoft Entra's JWK Set to ${host.path(keys.jwksFile)}`]]
        : issuersOf(block).map(({ issuer }) => [{ issuer }, reach(issuer)] as const);
  for (const [source, fix] of sources) {
    yield await attempt(
      'keys',
      () => tryKeys(source, host, fix),
      () => fix,
    );
  }
}

/** @throws Fault */
async function openRoots({ block, host }: Room): Promise<readonly Certificate[]> {
  const file = block.attestedDocument?.roots;
  try {
    return await loadRoots(file === undefined ? undefined : host.path(file));
  } catch (error) {
    throw new Fault((error as Error).message, 'write PEM certificates there, or leave roots out for the public ones');
  }
}

function examineRoots(room: Room): Promise<Finding> {
  const run = async () => {
    const roots = await openRoots(room);
    const now = room.host.now();
    const lines = roots.map(({ x509, notAfter }) => {
      const name = x509.subject.split('\n').at(-1) ?? '';
      const until = new Date(notAfter * 1000).toISOString().slice(0, 10);
      if (now < notAfter) return `${name} (SHA-256 ${x509.fingerprint256.replaceAll(':', '')}, until ${until})`;
      throw new Fault(
        `${name} has expired, on ${until}`,
        'replace it in roots, or upgrade Node, whose list it is from',
      );
    });
    return lines.join('; ');
  };
  return attempt('roots', run, () => '');
}

async function findMetadata({ metadata }: Room, signal: AbortSignal): Promise<string> {
  const { status, json } = await metadata.ask('/metadata/instance?api-version=2021-02-01', signal);
  if (status === 200 && isRecord(json) && isRecord(json.compute))
    return `this is a machine of Azure (${metadata.name})`;
  throw new Fault(`${metadata.name} does not answer as Azure's metadata service (status ${status})`, '');
}

async function tryToken({ block, host, metadata }: Room, signal: AbortSignal): Promise<string> {
  const audience = audienceOf(block, host.issuer);
  const query = new URLSearchParams({ 'api-version': '2018-02-01', resource: audience });
  const { status, json } = await metadata.ask(`/metadata/identity/oauth2/token?${query}`, signal);
  const token = isRecord(json) ? json.access_token : undefined;
  if (status !== 200 || typeof token !== 'string') {
    throw new Fault(
      `the metadata service gives no token for ${audience} (status ${status})`,
      'assign a managed identity to this machine, one only, and register an application whose identifier URI is the audience',
    );
  }
  const managedIdentity = await openManagedIdentity(block, host);
  try {
    const { tenant, oid, resource } = await refusedAs(
      'check tenants and audience; the audience of v2 tokens is the id of the application',
      () => managedIdentity.verify(decode(token)),
    );
    if (placesOf(block, host.environment).ofToken(tenant, resource.subscription) === undefined) {
      throw new Fault(`the subscription ${resource.subscription} is not listed`, 'add it to tenants.*.subscriptions');
    }
    return `the identity ${oid} of tenant ${tenant}, on ${kindOf(resource)} ${resource.id}`;
  } finally {
    managedIdentity.close();
  }
}

async function tryDocument(room: Room, signal: AbortSignal): Promise<string> {
  const { host, metadata } = room;
  // As those of POST /challenge; nobody redeems it.
  const nonce = randomBytes(16).toString('hex');
  const { status, json } = await metadata.ask(
    `/metadata/attested/document?api-version=2021-02-01&nonce=${nonce}`,
    signal,
  );
  const signature = isRecord(json) ? json.signature : undefined;
  if (status !== 200 || typeof signature !== 'string') {
    throw new Fault(
      `the metadata service gives no attested document (status ${status})`,
      'try again; see its status in Azure',
    );
  }
  const verify = createDocumentVerifier(await openRoots(room), host);
  const content = { document: Buffer.from(signature, 'base64'), jwt: undefined, readObject };
  const machine = await refusedAs('check attestedDocument.roots, and the clock of this machine', () => verify(content));
  if (machine.nonce !== nonce) throw new Fault('the document has another nonce', 'ask without a proxy in between');
  return `of the virtual machine ${machine.vmId} of subscription ${machine.subscription}`;
}

async function refusedAs<Result>(fix: string, run: () => Promise<Result>): Promise<Result> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof Rejected) throw new Fault(error.detail, fix);
    throw error;
  }
}

/** Of our own machine's word: the strict reader of evidence is the service's. */
function decode(token: string): UnverifiedJwt {
  const [header = '', payload = '', signature = ''] = token.split('.');
  return {
    header: readObject(Buffer.from(header, 'base64url')),
    claims: readObject(Buffer.from(payload, 'base64url')),
    signingInput: `${header}.${payload}`,
    signature: Buffer.from(signature, 'base64url'),
  };
}

function readObject(bytes: Buffer): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    if (isRecord(value)) return value;
  } catch {}
  throw new Rejected('evidence_json', 'What the metadata service gave is no JSON object.');
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
