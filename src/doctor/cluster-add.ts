/** `counterseal cluster add`: the block of a Kubernetes attestor, printed only when everything that it needs works. */
import { resolve } from 'node:path';
import { stringify } from 'yaml';
import { discoverIssuer } from '../../attestors/kubernetes/doctor.js';
import { kubernetes } from '../../attestors/kubernetes/index.js';
import { attempt } from '../../attestors/kubernetes/step.js';
import { name as attestorName } from '../../attestors/options.js';
import type { HostRoom } from '../attestor-host.js';
import { checkAttestors } from '../config/across.js';
import type { Configuration } from '../config/configuration.js';
import { findingsOf as problemsOf } from '../config/findings.js';
import { literalHosts } from '../config/hosts.js';
import type { ConfiguredAttestor } from '../config/schema.js';
import { expectation } from '../config/schema.js';
import { findingsOf, renderFinding } from './doctor.js';
import { openQuietHost } from './host.js';

/** As they come from the command line; files are relative to the working directory. */
export interface ClusterOptions {
  readonly kubeconfig?: string;
  readonly inCluster?: boolean;
  readonly issuer?: string;
  readonly jwksUri?: string;
  readonly jwksFile?: string;
  readonly audience?: string;
}

type Block = Readonly<Record<string, unknown>> & { readonly issuer: string };

/**
 * @param configuration the attestor is to be added to; undefined: none is known, so nothing can be said of its other attestors
 * @param tell is given what was found and what to know, one line at a time
 * @returns YAML to stand under `attestors:`
 * @throws Error with a sentence for the operator when the block would not work
 */
export async function addCluster(
  name: string,
  options: ClusterOptions,
  configuration: Configuration | undefined,
  tell: (line: string) => void,
): Promise<string> {
  const block = await blockOf(options, tell);
  const attestor = validate(name, block, configuration);
  await examine(name, attestor, roomFor(block, configuration), tell);
  for (const note of notesOn(block)) tell(`note: ${note}`);
  return stringify({ [name]: block }).replaceAll(/^(?=.)/gm, '  ');
}

/** Only what differs from the defaults. */
async function blockOf(options: ClusterOptions, tell: (line: string) => void): Promise<Block> {
  const { audience } = options;
  const common = audience === undefined ? {} : { audience };
  const api = apiOf(options);
  if (api !== undefined) {
    return { type: 'kubernetes', issuer: await issuerOf(api, tell), ...common, api, live: {} };
  }
  const { issuer, jwksUri, jwksFile } = options;
  if (issuer === undefined || (jwksUri === undefined) === (jwksFile === undefined)) throw new Error(whichCluster);
  const keys = jwksFile === undefined ? { jwksUri } : { jwksFile: resolve(jwksFile) };
  return { type: 'kubernetes', issuer, ...common, keys };
}

const whichCluster =
  'say which cluster: --kubeconfig FILE, or --in-cluster, or --issuer URL with one of --jwks-uri URL and --jwks-file FILE';

type Api = 'in-cluster' | { readonly kubeconfig: string };

function apiOf({ kubeconfig, inCluster, issuer, jwksUri, jwksFile }: ClusterOptions): Api | undefined {
  if (kubeconfig === undefined && inCluster !== true) return undefined;
  const others = [issuer, jwksUri, jwksFile].filter((each) => each !== undefined);
  if ((kubeconfig !== undefined && inCluster === true) || others.length > 0) throw new Error(whichCluster);
  return kubeconfig === undefined ? 'in-cluster' : { kubeconfig: resolve(kubeconfig) };
}

async function issuerOf(api: Api, tell: (line: string) => void): Promise<string> {
  let issuer = '';
  const finding = await attempt('discovery', async (signal) => {
    issuer = await discoverIssuer(api === 'in-cluster' ? api : api.kubeconfig, signal);
    return issuer;
  });
  if (finding.outcome === 'ok') return issuer;
  for (const line of renderFinding(finding)) tell(line);
  throw new Error('the issuer of the cluster is not known: mend what failed, and add the cluster then');
}

/** @throws Error with all that is wrong with the block by itself, and beside the attestors that there are */
function validate(name: string, block: Block, configuration: Configuration | undefined): ConfiguredAttestor {
  const named = attestorName('an attestor name of letters, digits, ".", "_" and "-"').safeParse(name);
  if (!named.success)
    throw new Error(`${JSON.stringify(name)} cannot be the name: choose ${named.error.issues[0]?.message}`);
  if (configuration?.attestors.has(name))
    throw new Error(`${configuration.file} has an attestor ${name}: choose another name`);
  const { type: _, ...options } = block;
  const parsed = kubernetes.options.safeParse(options, { error: expectation });
  const problems = parsed.success ? [] : problemsOf(parsed.error.issues, options);
  const attestor = { type: kubernetes, options: parsed.data, pin: 'none' } as ConfiguredAttestor;
  if (parsed.success && configuration !== undefined) {
    const attestors = { ...Object.fromEntries(configuration.attestors), [name]: attestor };
    problems.push(...checkAttestors({ attestors, issuer: configuration.issuer }));
  }
  if (problems.length === 0) return attestor;
  throw new Error(
    problems
      .map(({ path, message, expected }) => `${path.join('.')}: ${message}${expected ? ` (expected ${expected})` : ''}`)
      .join('\n'),
  );
}

/** What the block may call: what the configuration allows, and what it names itself. */
function roomFor(block: Block, configuration: Configuration | undefined): HostRoom {
  const hosts = literalHosts(block);
  if (configuration !== undefined) {
    return { ...configuration, literalHosts: new Set([...configuration.literalHosts, ...hosts]) };
  }
  const local = { issuer: 'http://localhost', environment: 'unknown', trustDomain: 'localhost' };
  return { ...local, directory: process.cwd(), outbound: { allow: [] }, literalHosts: hosts };
}

async function examine(name: string, attestor: ConfiguredAttestor, room: HostRoom, tell: (line: string) => void) {
  const host = await openQuietHost(room);
  let isWell = true;
  try {
    for await (const finding of findingsOf(name, attestor, host.forAttestor(name))) {
      if (finding.outcome !== 'skipped') for (const line of renderFinding(finding)) tell(line);
      isWell &&= finding.outcome !== 'failed';
    }
  } finally {
    await host.close();
  }
  if (!isWell) throw new Error(`${name} would not work yet: mend what failed, and add it then`);
}

/** Issuers that clusters have when nobody chose one. */
const commonIssuer = /^https:\/\/kubernetes\.default(\.svc(\.cluster\.local)?)?$/;

function notesOn(block: Block): string[] {
  const notes: string[] = [];
  if (commonIssuer.test(block.issuer)) {
    notes.push(
      `many clusters have the issuer ${block.issuer}: those that share it need different audiences (--audience), and their workloads tokens for them`,
    );
  }
  if (block.api === undefined) {
    notes.push(
      'without api there are no reviews and no live facts: the token of a deleted pod is accepted until it expires',
    );
  }
  return notes;
}
