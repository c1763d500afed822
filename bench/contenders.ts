/** The services under test: how each is started, and whether what it issues is right. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose';
import { fileOf, type Server, startBesideService, startServer } from './processes.js';
import type { ServiceName } from './report.js';
import { writeConfiguration } from './server-counterseal.js';
import { formOf, issuer, type Material, oidcClient, readExchanges } from './workload.js';

export interface Contender {
  readonly name: ServiceName;
  /** Sent as `client_id`, where one is needed. */
  readonly clientId: string | null;
  /** Starts it with fresh state. */
  start(options?: readonly string[]): Promise<Server>;
}

/** What (e) watches. */
const watchedPods = 5_000;
const changesPerSecond = 50;

/** @returns when the cluster that (e) watches is there; it ends with this process */
export async function createContenders(folder: string, material: Material): Promise<readonly Contender[]> {
  let starts = 0;
  const parameters = [material.exchangesFile, `${watchedPods}`, `${changesPerSecond}`];
  const cluster = await startBesideService([fileOf('watched-cluster.js'), ...parameters]);
  const startOurs = (options: readonly string[], api?: string) => {
    const own = join(folder, `counterseal-${starts++}`);
    mkdirSync(own);
    const configuration = writeConfiguration(own, material, api);
    return startServer([...options, fileOf('../src/main.js'), 'serve', '--config', configuration]);
  };
  return Object.freeze<Contender[]>([
    {
      name: 'counterseal',
      clientId: null,
      start: (options = []) => startOurs(options),
    },
    {
      name: 'oidc-provider',
      clientId: oidcClient,
      start: (options = []) => startServer([...options, fileOf('server-oidc-provider.js'), material.jwksFile]),
    },
    {
      name: 'bare job',
      clientId: null,
      start: (options = []) => startServer([...options, fileOf('server-bare.js'), material.jwksFile]),
    },
    {
      name: 'watching',
      clientId: null,
      start: (options = []) => startOurs(options, cluster.url),
    },
  ]);
}

/** @returns for each start, milliseconds from the start of node until the first token was there */
export async function timeStarts(contender: Contender, material: Material, starts: number): Promise<number[]> {
  const times: number[] = [];
  for (let start = 0; start < starts; start++) {
    const since = performance.now();
    const server = await contender.start();
    const { token, at } = await exchangeOnce(server, contender, material);
    times.push(at - since);
    await verifyIssued(server, contender, material, token);
    await server.stop();
  }
  return times;
}

async function exchangeOnce(server: Server, { name, clientId }: Contender, { exchangesFile }: Material) {
  const body = new URLSearchParams(formOf(firstOf(exchangesFile), clientId));
  const response = await fetch(`${server.url}/token`, { method: 'POST', body });
  const answer = (await response.json()) as Record<string, unknown>;
  const at = performance.now();
  if (response.status !== 200) throw new Error(`${name}: ${response.status} ${JSON.stringify(answer)}`);
  return { token: String(answer.access_token), at };
}

/** As a resource server would, with another implementation than the one that signed (RFC 9068 §4). */
async function verifyIssued(server: Server, { name }: Contender, { exchangesFile }: Material, token: string) {
  const { resource, scope } = firstOf(exchangesFile);
  const keys = (await (await fetch(`${server.url}/jwks`)).json()) as JSONWebKeySet;
  const expected = { issuer, audience: resource, typ: 'at+jwt', algorithms: ['ES256'] };
  const { payload } = await jwtVerify(token, createLocalJWKSet(keys), expected);
  if (payload.scope !== scope) throw new Error(`${name}: scope is ${payload.scope}, expected ${scope}`);
}

function firstOf(exchangesFile: string) {
  const [exchange] = readExchanges(exchangesFile);
  if (exchange === undefined) throw new Error(`${exchangesFile} has no exchanges`);
  return exchange;
}
