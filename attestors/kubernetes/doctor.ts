/** What an attestor needs of its cluster, tried in the order in which one thing needs another. Writes nothing there. */
import { z } from 'zod';
import type { AttestorHost, Finding, KeySource } from '../attestor.js';
import { Fault, skipped, tryKeys } from '../step.js';
import { type ApiServer, createApiServer } from './api.js';
import { type Connection, connect } from './connection.js';
import {
  asksForReviews,
  keysComeFromApi,
  type Permission,
  type PermissionOptions,
  permissionName,
  permissions,
} from './permissions.js';
import { clock, clusterIssuer, isAllowed, ourUser } from './self.js';
import { attempt } from './step.js';

/** The options that the steps look at. */
interface ExaminedOptions extends PermissionOptions {
  readonly issuer: string;
  readonly api?: 'in-cluster' | { readonly kubeconfig: string } | undefined;
}

export interface Examined {
  readonly options: ExaminedOptions;
  readonly audience: string;
  readonly keySource: (server: ApiServer | undefined) => KeySource;
  readonly host: AttestorHost;
}

/** The API server, once it has answered. */
interface Cluster {
  readonly connection: Connection;
  readonly server: ApiServer;
  /** Who we are there. */
  readonly us: string;
}

/** The findings of one attestor. Our token and what the API server echoes of it are in none. */
export async function* examine(examined: Examined): AsyncGenerator<Finding> {
  const { options, host } = examined;
  const cluster = yield* reach(examined);
  const unreached = options.api === undefined ? 'the attestor has no api' : 'there is no connection';
  try {
    yield cluster ? await attempt('discovery', compareIssuer(cluster, options)) : skipped('discovery', unreached);
    yield cluster || !keysComeFromApi(options)
      ? await attempt('keys', loadKeys(examined, cluster))
      : skipped('keys', unreached);
    if (cluster === undefined) {
      for (const step of ['permissions', 'TokenReview', 'watch', 'clock']) yield skipped(step, unreached);
      return;
    }
    const granted = yield* tryPermissions(cluster, options);
    yield await tryReview(cluster, examined, granted);
    yield await tryWatch(cluster, options, granted);
    yield await attempt('clock', compareClocks(cluster, host));
  } finally {
    cluster?.connection.close();
  }
}

/** @returns undefined when the API server cannot be asked, or is not to be */
async function* reach({ options: { api }, host }: Examined): AsyncGenerator<Finding, Cluster | undefined> {
  if (api === undefined) {
    yield skipped('connection', 'the attestor has no api: reviews and live facts are not to be had');
    return undefined;
  }
  const where = api === 'in-cluster' ? api : host.path(api.kubeconfig);
  let connection: Connection | undefined;
  let us: string | undefined;
  const finding = await attempt('connection', async (signal) => {
    connection = await open(where);
    us = await ourUser(connection, signal);
    return `the API server of ${where} ${us === undefined ? 'accepts our credentials' : `knows us as ${us}`}`;
  });
  yield finding;
  if (finding.outcome === 'ok' && connection !== undefined) {
    return { connection, server: createApiServer(connection), us: us ?? 'our user' };
  }
  connection?.close();
  return undefined;
}

/**
 * The issuer of a cluster of which nothing is known yet.
 * @param where `in-cluster`, or the absolute path of a kubeconfig file
 * @throws Fault, Unavailable
 */
export async function discoverIssuer(where: string, signal: AbortSignal): Promise<string> {
  const connection = await open(where);
  try {
    return await clusterIssuer(connection, signal);
  } finally {
    connection.close();
  }
}

async function open(where: string): Promise<Connection> {
  try {
    return await connect(where);
  } catch (error) {
    const fix =
      where === 'in-cluster'
        ? 'run this in a pod with a service account, or write api: { kubeconfig: FILE }'
        : `name a kubeconfig file with which \`kubectl --kubeconfig ${where} version\` works`;
    throw new Fault(error instanceof Error ? error.message : 'failed', fix);
  }
}

const compareIssuer =
  ({ connection }: Cluster, { issuer }: ExaminedOptions) =>
  async (signal: AbortSignal): Promise<string> => {
    const found = await clusterIssuer(connection, signal);
    if (found === issuer) return `the cluster's issuer is ${issuer}, as in the configuration`;
    throw new Fault(
      `the cluster's issuer is ${found}, the attestor's is ${issuer}`,
      `write issuer: ${found} instead of ${issuer}; while a cluster changes its issuer, it makes tokens with the first that it names`,
    );
  };

const loadKeys =
  ({ host, keySource }: Examined, cluster: Cluster | undefined) =>
  (): Promise<string> => {
    const source = keySource(cluster?.server);
    return tryKeys(source, host, keysFix(source, host, cluster));
  };

function keysFix(source: KeySource, host: AttestorHost, cluster: Cluster | undefined): string {
  if ('file' in source) {
    return `write the cluster's keys there: kubectl get --raw /openid/v1/jwks > ${host.path(source.file)}`;
  }
  if ('uri' in source) {
    return `make ${source.uri} answer this machine: outbound.allow admits private networks, outbound.ca certificate authorities; else save it and use keys: { jwksFile: FILE }`;
  }
  return `bind the ClusterRole system:service-account-issuer-discovery to ${cluster?.us}, or use keys: { jwksFile: FILE }`;
}

/** @returns the names of what we may do */
async function* tryPermissions(
  { connection, us }: Cluster,
  options: ExaminedOptions,
): AsyncGenerator<Finding, ReadonlySet<string>> {
  const needed = permissions(options);
  if (needed.length === 0) yield skipped('permissions', 'with these options, the API server is asked for nothing');
  const granted = new Set<string>();
  for (const permission of needed) {
    const name = permissionName(permission);
    const finding = await attempt(`permission to ${name}`, async (signal) => {
      if (await isAllowed(connection, permission, signal)) return `${us} may`;
      throw new Fault(`${us} may not`, `add ${ruleFor(permission)} to a ClusterRole that is bound to ${us}`);
    });
    if (finding.outcome === 'ok') granted.add(name);
    yield finding;
  }
  return granted;
}

function ruleFor(permission: Permission): string {
  if ('path' in permission) return `{ nonResourceURLs: [${permission.path}], verbs: [${permission.verb}] }`;
  const { verb, group, resource } = permission;
  return `{ apiGroups: ["${group}"], resources: [${resource}], verbs: [${verb}] }`;
}

/** No token, so that no honest API server can accept it. */
const junk = 'counterseal-doctor';
const reviewSchema = z.object({ status: z.object({ authenticated: z.boolean().optional() }) });

async function tryReview({ server }: Cluster, examined: Examined, granted: ReadonlySet<string>): Promise<Finding> {
  const step = 'TokenReview';
  if (!asksForReviews(examined.options)) return skipped(step, 'the attestor asks for none');
  const missing = missingOf(granted, ['create tokenreviews.authentication.k8s.io']);
  if (missing !== undefined) return skipped(step, missing);
  return attempt(step, async (signal) => {
    const answer = reviewSchema.safeParse(await server.review(junk, examined.audience, signal));
    if (answer.success && answer.data.status.authenticated !== true) {
      return 'the API server reviews tokens, and refuses one that is none';
    }
    const what = answer.success ? 'accepts a token that is none' : 'answers with something that is no TokenReview';
    throw new Fault(
      `the API server ${what}`,
      'do not use it: what answers is no API server, or a webhook of its --authentication-token-webhook-config-file accepts everything',
    );
  });
}

const pageSchema = z.object({ metadata: z.object({ resourceVersion: z.string().min(1) }) });

async function tryWatch(
  { server }: Cluster,
  { live }: ExaminedOptions,
  granted: ReadonlySet<string>,
): Promise<Finding> {
  if (live === undefined) return skipped('watch', 'the attestor has no live facts');
  const missing = missingOf(granted, ['list pods', 'watch pods']);
  if (missing !== undefined) return skipped('watch', missing);
  return attempt('watch', async (signal) => {
    const page = pageSchema.safeParse(await server.list('pods', { continue: '', limit: 1 }, signal));
    const from = page.success ? page.data.metadata : undefined;
    const lines = from && (await server.watch('pods', { ...from, seconds: 1 }, signal));
    if (!lines) {
      throw new Fault(
        'what the API server lists cannot be watched',
        'look for a proxy between that answers in its place',
      );
    }
    for await (const _ of lines);
    return 'pods are listed, and a watch of one second ended in time';
  });
}

function missingOf(granted: ReadonlySet<string>, needed: readonly string[]): string | undefined {
  const missing = needed.filter((name) => !granted.has(name));
  return missing.length === 0 ? undefined : `we may not ${missing.join(', nor ')}`;
}

/** Seconds. Tokens have 60 s for `nbf` and `iat`; what is far off already is told before exchanges fail. */
const tolerated = 5;

const compareClocks =
  ({ connection }: Cluster, host: AttestorHost) =>
  async (signal: AbortSignal): Promise<string> => {
    const asked = host.now();
    const date = await clock(connection, signal);
    if (date === undefined) {
      throw new Fault(
        "the API server's answers have no Date, so the clocks cannot be compared",
        'let the proxy between pass the Date header on',
      );
    }
    // Of whole seconds, half a one has passed on average.
    const ahead = date + 0.5 - (asked + host.now()) / 2;
    const seconds = Math.round(Math.abs(ahead));
    if (seconds <= tolerated) return `the API server's clock and ours differ by no more than ${seconds + 1} s`;
    throw new Fault(
      `the API server's clock is ${seconds} s ${ahead > 0 ? 'ahead of' : 'behind'} ours; tokens that it dates more than 60 s ahead are refused, and none is accepted after its exp`,
      'set both clocks by NTP, and examine again',
    );
  };
