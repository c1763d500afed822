/** Clients that try again by themselves, unmodified, under the tightest limits that the configuration takes: none of their tries is over one. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import {
  Client as Client2,
  CrossAppAccessProvider,
  StreamableHTTPClientTransport as HttpTransport2,
} from '@modelcontextprotocol/client';
import { StaticPrivateKeyJwtProvider } from '@modelcontextprotocol/sdk/client/auth-extensions.js';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { ExternalAccountClient } from 'google-auth-library';
import type { TestMcpServer } from '../support/mcp-server.js';
import { startMcpService, type TestMcpService } from '../support/mcp-service.js';
import { scrape } from '../support/scrape.js';
import { calendar, jwtType, startService, type TestService } from '../support/service.js';
import { freePort } from '../support/upstream.js';

const subject = 'spiffe://example.com/prod-eu/ns/agents/sa/calendar-agent';
const info = { name: 'agent', version: '1.0.0' };
const tightest = `limits:
  address: { requests: 20, per: 1h }
  attestor: { requests: 5, per: 1h }
  workload: { requests: 5, per: 1h }`;

async function limitedIn({ healthUrl }: TestService): Promise<readonly (number | undefined)[]> {
  const { value } = await scrape(healthUrl);
  return ['address', 'attestor', 'workload'].map((by) => value(`counterseal_rate_limited_total{by="${by}"}`));
}

describe('limits: the one retry of the SDKs of MCP', () => {
  let started: TestMcpService;
  let server: TestMcpServer;
  let service: TestService;
  let issuer: string;
  beforeEach(async () => {
    started = await startMcpService((resource) => ({
      resources: `
  ${resource}: { scope: [read:calendar] }`,
      rules: `
  calendar-agent:
    workload: { attestor: prod-eu, selectors: ["k8s:ns:agents"] }
    grant: { resource: "${resource}", scope: [read:calendar] }`,
      more: tightest,
    }));
    ({ server, service, issuer } = started);
  });
  afterEach(() => started.close());

  const errors = async () => (await service.records()).map(({ error }) => error);
  const unaccepted = () => service.token({ audience: 'https://other.example' });

  it('@modelcontextprotocol/sdk: evidence that is not accepted is shown twice, and refused as evidence both times', async () => {
    const jwtBearerAssertion = await unaccepted();
    const authProvider = new StaticPrivateKeyJwtProvider({
      ...{ clientId: subject, jwtBearerAssertion, expectedIssuer: issuer },
    });
    const transport = new StreamableHTTPClientTransport(new URL(server.resource), { authProvider });
    await assert.rejects(new Client(info).connect(transport as Parameters<Client['connect']>[0]));
    assert.deepEqual(await errors(), ['invalid_client', 'invalid_client']);
    assert.deepEqual(await limitedIn(service), [0, 0, 0]);
  });

  it('@modelcontextprotocol/client: a second try with evidence that is accepted comes to a tool call', async () => {
    const tokens = [await unaccepted(), await service.token()];
    const assertion = async () => tokens.shift() ?? assert.fail('it tried a third time');
    const authProvider = new CrossAppAccessProvider({
      ...{ assertion, clientId: subject, clientSecret: '', expectedIssuer: issuer },
    });
    const client = new Client2(info);
    const transport = new HttpTransport2(new URL(server.resource), { authProvider });
    await client.connect(transport as Parameters<Client2['connect']>[0]);
    const { content } = (await client.callTool({ name: 'whoami' })) as { content: readonly { text: string }[] };
    assert.equal(content[0]?.text, `${subject} read:calendar`);
    await client.close();
    assert.deepEqual(await errors(), ['invalid_grant', null]);
    assert.deepEqual(await limitedIn(service), [0, 0, 0]);
  });
});

describe('limits: the retries of google-auth-library', () => {
  it('after a 503 all of them are told what does not answer, and none that it was too many', async () => {
    const service = await startService({
      more: tightest,
      rules: `
  calendar-agent:
    workload: { attestor: prod-eu, selectors: ["k8s:ns:agents"] }
    conditions: [{ external: { authzen: "http://127.0.0.1:${await freePort()}", deadline: 300ms } }]
    grant: { resource: "${calendar}", scope: [read:calendar] }`,
    });
    await writeFile(`${service.folder}/token`, await service.token());
    const client = ExternalAccountClient.fromJSON({
      ...{ type: 'external_account', audience: calendar, subject_token_type: jwtType },
      token_url: `${service.url}/token`,
      credential_source: { file: `${service.folder}/token`, format: { type: 'text' } },
    } as Parameters<typeof ExternalAccountClient.fromJSON>[0]);
    assert.ok(client);
    client.scopes = ['read:calendar'];
    await assert.rejects(client.getAccessToken());
    const records = await service.records();
    assert.ok(records.length >= 4, String(records.length));
    for (const { error, reason } of records) {
      assert.deepEqual([error, reason.startsWith('rate_limited')], ['temporarily_unavailable', false]);
    }
    assert.deepEqual(await limitedIn(service), [0, 0, 0]);
    await service.close();
  });
});
