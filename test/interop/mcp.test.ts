/** Clients of the Model Context Protocol, unmodified: 401, metadata of the resource, ours, a token, a tool. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import {
  Client as Client2,
  CrossAppAccessProvider,
  DpopSession,
  StreamableHTTPClientTransport as HttpTransport2,
  ClientCredentialsProvider as SecretProvider2,
  PrivateKeyJwtProvider as SigningProvider2,
  StaticPrivateKeyJwtProvider as StaticProvider2,
} from '@modelcontextprotocol/client';
import {
  ClientCredentialsProvider,
  PrivateKeyJwtProvider,
  StaticPrivateKeyJwtProvider,
} from '@modelcontextprotocol/sdk/client/auth-extensions.js';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { clientsBlock, secret, writeClientFiles } from '../support/clients.js';
import type { TestMcpServer } from '../support/mcp-server.js';
import { startMcpService, type TestMcpService } from '../support/mcp-service.js';
import { clusterUrl, type TestService } from '../support/service.js';
import { keys } from '../support/tokens.js';

const subject = 'spiffe://example.com/prod-eu/ns/agents/sa/calendar-agent';
const info = { name: 'agent', version: '1.0.0' };

type Transport = Parameters<Client['connect']>[0];
type Transport2 = Parameters<Client2['connect']>[0];
type Provider1 = StaticPrivateKeyJwtProvider | PrivateKeyJwtProvider | ClientCredentialsProvider;
type Provider2 = StaticProvider2 | SigningProvider2 | SecretProvider2 | CrossAppAccessProvider;

/** Who the tool says that called it. */
async function whoami(client: Client | Client2, connect: () => Promise<void>): Promise<unknown> {
  await connect();
  const { content } = (await client.callTool({ name: 'whoami' })) as { content: readonly { text: string }[] };
  await client.close();
  return content[0]?.text;
}

async function callWithSdk1(url: URL, authProvider: Provider1): Promise<unknown> {
  const client = new Client(info);
  const transport = new StreamableHTTPClientTransport(url, { authProvider });
  return whoami(client, () => client.connect(transport as Transport));
}

async function callWithSdk2(url: URL, authProvider: Provider2): Promise<unknown> {
  const client = new Client2(info);
  const transport = new HttpTransport2(url, { authProvider });
  return whoami(client, () => client.connect(transport as Transport2));
}

describe('clients of the Model Context Protocol', () => {
  let started: TestMcpService;
  let server: TestMcpServer;
  let service: TestService;
  let issuer: string;
  before(async () => {
    started = await startMcpService((resource) => ({
      resources: `
  ${resource}: { scope: [read:calendar, write:events] }`,
      rules: `
  calendar-agent:
    workload: { attestor: prod-eu, selectors: ["k8s:ns:agents", "k8s:sa:calendar-agent"] }
    grant: { resource: "${resource}", scope: [read:calendar] }`,
    }));
    ({ server, service, issuer } = started);
  });
  after(() => started.close());

  const url = () => new URL(server.resource);
  const expectedIssuer = () => issuer;

  const sdk1 = (authProvider: Provider1) => callWithSdk1(url(), authProvider);
  const sdk2 = (authProvider: Provider2) => callWithSdk2(url(), authProvider);

  const crossApp = (assertion: () => Promise<string>) =>
    new CrossAppAccessProvider({ assertion, clientId: subject, clientSecret: '', expectedIssuer: expectedIssuer() });

  const clients: Readonly<Record<string, readonly [grant: string, (token: string) => Promise<unknown>]>> = {
    'StaticPrivateKeyJwtProvider of @modelcontextprotocol/sdk': [
      'client_credentials',
      (jwtBearerAssertion) =>
        sdk1(
          new StaticPrivateKeyJwtProvider({ clientId: subject, jwtBearerAssertion, expectedIssuer: expectedIssuer() }),
        ),
    ],
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
  let started: TestMcpService;
  let server: TestMcpServer;
  let service: TestService;
  let issuer: string;
  before(async () => {
    started = await startMcpService((resource) => ({
      earlierStore: true,
      resources: `
  ${resource}: { scope: [read:calendar], binding: dpop, dpopNonce: required }`,
      rules: `
  calendar-agent:
    workload: { attestor: prod-eu, selectors: ["k8s:sa:calendar-agent"] }
    grant: { resource: "${resource}", scope: [read:calendar] }`,
    }));
    ({ server, service, issuer } = started);
  });
  after(() => started.close());

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
      assert.equal(await callWithSdk2(new URL(server.resource), provider), `${subject} read:calendar`);
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
    await assert.rejects(callWithSdk2(new URL(server.resource), provider));
    assert.equal((await service.lastRecord()).reason, 'binding_missing');
  });
});

describe('registered clients of the Model Context Protocol', () => {
  const idp = 'https://idp.example';
  const grant = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
  const client = 'spiffe://example.com/partners/client';
  let started: TestMcpService;
  let server: TestMcpServer;
  let service: TestService;
  let issuer: string;
  before(async () => {
    const scopes = '[read:calendar, write:events]';
    started = await startMcpService((resource) => ({
      earlierStore: true,
      prepare: writeClientFiles,
      attestors: `
  prod-eu: { type: kubernetes, issuer: "${clusterUrl}", keys: { jwksFile: jwks.json } }
  staff: { type: oidc, issuer: "${idp}", role: delegator, keys: { jwksFile: jwks.json } }${clientsBlock.replace(
    'file: legacy.secret }',
    `file: legacy.secret }, grantTypes: [client_credentials, "${grant}"]`,
  )}`,
      resources: `
  ${resource}: { scope: ${scopes} }`,
      rules: `
  partners:
    workload: { attestor: partners }
    grant: { resource: "${resource}", scope: [read:calendar] }
  staff:
    workload: { attestor: partners, selectors: ["client:id:legacy"] }
    delegator: { attestor: staff }
    grant: { resource: "${resource}", scope: ${scopes} }`,
      more: 'drafts: { id-jag: "04" }',
    }));
    ({ server, service, issuer } = started);
  });
  after(() => started.close());

  const privateKey = () => String(keys.ES256.privateKey.export({ type: 'pkcs8', format: 'pem' }));
  const signing = () => ({ clientId: 'batch', privateKey: privateKey(), algorithm: 'ES256', expectedIssuer: issuer });
  const sharing = (clientSecret = secret) => ({ clientId: 'legacy', clientSecret, expectedIssuer: issuer });

  const url = () => new URL(server.resource);
  const clients: Readonly<Record<string, readonly [id: string, call: () => Promise<unknown>]>> = {
    'PrivateKeyJwtProvider of @modelcontextprotocol/sdk': [
      'batch',
      () => callWithSdk1(url(), new PrivateKeyJwtProvider(signing())),
    ],
    'PrivateKeyJwtProvider of @modelcontextprotocol/client': [
      'batch',
      () => callWithSdk2(url(), new SigningProvider2(signing())),
    ],
    'ClientCredentialsProvider of @modelcontextprotocol/sdk': [
      'legacy',
      () => callWithSdk1(url(), new ClientCredentialsProvider(sharing())),
    ],
    'ClientCredentialsProvider of @modelcontextprotocol/client': [
      'legacy',
      () => callWithSdk2(url(), new SecretProvider2(sharing())),
    ],
  };
  for (const [name, [id, call]] of Object.entries(clients)) {
    it(`${name}: from 401 to a tool call`, async () => {
      assert.equal(await call(), `${client}/${id} read:calendar`);
      assert.equal((await service.lastRecord()).grant_type, 'client_credentials');
    });
  }

  it('ClientCredentialsProvider with a wrong secret gets nowhere', async () => {
    const wrong = new ClientCredentialsProvider(sharing('x'.repeat(40)));
    await assert.rejects(callWithSdk1(url(), wrong));
    assert.equal((await service.lastRecord()).reason, 'client_secret');
  });

  it('CrossAppAccessProvider with an identity assertion (ID-JAG): the person’s token, with the client as actor', async () => {
    const assertion = async () => {
      const iat = Math.floor(Date.now() / 1000);
      const of = { iss: idp, sub: 'anna', aud: issuer, client_id: 'legacy', jti: randomUUID() };
      const granted = { resource: server.resource, scope: 'read:calendar' };
      return service.cluster.sign({ ...of, ...granted, iat, exp: iat + 300 }, { typ: 'oauth-id-jag+jwt' });
    };
    const provider = new CrossAppAccessProvider({ ...sharing(), assertion });
    const anna = 'spiffe://example.com/staff/subject/anna';
    assert.equal(await callWithSdk2(url(), provider), `${anna} read:calendar`);
    const record = await service.lastRecord();
    assert.deepEqual([record.grant_type, record.outcome], [grant, 'permitted']);
    assert.deepEqual([record.subject, record.request.delegator?.subject], [`${client}/legacy`, anna]);
  });
});
