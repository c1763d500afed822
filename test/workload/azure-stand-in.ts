/** A service, and the metadata service of a virtual machine with a certificate chain of its own. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { content, makeChain, signDocument } from '../attestors/azure/documents.js';
import { audience, entra, entraKeys, tenant, v1 } from '../attestors/azure/fixture.js';
import { startService, type TestService } from '../support/service.js';
import { freePort, startUpstream } from '../support/upstream.js';

export interface AzureStandIn {
  readonly service: TestService;
  /** An origin, as `http://169.254.169.254`. */
  readonly metadata: string;
  /** An API on loopback, which tells what Authorization it got. */
  readonly resource: string;
  readonly audience: string;
  close(): Promise<void>;
}

/** @param attestedDocument whether the service takes documents */
export async function startAzure(attestedDocument: boolean): Promise<AzureStandIn> {
  const now = () => Math.floor(Date.now() / 1000);
  const chain = await makeChain(now());
  const signer = await entra();
  const upstream = await startUpstream(({ url = '', headers }, response) => {
    const { pathname: path, searchParams: query } = new URL(url, 'http://machine');
    // As MSAL writes it.
    const pathname = path.replace(/\/$/, '');
    response.setHeader('connection', 'close');
    const answer = (body: unknown) => response.end(JSON.stringify(body));
    if (pathname === '/mcp') answer({ authorization: headers.authorization });
    else if (headers.metadata !== 'true') response.writeHead(400).end();
    else if (pathname === '/metadata/instance/compute') answer({ name: 'calendar-0' });
    else if (pathname === '/metadata/identity/oauth2/token') {
      const token = signer.sign({ ...v1(now()), aud: query.get('resource') });
      answer({ access_token: token, expires_on: String(now() + 86_400), token_type: 'Bearer' });
    } else if (pathname === '/metadata/attested/document') {
      const bag = [chain.leaf, chain.intermediate];
      const document = signDocument(chain, { ...content(now()), nonce: query.get('nonce') }, { bag });
      answer({ encoding: 'pkcs7', signature: document.toString('base64') });
    } else response.writeHead(404).end();
  });
  const metadata = `http://127.0.0.1:${upstream.port}`;
  const resource = `${metadata}/mcp`;
  const port = await freePort();
  const service = await startService({
    issuer: `http://127.0.0.1:${port}`,
    port: String(port),
    attestors: `
  azure-main:
    type: azure
    tenants: { ${tenant}: {} }
    audience: ${audience}
    managedIdentity: { keys: { jwksFile: entra.json } }
    ${attestedDocument ? 'attestedDocument: { roots: roots.pem }' : ''}`,
    resources: ` { "${resource}": { scope: [read:calendar] } }`,
    rules: `
  calendar:
    workload: { attestor: azure-main, selectors: ["azure:resource-group:agents", "azure:kind:vm"] }
    grant: { resource: "${resource}", scope: [read:calendar] }`,
    prepare: async (folder) => {
      await writeFile(join(folder, 'entra.json'), await entraKeys());
      await writeFile(join(folder, 'roots.pem'), chain.root.pem);
    },
  });
  return {
    service,
    metadata,
    resource,
    audience,
    async close() {
      await service.close();
      await upstream.close();
    },
  };
}
