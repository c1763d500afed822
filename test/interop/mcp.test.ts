/** Clients of the Model Context Protocol, unmodified: 401, metadata of the resource, ours, a token, a tool. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import {
  Client as Client2,
  CrossAppAccessProvider,
  DpopSession,
  StreamableHTTPClientTransport as HttpTransport2,
  StaticPrivateKeyJwtProvider as StaticProvider2,
} from '@modelcontextprotocol/client';
import { StaticPrivateKeyJwtProvider } from '@modelcontextprotocol/sdk/client/auth-extensions.js';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { loadConfiguration } from '../../src/config/load.js';
import { protectedResource } from '../../src/protected-resource.js';
import { startMcpServer, type TestMcpServer } from '../support/mcp-server.js';
import { startService, type TestService } from '../support/service.js';
import { freePort } from '../support/upstream.js';

const subject = 'spiffe://example.com/prod-eu/ns/agents/sa/calendar-agent';
const info = { name: 'agent', version: '1.0.0' };

type Transport = Parameters<Client['connect']>[0];
type Transport2 = Parameters<Client2['connect']>[0];

/** Who the tool says that called it. */
async function whoami(client: Client | Client2, connect: () => Promise<void>): Promise<unknown> {
  await connect();
  const { content } = (await client.callTool({ name: 'whoami' })) as { content: readonly { text: string }[] };
  await client.close();
  return content[0]?.text;
}

async function callWith(resource: URL, authProvider: StaticProvider2 | CrossAppAccessProvider): Promise<unknown> {
  const client = new Client2(info);
  const transport = new HttpTransport2(resource, { authProvider });
  return whoami(client, () => client.connect(transport as Transport2));
}

describe('clients of the Model Context Protocol', () => {
  let server: TestMcpServer;
  let service: TestService;
  let issuer: string;
  before(async () => {
    server = await startMcpServer();
    const port = await freePort();
    issuer = `http://127.0.0.1:${port}`;
    service = await startService({
      issuer,
      port: String(port),
      resources: `
  ${server.resource}: { scope: [read:calendar, write:events] }`,
      rules: `
  calendar-agent:
    workload: { attestor: prod-eu, selectors: ["k8s:ns:agents", "k8s:sa:calendar-agent"] }
    grant: { resource: "${server.resource}", scope: [read:calendar] }`,
    });
    const configuration = await loadConfiguration(join(service.folder, 'counterseal.yaml'));
    server.protect(protectedResource(configuration, server.resource), issuer);
  });
  after(async () => {
    await service.close();
    await server.close();
  });

  const url = () => new URL(server.resource);
  const expectedIssuer = () => issuer;

  async function sdk1(token: string): Promise<unknown> {
    const options = { clientId: subject, jwtBearerAssertion: token, expectedIssuer: expectedIssuer() };
    const authProvider = new StaticPrivateKeyJwtProvider(options);
    const client = new Client(info);
    const transport = new StreamableHTTPClientTransport(url(), { authProvider });
    return whoami(client, () => client.connect(transport as Transport));
  }

  const sdk2 = (authProvider: StaticProvider2 | CrossAppAccessProvider) => callWith(url(), authProvider);

  const crossApp = (assertion: () => Promise<string>) =>
    new CrossAppAccessProvider({ assertion, clientId: subject, clientSecret: '', expectedIssuer: expectedIssuer() });

  const clients: Readonly<Record<string, readonly [grant: string, (token: string) => Promise<unknown>]>> = {
    'StaticPrivateKeyJwtProvider of @modelcontextprotocol/sdk': ['client_credentials', sdk1],
    'StaticPrivateKeyJwtProvider of @modelcontextprotocol/client': [
      'client_credentials',
      (jwtBearerAssertion) =>
        sdk2(new StaticProvider2({ clientId: subject, jwtBearerAssertion, expectedIssuer: expectedIssuer() })),
    ],
    'CrossAppAccessProvider, whose callback gives the token file': [
      'urn:ietf:params:oauth:grant-type:jwt-bearer',
      (token) => sdk2(crossApp(async () => token)),
    ],
  };

  for (const [name, [grant, call]] of Object.entries(clients)) {
    it(`${name}: from 401 to a tool call`, async () => {
      const before = server.challenged();
      assert.equal(await call(await service.token()), `${subject} read:calendar`);
      assert.equal(server.challenged(), before + 1);
      const record = await service.lastRecord();
      assert.deepEqual([record.grant_type, record.outcome], [grant, 'permitted']);
      assert.deepEqual(record.request.resource, [server.resource]);
    });

    it(`${name}: evidence that is not accepted is an error of the grant, and is shown once more at most`, async () => {
      const before = (await service.records()).length;
      await assert.rejects(call(await service.token({ audience: 'https://other.example' })));
      const errors = (await service.records()).slice(before).map(({ error }) => error);
      assert.ok(errors.length === 1 || errors.length === 2, String(errors.length));
      const expected = grant === 'client_credentials' ? 'invalid_client' : 'invalid_grant';
      assert.deepEqual(new Set(errors), new Set([expected]));
    });
  }

  it('keeps its evidence from an issuer that it does not expect', async () => {
    const before = (await service.records()).length;
    const options = {
      clientId: subject,
      jwtBearerAssertion: await service.token(),
      expectedIssuer: 'https://other.example',
    };
    await assert.rejects(sdk2(new StaticProvider2(options)));
    assert.equal((await service.records()).length, before);
  });
});

describe('clients of the Model Context Protocol with DPoP', () => {
  let server: TestMcpServer;
  let service: TestService;
  let issuer: string;
  before(async () => {
    server = await startMcpServer();
    const port = await freePort();
    issuer = `http://127.0.0.1:${port}`;
    service = await startService({
      issuer,
      port: String(port),
      earlierStore: true,
      resources: `
  ${server.resource}: { scope: [read:calendar], binding: dpop, dpopNonce: required }`,
      rules: `
  calendar-agent:
    workload: { attestor: prod-eu, selectors: ["k8s:sa:calendar-agent"] }
    grant: { resource: "${server.resource}", scope: [read:calendar] }`,
    });
    const configuration = await loadConfiguration(join(service.folder, 'counterseal.yaml'));
    server.protect(protectedResource(configuration, server.resource), issuer);
  });
  after(async () => {
    await service.close();
    await server.close();
  });

  /** The provider as its page says: DPoP is a method of it. */
  const proving = (provider: StaticProvider2 | CrossAppAccessProvider, session: DpopSession) =>
    Object.assign(provider, { dpop: () => session });

  const providers = {
    StaticPrivateKeyJwtProvider: (jwtBearerAssertion: string) =>
      new StaticProvider2({ clientId: subject, jwtBearerAssertion, expectedIssuer: issuer }),
    CrossAppAccessProvider: (token: string) => {
      const assertion = async () => token;
      return new CrossAppAccessProvider({ assertion, clientId: subject, clientSecret: '', expectedIssuer: issuer });
    },
  };

  for (const [name, make] of Object.entries(providers)) {
    it(`${name}: from 401 over our nonce to a tool call with a token that is good with its key alone`, async () => {
      const before = { records: (await service.records()).length, schemes: server.schemes().length };
      const session = await DpopSession.create();
      const provider = proving(make(await service.token()), session);
      assert.equal(await callWith(new URL(server.resource), provider), `${subject} read:calendar`);
      const records = (await service.records()).slice(before.records);
      assert.deepEqual(
        records.map(({ reason }) => reason),
        ['dpop_nonce_missing', 'granted'],
      );
      assert.deepEqual(records.at(-1)?.granted?.binding, { dpop: session.thumbprint });
      assert.deepEqual(new Set(server.schemes().slice(before.schemes)), new Set(['DPoP']));

      const token = String(provider.tokens()?.access_token);
      for (const scheme of ['Bearer', 'DPoP']) {
        const stolen = await fetch(server.resource, {
          method: 'POST',
          headers: { authorization: `${scheme} ${token}` },
        });
        assert.equal(stolen.status, 401);
      }
    });
  }

  it('without it gets nothing for this resource', async () => {
    const provider = providers.StaticPrivateKeyJwtProvider(await service.token());
    await assert.rejects(callWith(new URL(server.resource), provider));
    assert.equal((await service.lastRecord()).reason, 'binding_missing');
  });
});
