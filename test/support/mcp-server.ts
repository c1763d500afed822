/**
 * An MCP server of the unmodified SDK, as a resource server has it: its metadata (RFC 9728) is what `counterseal protected-resource` prints,
 * and it takes our access tokens alone, verified with the keys of the issuer; one that is bound to a key, with a proof of that key alone.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import * as oauth from 'oauth4webapi';
import { z } from 'zod';
import { permits } from '../../src/authorization-details/permits.js';
import type { ProtectedResource } from '../../src/protected-resource.js';
import { startUpstream, type Upstream } from './upstream.js';

export interface TestMcpServer {
  readonly resource: string;
  /** Requests so far that carried no token, or one that is not accepted. */
  challenged(): number;
  /** Schemes of Authorization so far, of requests that were accepted. */
  schemes(): readonly string[];
  /** From now on tokens are for this resource. */
  protect(by: ProtectedResource, issuer: string): void;
  close(): Promise<void>;
}

export async function startMcpServer(): Promise<TestMcpServer> {
  let challenged = 0;
  const schemes: string[] = [];
  let serve: (req: IncomingMessage, res: ServerResponse) => Promise<void> = async (_, res) =>
    void res.writeHead(503).end();
  const upstream: Upstream = await startUpstream((req, res) => void serve(req, res));
  const resource = `http://127.0.0.1:${upstream.port}/mcp`;
  return {
    resource,
    challenged: () => challenged,
    schemes: () => schemes,
    protect({ challenge, document, url }, issuer) {
      const trusted = { issuer, jwks_uri: `${issuer}/jwks` };
      const metadata = new URL(url).pathname;
      serve = async (req, res) => {
        if (req.url === metadata) {
          res.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(document));
          return;
        }
        if (req.url !== '/mcp') return void res.writeHead(404).end();
        try {
          const { authorization = '', dpop } = req.headers;
          const headers = { authorization, ...(dpop !== undefined && { dpop: String(dpop) }) };
          const shown = new Request(resource, { method: req.method ?? '', headers });
          // RFC 9068 §4, and of a bound token RFC 9449 §7.1.
          const options = { [oauth.allowInsecureRequests]: true };
          const claims = await oauth.validateJwtAccessToken(trusted, shown, resource, options);
          schemes.push(authorization.slice(0, authorization.indexOf(' ')));
          await answer(claims, req, res);
        } catch {
          challenged += 1;
          res.writeHead(401, { 'WWW-Authenticate': challenge }).end();
        }
      };
    },
    close: upstream.close,
  };
}

/** Stateless: a server of its own for each request. One tool says who calls it; the other is for those whose token lets this call through. */
async function answer(
  { sub, scope, authorization_details: details }: oauth.JWTAccessTokenClaims,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  const server = new McpServer({ name: 'calendar', version: '1.0.0' });
  server.registerTool('whoami', { description: 'Who calls' }, async () => ({
    content: [{ type: 'text', text: `${sub} ${scope}` }],
  }));
  const inputSchema = { amount: z.number(), account: z.string() };
  server.registerTool('pay', { description: 'Pays', inputSchema }, async (args) => {
    const isPermitted = permits(details, 'pay', args);
    const text = isPermitted ? `paid ${args.amount}` : 'the token does not permit this call';
    return { isError: !isPermitted, content: [{ type: 'text', text }] };
  });
  const transport = new StreamableHTTPServerTransport({ enableJsonResponse: true });
  res.on('close', () => void server.close());
  await server.connect(transport as Parameters<McpServer['connect']>[0]);
  await transport.handleRequest(req, res);
}
