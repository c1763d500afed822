/**
 * Scenarios of @modelcontextprotocol/conformance: those about authorization servers against our own service, and those about the clients that
 * docs/mcp.md names. `.ci/mcp-conformance` installs it, with a Node that it runs on, and runs this file.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import { clientsBlock, secret, writeClientFiles } from '../../support/clients.js';
import { root } from '../../support/command-line.js';
import { startMcpService } from '../../support/mcp-service.js';
import { clusterUrl, startService, type TestService } from '../../support/service.js';
import { keys } from '../../support/tokens.js';
import { freePort } from '../../support/upstream.js';

const run = promisify(execFile);
const folder = 'test/interop/mcp-conformance';
const client = `${process.execPath} --import tsx ${folder}/client.ts`;
const { MCP_CONFORMANCE_NODE: node = '', MCP_CONFORMANCE: suite = '' } = process.env;

interface Check {
  readonly id: string;
  readonly status: string;
  readonly errorMessage?: string;
}

interface Scenario {
  readonly attestor: string;
  readonly attestors: string;
  readonly grant: string;
  readonly subject: string;
  /** What the client may show us, by the names that the suite has for it. */
  readonly shown: (service: TestService) => Promise<Readonly<Record<string, unknown>>>;
}

const workload = 'spiffe://example.com/prod-eu/ns/agents/sa/calendar-agent';

type Expected = Readonly<Record<string, Readonly<Record<string, { status: string; says: string | null }>>>>;

/** What a scenario has checked. Its exit code says less. */
async function checksOf(mode: string, scenario: string, options: readonly string[]): Promise<readonly Check[]> {
  const output = await mkdtemp(join(tmpdir(), 'counterseal-conformance-'));
  try {
    const command = [suite, mode, ...options, '--scenario', scenario, '--output-dir', output];
    const told = await run(node, command, { cwd: root, timeout: 60_000 }).catch((error: unknown) => error);
    // Below a folder that has the time in its name.
    const results = (await readdir(output, { recursive: true })).find((file) => file.endsWith('checks.json'));
    assert.ok(results, `${scenario} has no result: ${JSON.stringify(told)}`);
    return JSON.parse(await readFile(join(output, results), 'utf8')) as readonly Check[];
  } finally {
    await rm(output, { recursive: true, force: true });
  }
}

const found = (checks: readonly Check[]) =>
  Object.fromEntries(
    checks
      .filter(({ status }) => status !== 'SUCCESS' && status !== 'INFO')
      .map(({ id, status, errorMessage = null }) => [id, { status, says: errorMessage }]),
  );

describe('@modelcontextprotocol/conformance: authorization servers', function () {
  this.timeout(90_000);
  let service: TestService;
  let issuer: string;
  let expected: Expected;
  before(async () => {
    const port = await freePort();
    issuer = `http://127.0.0.1:${port}`;
    service = await startService({ issuer, port: String(port) });
    expected = parse(await readFile(join(root, folder, 'expected.yaml'), 'utf8')) as Expected;
  });
  after(() => service.close());

  for (const scenario of ['authorization-server-metadata-endpoint', 'authorization-code-grant']) {
    it(`${scenario} finds what is meant so, and nothing else`, async () => {
      const checks = await checksOf('authorization', scenario, ['--url', issuer]);
      const meant = Object.entries(expected[scenario] ?? {});
      assert.deepEqual(
        found(checks),
        Object.fromEntries(meant.map(([id, { status, says }]) => [id, { status, says }])),
      );
    });
  }
});

describe('@modelcontextprotocol/conformance: clients', function () {
  this.timeout(90_000);

  const registered = { attestor: 'partners', attestors: clientsBlock, grant: 'client_credentials' };
  const scenarios: Readonly<Record<string, Scenario>> = {
    'auth/wif-jwt-bearer': {
      attestor: 'prod-eu',
      attestors: `
  prod-eu: { type: kubernetes, issuer: "${clusterUrl}", keys: { jwksFile: jwks.json } }`,
      grant: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
      subject: workload,
      shown: async (service) => ({ client_id: workload, valid_jwt: await service.token() }),
    },
    'auth/client-credentials-jwt': {
      ...registered,
      subject: 'spiffe://example.com/partners/client/batch',
      shown: async () => ({
        client_id: 'batch',
        private_key_pem: keys.ES256.privateKey.export({ type: 'pkcs8', format: 'pem' }),
        signing_algorithm: 'ES256',
      }),
    },
    'auth/client-credentials-basic': {
      ...registered,
      subject: 'spiffe://example.com/partners/client/legacy',
      shown: async () => ({ client_id: 'legacy', client_secret: secret }),
    },
  };

  for (const [scenario, { attestor, attestors, grant, subject, shown }] of Object.entries(scenarios)) {
    it(`${scenario} finds nothing wrong with the client`, async () => {
      const checks = await checksOf('client', scenario, ['--command', client]);
      assert.deepEqual(found(checks), {});
      assert.ok(checks.some(({ status }) => status === 'SUCCESS'));
    });

    it(`the client of ${scenario}, as it is, gets its token from us`, async () => {
      const { server, service, close } = await startMcpService((resource) => ({
        earlierStore: true,
        prepare: writeClientFiles,
        attestors,
        resources: `
  ${resource}: { scope: [read:calendar] }`,
        rules: `
  agent:
    workload: { attestor: ${attestor} }
    grant: { resource: "${resource}", scope: [read:calendar] }`,
      }));
      try {
        const context = JSON.stringify(await shown(service));
        const env = { ...process.env, MCP_CONFORMANCE_SCENARIO: scenario, MCP_CONFORMANCE_CONTEXT: context };
        const [command = '', ...options] = client.split(' ');
        await run(command, [...options, server.resource], { cwd: root, env });
        const record = await service.lastRecord();
        assert.deepEqual([record.grant_type, record.outcome, record.subject], [grant, 'permitted', subject]);
        assert.ok(server.schemes().length > 0);
      } finally {
        await close();
      }
    });
  }
});
