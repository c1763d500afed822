/** A server of the Model Context Protocol that goes by `authorization_details`, with a client that has never heard of them. */
import assert from 'node:assert/strict';
import { StaticPrivateKeyJwtProvider } from '@modelcontextprotocol/sdk/client/auth-extensions.js';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { TestMcpServer } from '../support/mcp-server.js';
import { startMcpService, type TestMcpService } from '../support/mcp-service.js';
import type { TestService } from '../support/service.js';

type Transport = Parameters<Client['connect']>[0];

describe('tools of a server of the Model Context Protocol', () => {
  let started: TestMcpService;
  let server: TestMcpServer;
  let service: TestService;
  let issuer: string;
  before(async () => {
    started = await startMcpService((resource) => ({
      resources: `
  ${resource}: { scope: [payments], tools: [whoami, pay] }`,
      rules: `
  small-payments:
    workload: { attestor: prod-eu, selectors: ["k8s:ns:agents"], not: [{ selectors: ["k8s:sa:reader"] }] }
    grant:
      resource: "${resource}"
      scope: [payments]
      authorizationDetails:
        - type: mcp_tools
          tools:
            - name: pay
              arguments:
                type: object
                properties:
                  amount: { type: number, exclusiveMinimum: 0, maximum: 100 }
                  account: { type: string, pattern: "^DE[0-9]{4}$" }
                required: [amount, account]
  reader:
    workload: { attestor: prod-eu, selectors: ["k8s:sa:reader"] }
    grant:
      resource: "${resource}"
      scope: [payments]
      authorizationDetails: [{ type: mcp_tools, tools: [{ name: whoami }] }]`,
    }));
    ({ server, service, issuer } = started);
  });
  after(() => started.close());

  /** What the tool says to each of the calls, in one session. */
  async function pay(serviceAccount: string, calls: readonly Readonly<Record<string, unknown>>[]): Promise<string[]> {
    const jwtBearerAssertion = await service.token({ serviceAccount });
    const clientId = `spiffe://example.com/prod-eu/ns/agents/sa/${serviceAccount}`;
    const authProvider = new StaticPrivateKeyJwtProvider({ clientId, jwtBearerAssertion, expectedIssuer: issuer });
    const client = new Client({ name: 'agent', version: '1.0.0' });
    await client.connect(new StreamableHTTPClientTransport(new URL(server.resource), { authProvider }) as Transport);
    const said: string[] = [];
    for (const call of calls) {
      const { content } = await client.callTool({ name: 'pay', arguments: call });
      said.push(String((content as readonly { text: string }[])[0]?.text));
    }
    await client.close();
    return said;
  }

  const refused = 'the token does not permit this call';

  it('are let through as far as the rule says, although the client did not ask for them', async () => {
    const account = 'DE1234';
    const calls = [
      { amount: 50, account },
      { amount: 100, account },
      { amount: 100.01, account },
      { amount: -5, account },
      { amount: 5, account: 'FR1234' },
      { amount: 5, account: 'DE1234, FR1234' },
    ];
    assert.deepEqual(await pay('calendar-agent', calls), ['paid 50', 'paid 100', refused, refused, refused, refused]);
    const { granted, request } = await service.lastRecord();
    assert.equal(request.authorization_details, null);
    assert.equal(granted?.authorization_details?.[0]?.tools[0]?.name, 'pay');
  });

  it('are refused with a token for others', async () => {
    assert.deepEqual(await pay('reader', [{ amount: 1, account: 'DE1234' }]), [refused]);
  });
});
