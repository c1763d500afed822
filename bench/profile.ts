/** Reads a V8 CPU profile and says where the time of the JavaScript thread goes, per exchange. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  readonly children?: readonly number[];
}

interface Profile {
  readonly nodes: readonly ProfileNode[];
  /** Microseconds of the monotonic clock, as are the deltas. */
  readonly startTime: number;
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** Microseconds of the monotonic clock. */
interface Window {
  readonly from: number;
  readonly to: number;
}

interface Spent {
  readonly what: string;
  /** Microseconds of CPU for one exchange. */
  readonly micros: number;
}

export interface ProfileSummary {
  readonly groups: readonly Spent[];
  readonly functions: readonly Spent[];
}

export const monotonicMicros = () => Number(process.hrtime.bigint() / 1000n);

/** The first that matches a frame, or the nearest of its callers, names the group. */
const groupsByFrame: readonly (readonly [RegExp, string])[] = [
  [/^\(garbage collector\)/, 'garbage collection'],
  [/^\(program\)/, 'native code outside of JavaScript'],
  [/src\/jwt\/signature/, 'verify'],
  [/src\/signing\//, 'sign'],
  [/src\/jwt\//, 'JWT: decode, check claims'],
  [/src\/policy\//, 'policy'],
  [/src\/audit\/|src\/exchange\/trail/, 'audit record'],
  [/node:(internal\/)?fs/, 'audit file'],
  [/src\/exchange\/(form|request|client|grants)/, 'form and request'],
  [/src\/exchange\/mint/, 'mint'],
  [/src\/exchange\/attest|src\/deadline|\/attestors\//, 'attest'],
  [/src\/exchange\//, 'pipeline'],
  [/src\/app\.js/, 'app: body, answer'],
  [/src\//, 'other rooms of ours'],
  [/\/node_modules\//, 'koa'],
  [/node:net|node:internal\/(stream_base_commons|net)/, 'socket'],
  [/node:(_http|http|internal\/http)/, 'http'],
  [/node:internal\/streams|node:stream/, 'streams'],
];

/** What `--cpu-prof` left in the folder when the process ended. */
export function findProfile(folder: string): string {
  const name = readdirSync(folder).find((file) => file.endsWith('.cpuprofile'));
  if (name === undefined) throw new Error('node wrote no profile: did the service end by itself?');
  return join(folder, name);
}

export function summarizeProfile(file: string, window: Window, exchanges: number): ProfileSummary {
  const profile: Profile = JSON.parse(readFileSync(file, 'utf8'));
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const parents = new Map(profile.nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id])));
  const groups = new Map<string, number>();
  const functions = new Map<string, number>();
  for (const [id, micros] of selfTimes(profile, window)) {
    const node = nodes.get(id);
    if (node === undefined || node.callFrame.functionName === '(idle)') continue;
    add(groups, groupOf(node, nodes, parents), micros / exchanges);
    add(functions, describe(node, nodes.get(parents.get(id) ?? -1)), micros / exchanges);
  }
  return { groups: ranked(groups), functions: ranked(functions) };
}

function selfTimes({ samples, timeDeltas, startTime }: Profile, { from, to }: Window): ReadonlyMap<number, number> {
  const times = new Map<number, number>();
  let at = startTime;
  samples.forEach((id, index) => {
    at += timeDeltas[index] ?? 0;
    // A sample stands for the time until the next one.
    if (at >= from && at < to) add(times, id, Math.max(0, timeDeltas[index + 1] ?? 0));
  });
  return times;
}

function groupOf(
  node: ProfileNode,
  nodes: ReadonlyMap<number, ProfileNode>,
  parents: ReadonlyMap<number, number>,
): string {
  for (let at: ProfileNode | undefined = node; at !== undefined; at = nodes.get(parents.get(at.id) ?? -1)) {
    const frame = at.callFrame.url === '' ? at.callFrame.functionName : at.callFrame.url;
    const group = groupsByFrame.find(([pattern]) => pattern.test(frame));
    if (group !== undefined) return group[1];
  }
  return 'event loop, timers, promises';
}

/** Native functions have no place: then the caller says more. */
function describe({ callFrame }: ProfileNode, caller: ProfileNode | undefined): string {
  const { functionName, url, lineNumber } = callFrame;
  const name = functionName || '(anonymous)';
  if (url !== '') return `${name} ${shorten(url)}:${lineNumber + 1}`;
  if (caller === undefined || caller.callFrame.functionName === '(root)') return name;
  return `${name} (native) < ${caller.callFrame.functionName || '(anonymous)'} ${shorten(caller.callFrame.url)}`;
}

const shorten = (url: string) => url.replace(/^file:.*\/(build|node_modules)\//, '');

function add<Key>(sums: Map<Key, number>, key: Key, amount: number): void {
  sums.set(key, (sums.get(key) ?? 0) + amount);
}

const ranked = (sums: ReadonlyMap<string, number>): Spent[] =>
  [...sums].map(([what, micros]) => ({ what, micros })).sort((one, other) => other.micros - one.micros);
