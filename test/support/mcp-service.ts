/** An MCP server with a service of ours that issues its tokens. */
import { join } from 'node:path';
import { loadConfiguration } from '../../src/config/load.js';
import { protectedResource } from '../../src/protected-resource.js';
import { startMcpServer, type TestMcpServer } from './mcp-server.js';
import { type ServiceOptions, startService, type TestService } from './service.js';
import { freePort } from './upstream.js';

export interface TestMcpService {
  readonly server: TestMcpServer;
  readonly service: TestService;
  readonly issuer: string;
  close(): Promise<void>;
}

/** @param optionsFor the resource, which is the server's URL; issuer and port are added */
export async function startMcpService(optionsFor: (resource: string) => ServiceOptions): Promise<TestMcpService> {
  const server = await startMcpServer();
  const port = await freePort();
  const issuer = `http://127.0.0.1:${port}`;
  const service = await startService({ ...optionsFor(server.resource), issuer, port: String(port) });
  const configuration = await loadConfiguration(join(service.folder, 'counterseal.yaml'));
  server.protect(protectedResource(configuration, server.resource), issuer);
  return {
    server,
    service,
    issuer,
    async close() {
      await service.close();
      await server.close();
    },
  };
}
