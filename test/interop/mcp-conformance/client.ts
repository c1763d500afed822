/**
 * The client of docs/mcp.md as a program, which the scenarios start with the URL of their MCP server, and what it may show in the environment:
 * https://github.com/modelcontextprotocol/conformance, "Testing Clients".
 */
import {
  Client,
  ClientCredentialsProvider,
  CrossAppAccessProvider,
  PrivateKeyJwtProvider,
  StreamableHTTPClientTransport,
} from '@modelcontextprotocol/client';

type Transport = Parameters<Client['connect']>[0];

const { MCP_CONFORMANCE_SCENARIO: scenario = '', MCP_CONFORMANCE_CONTEXT: context = '{}' } = process.env;
const url = new URL(process.argv.at(-1) ?? '');
const {
  client_id: clientId = '',
  valid_jwt: token = '',
  client_secret: clientSecret = '',
  private_key_pem: privateKey = '',
  signing_algorithm: algorithm = '',
} = JSON.parse(context) as Readonly<Record<string, string>>;

const providers: Readonly<
  Record<string, () => CrossAppAccessProvider | ClientCredentialsProvider | PrivateKeyJwtProvider>
> = {
  'auth/wif-jwt-bearer': () => new CrossAppAccessProvider({ assertion: async () => token, clientId, clientSecret }),
  'auth/client-credentials-basic': () => new ClientCredentialsProvider({ clientId, clientSecret }),
  'auth/client-credentials-jwt': () => new PrivateKeyJwtProvider({ clientId, privateKey, algorithm }),
};

const authProvider = providers[scenario]?.();
if (authProvider === undefined) throw new Error(`this client knows nothing of ${scenario}`);
const client = new Client({ name: 'agent', version: '1.0.0' });
await client.connect(new StreamableHTTPClientTransport(url, { authProvider }) as Transport);
await client.listTools();
await client.close();
