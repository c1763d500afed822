/** A whole service for tests: real configuration file, real listeners, records that are decided again at the end. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import type { AttestorHost } from '../../attestors/attestor.js';
import { type ClusterIssuer, createClusterIssuer } from '../../examples/quickstart/cluster-issuer.js';
import type { AuditRecord } from '../../src/audit/record.js';
import type { Configuration } from '../../src/config/configuration.js';
import { loadConfiguration } from '../../src/config/load.js';
import { type Service, serve } from '../../src/server.js';
import { openEmbeddedStore } from '../../src/store/embedded.js';
import { keep } from './records.js';

export const clusterUrl = 'https://kubernetes.default.svc';
export const issuer = 'http://127.0.0.1:8080';
export const calendar = 'https://calendar.example/mcp';
export const payroll = 'https://payroll.example';
export const grantType = 'urn:ietf:params:oauth:grant-type:token-exchange';
export const jwtType = 'urn:ietf:params:oauth:token-type:jwt';

const attestors = `
  prod-eu: { type: kubernetes, issuer: "${clusterUrl}", keys: { jwksFile: jwks.json } }`;
const resources = `
  ${calendar}: { scope: [read:calendar, write:events], lifetime: 10m }
  ${payroll}: { scope: [read:salaries] }`;
const rules = `
  calendar-agent:
    workload: { attestor: prod-eu, selectors: ["k8s:ns:agents", "k8s:sa:calendar-agent"] }
    grant: { resource: "${calendar}", scope: [read:calendar, write:events] }
  payroll-job:
    workload: { attestor: prod-eu, selectors: ["k8s:ns:finance", "k8s:sa:payroll-job"] }
    grant: { resource: "${payroll}", scope: [read:salaries] }`;

export interface ServiceOptions {
  readonly issuer?: string;
  /** Default: example.com. */
  readonly trustDomain?: string;
  readonly attestors?: string;
  readonly resources?: string;
  readonly rules?: string;
  /** Default 0: any that is free. */
  readonly port?: string;
  /** Of the public listener, instead of `port`. */
  readonly listen?: string;
  /** Further top-level lines of the configuration. */
  readonly more?: string;
  /** Default 0: any that is free. */
  readonly healthPort?: number;
  /** Ends the start. */
  readonly signal?: AbortSignal;
  readonly audit?: string;
  readonly store?: string;
  /** The embedded store was there before: one that is new refuses what may have been used before it. */
  readonly earlierStore?: true;
  readonly cluster?: ClusterIssuer;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
  /** Taken over from an earlier service, to start again on the same data. */
  readonly folder?: string;
  /** Runs before the configuration is loaded, for files that it names. */
  readonly prepare?: (folder: string) => Promise<void>;
}

export interface TestService {
  readonly url: string;
  readonly healthUrl: string;
  readonly folder: string;
  readonly cluster: ClusterIssuer;
  readonly warnings: readonly string[];
  /** What the attestor of this name was given: a test may speak for its platform. */
  host(attestor: string): AttestorHost;
  /** A pod's token of calendar-agent, unless said otherwise. */
  token(claims?: Partial<Parameters<ClusterIssuer['mint']>[0]>): Promise<string>;
  /** POSTs a form; a list repeats its parameter. */
  post(form: Readonly<Record<string, string | readonly string[]>>, headers?: Record<string, string>): Promise<Answer>;
  /** The exchange of a good token, with parameters changed, or left out when undefined. */
  exchange(changes?: Readonly<Record<string, string | undefined>>, headers?: Record<string, string>): Promise<Answer>;
  records(): Promise<readonly AuditRecord[]>;
  lastRecord(): Promise<AuditRecord>;
  auditText(): Promise<string>;
  /** Writes the configuration anew, with changes; what a text says instead of them is taken as it is. */
  rewrite(changes: ServiceOptions | string): Promise<void>;
  /** For the records: what its files say now may decide from here on. */
  noteFiles(): Promise<void>;
  /** @param keepFolder for a start on the same data */
  close(keepFolder?: boolean): Promise<void>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Readonly<Record<string, unknown>>;
}

export async function startService(options: ServiceOptions = {}): Promise<TestService> {
  const folder = options.folder ?? (await mkdtemp(join(tmpdir(), 'counterseal-')));
  const cluster = options.cluster ?? (await createClusterIssuer({ issuer: clusterUrl }));
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'jwks.json'), JSON.stringify(cluster.jwks()));
  await writeFile(join(folder, 'counterseal.yaml'), configurationText(options));
  await options.prepare?.(folder);
  if (options.earlierStore) await (await openEmbeddedStore({ path: join(folder, 'store'), now: () => 0 })).close();
  const hosts = new Map<string, AttestorHost>();
  const configuration = overhear(await loadConfiguration(join(folder, 'counterseal.yaml')), hosts);
  const policies = new Map([[configuration.policy.revision, configuration.policy]]);
  const warnings: string[] = [];
  const service: Service = await serve(configuration, {
    lookEvery: 100,
    now: options.now ?? Date.now,
    stdout: new PassThrough(),
    warn: (message) => warnings.push(message),
    ...(options.signal && { signal: options.signal }),
  });
  const noteFiles = async () => {
    const next = await loadConfiguration(join(folder, 'counterseal.yaml')).catch(() => undefined);
    if (next !== undefined) policies.set(next.policy.revision, next.policy);
  };
  const auditText = () => readFile(join(folder, 'audit.jsonl'), 'utf8');
  const records = async () => {
    const lines = (await auditText()).split('\n').filter((line) => line !== '');
    return lines.map((line) => JSON.parse(line) as AuditRecord);
  };
  const token: TestService['token'] = (claims = {}) =>
    cluster.mint({
      namespace: 'agents',
      serviceAccount: 'calendar-agent',
      audience: options.issuer ?? issuer,
      ...claims,
    });
  const path = new URL(options.issuer ?? issuer).pathname.replace(/\/$/, '');
  const post: TestService['post'] = (form, headers = {}) =>
    postForm(`${service.publicUrl}${path}/token`, form, headers);
  return {
    url: service.publicUrl,
    healthUrl: service.healthUrl,
    folder,
    cluster,
    warnings,
    host: (attestor) => hosts.get(attestor) ?? assert.fail(`no attestor ${attestor}`),
    token,
    post,
    async exchange(changes = {}, headers = {}) {
      const form = {
        grant_type: grantType,
        subject_token_type: jwtType,
        subject_token: 'subject_token' in changes ? changes.subject_token : await token(),
        resource: calendar,
        ...changes,
      };
      return post(
        Object.fromEntries(Object.entries(form).flatMap(([k, v]) => (v === undefined ? [] : [[k, v]]))),
        headers,
      );
    },
    records,
    async lastRecord() {
      const last = (await records()).at(-1);
      assert.ok(last, 'no record was written');
      return last;
    },
    auditText,
    async rewrite(changes) {
      const text = typeof changes === 'string' ? changes : configurationText({ ...options, ...changes });
      await writeFile(join(folder, 'counterseal.yaml'), text);
      await noteFiles();
    },
    noteFiles,
    async close(keepFolder = false) {
      await service.close();
      const lines = (await auditText()).split('\n').filter((line) => line !== '');
      for (const line of lines) {
        const { policy_revision: revision } = JSON.parse(line) as AuditRecord;
        keep(line, policies.get(revision) ?? configuration.policy);
      }
      if (!keepFolder) await rm(folder, { recursive: true, force: true });
    },
  };
}

/** @param hosts gets what each attestor is given */
function overhear(configuration: Configuration, hosts: Map<string, AttestorHost>): Configuration {
  const attestors = [...configuration.attestors].map(([name, { type, ...rest }]) => {
    const create: typeof type.create = (own, given, host) => {
      hosts.set(name, host);
      return type.create(own, given, host);
    };
    return [name, { type: { ...type, create }, ...rest }] as const;
  });
  return { ...configuration, attestors: new Map(attestors) };
}

function configurationText(options: ServiceOptions): string {
  return `
issuer: ${options.issuer ?? issuer}
trustDomain: ${options.trustDomain ?? 'example.com'}
environment: production
region: eu-central
listen: ${options.listen ?? `{ port: ${options.port ?? '0'} }`}
health: { port: ${options.healthPort ?? 0} }
store: ${options.store ?? '{ type: embedded, path: store }'}
audit: ${options.audit ?? '{ durability: strict, sinks: [{ type: file, path: audit.jsonl }] }'}
attestors: ${options.attestors ?? attestors}
resources: ${options.resources ?? resources}
rules: ${options.rules ?? rules}
${options.more ?? ''}
`;
}

export async function postForm(
  url: string,
  form: Readonly<Record<string, string | readonly string[]>>,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const body = new URLSearchParams();
  for (const [name, value] of Object.entries(form)) {
    for (const one of typeof value === 'string' ? [value] : value) body.append(name, one);
  }
  return send(url, { method: 'POST', body, headers });
}

export async function send(url: string, init: RequestInit): Promise<Answer> {
  const response = await fetch(url, init);
  const text = await response.text();
  const body = text === '' ? {} : (JSON.parse(text) as Record<string, unknown>);
  return { status: response.status, headers: response.headers, body };
}

/** The payload of a compact JWS, unverified. */
export function claimsOf(token: unknown): Record<string, unknown> {
  return JSON.parse(Buffer.from(String(token).split('.')[1] ?? '', 'base64url').toString('utf8'));
}
