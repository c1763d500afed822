/** `npm start`: a stand-in cluster, the real service, one exchange that is permitted and one that is refused. */
import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Service } from '../../src/server.js';
import { createClusterIssuer } from './cluster-issuer.js';

// Making the cluster's RSA key takes long; the service's modules load meanwhile.
const clusterMade = createClusterIssuer({ issuer: 'https://kubernetes.default.svc' });
const { ConfigurationError, loadConfiguration, renderProblems } = await import('../../src/config/load.js');
const { findRecord } = await import('../../src/audit/read.js');
const { explainRecord } = await import('../../src/policy/explain.js');
const { serve } = await import('../../src/server.js');

// Compiled, this file lies in build/examples/quickstart; the configuration stays where people edit it.
const folder = fileURLToPath(new URL('../../../examples/quickstart/', import.meta.url));
const print = (...lines: readonly string[]) => process.stdout.write(`${lines.join('\n')}\n`);
const claimsOf = (jwt: string): unknown => JSON.parse(Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString());
const json = (value: unknown) => JSON.stringify(value, null, 2).replaceAll(/^/gm, '  ');

const grantType = 'urn:ietf:params:oauth:grant-type:token-exchange';
const jwtType = 'urn:ietf:params:oauth:token-type:jwt';

async function main(): Promise<void> {
  await mkdir(`${folder}data`, { recursive: true, mode: 0o700 });
  const cluster = await clusterMade;
  await writeFile(`${folder}data/cluster-jwks.json`, JSON.stringify(cluster.jwks()));
  const configuration = await loadConfiguration(`${folder}counterseal.yaml`);
  const service = await serve(configuration, { now: Date.now, stdout: process.stdout, warn });

  const podToken = () =>
    cluster.mint({ namespace: 'agents', serviceAccount: 'calendar-agent', audience: configuration.issuer });
  const token = await podToken();
  print(
    '',
    '1. What the pod shows: the service-account token that the kubelet projects into it',
    json(claimsOf(token)),
  );

  const calendar = 'https://calendar.example/mcp';
  const granted = await exchange(service, token, calendar);
  const elapsed = Math.round(performance.now());
  print('', `2. What it gets for ${calendar} (POST /token, ${granted.status})`);
  print(json(claimsOf(String(granted.body.access_token))));
  print(`  The first token came ${elapsed} ms after node was started.`);

  const payroll = 'https://payroll.example';
  const refused = await exchange(service, token, payroll);
  print('', `3. The same pod asks for ${payroll} (POST /token, ${refused.status})`, json(refused.body), '');
  await explain(String(refused.body.decision_id), configuration.audit.sinks[0]);

  print(
    '',
    `Serving on ${service.publicUrl} until Ctrl-C. Another exchange, with a token that is good for an hour:`,
    '',
  );
  print(curl(service.publicUrl, await podToken(), calendar), '');
  const file = 'examples/quickstart/data/pod-token';
  await writeFile(`${folder}data/pod-token`, await podToken(), { mode: 0o600 });
  print('Or as a pod does it, whose token is in a file:', '');
  print(
    `npx --no-install counterseal token --issuer ${service.publicUrl} --resource ${calendar} --token-file ${file}`,
    '',
  );
  const stop = () => void service.close().then(() => process.exit(0));
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
}

async function exchange(service: Service, token: string, resource: string) {
  const form = { grant_type: grantType, subject_token: token, subject_token_type: jwtType, resource };
  const response = await fetch(`${service.publicUrl}/token`, { method: 'POST', body: new URLSearchParams(form) });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

/** What an operator sees; the client learned the `decision_id` and no more. */
async function explain(decisionId: string, sink: { type: string; path?: string } | undefined): Promise<void> {
  const file = sink?.path ?? '';
  const record = await findRecord(file, decisionId);
  const short = 'examples/quickstart/data/audit.jsonl';
  print(`   An operator sees why: npx --no-install counterseal policy explain --audit ${short} ${decisionId}`, '');
  if (record !== undefined) print(explainRecord(record).replaceAll(/^(?=.)/gm, '   '));
}

function curl(url: string, token: string, resource: string): string {
  return [
    `curl -s ${url}/token`,
    `-d grant_type=${grantType}`,
    `-d subject_token_type=${jwtType}`,
    `-d resource=${resource}`,
    `-d subject_token=${token}`,
  ].join(' ');
}

function warn(message: string): void {
  process.stderr.write(`counterseal: ${message}\n`);
}

main().catch((error: unknown) => {
  if (error instanceof ConfigurationError) warn(renderProblems(error.problems));
  else if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') {
    warn(
      `${(error as Error).message}: stop what listens there, or change the ports in examples/quickstart/counterseal.yaml`,
    );
  } else warn(error instanceof Error ? (error.stack ?? error.message) : String(error));
  process.exit(1);
});
