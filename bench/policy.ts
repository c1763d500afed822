/**
 * What a decision costs: `decide` alone, for workloads that differ from one decision to the next, each with facts that were just read from
 * JSON as those of a request are. A process of its own, on the services' core. Options are JSON in argv; the result is one line of JSON.
 */
import { compilePolicy, type Policy } from '../src/policy/compile.js';
import { conditionsSchema } from '../src/policy/conditions/schema.js';
import { decide } from '../src/policy/decide.js';
import type { Facts } from '../src/policy/facts.js';
import { resourcesSchema, rulesSchema } from '../src/policy/schema.js';

export interface PolicyOptions {
  readonly rounds: number;
  /** Decisions of each case in a round. */
  readonly decisions: number;
}

/** In the order of the report. */
const policyCases = ['20 that all match', '1 of 20 matches', '1 of 10,000 matches'] as const;
export type PolicyCase = (typeof policyCases)[number];

/** Microseconds for one decision. */
export interface Decided {
  readonly p50: number;
  readonly p99: number;
}

export interface PolicyResult {
  /** For each round. */
  readonly cases: Readonly<Record<PolicyCase, readonly Decided[]>>;
  /** Milliseconds and MiB: what 10,000 rules cost to compile, and to keep. */
  readonly compile: { readonly milliseconds: number; readonly megabytes: number };
}

const resource = 'https://calendar.example/mcp';
const attestor = 'prod-eu';
const now = Date.parse('2026-11-18T10:00:00Z') / 1000;

const conditions = {
  'office-hours': {
    time: { days: ['mon', 'tue', 'wed', 'thu', 'fri'], from: '08:00', to: '18:00', zone: 'Europe/Berlin' },
  },
  'our-networks': { network: { cidr: ['10.0.0.0/8', '192.168.0.0/16', 'fd00::/8'] } },
  production: { environment: ['production'] },
  patched: { posture: { kubelet: '>=1.33.4', ready: true, maxAge: '60s' } },
  'gold-tier': { cel: 'posture.restarts < 4 && workload.assurance != "low"' },
  'of-agents': { cel: 'workload.selectors.exists(s, s == "k8s:ns:agents") && network.ip.startsWith("10.")' },
};

/** @param selectorsOf of the rule with this number */
function policyOf(count: number, selectorsOf: (index: number) => readonly string[]): Policy {
  const rule = (index: number) => ({
    workload: { attestor, selectors: selectorsOf(index) },
    conditions: Object.keys(conditions),
    grant: { resource, scope: [`scope-${index % 20}`], lifetime: '10m' },
  });
  const rules = Object.fromEntries(Array.from({ length: count }, (_, index) => [`rule-${index}`, rule(index)]));
  const scope = Array.from({ length: 20 }, (_, index) => `scope-${index}`);
  const facts = ['posture.kubelet', 'posture.ready', 'posture.restarts'];
  return compilePolicy({
    resources: resourcesSchema.parse({ [resource]: { scope } }),
    conditions: conditionsSchema.parse(conditions),
    rules: rulesSchema.parse(rules),
    attestors: new Map([[attestor, { selectorKinds: ['k8s:ns', 'k8s:sa'], facts }]]),
    environment: 'production',
  });
}

const ofNamespace = () => ['k8s:ns:agents'];
const ofServiceAccount = (index: number) => ['k8s:ns:agents', `k8s:sa:agent-${index}`];

/** As of a pod. No two are the same, and nothing of one is shared with another. */
function factsOf(index: number, accounts: number): Facts {
  const observedAt = now + index - 5;
  const facts: Facts = {
    now: now + index + 0.25,
    network: { ip: `10.4.${(index >> 8) % 256}.${index % 256}` },
    workload: {
      attestor,
      environment: 'production',
      selectors: [
        `k8s:node:node-${index % 50}`,
        `k8s:node-label:kubernetes.io/hostname:node-${index % 50}`,
        'k8s:ns:agents',
        `k8s:pod:agent-${index}`,
        'k8s:pod-label:app:agent',
        'k8s:pod-label:tier:gold',
        `k8s:pod-uid:uid-${index}`,
        `k8s:sa:agent-${(index * 37) % accounts}`,
        `k8s:sa-uid:uid-${(index * 37) % accounts}`,
      ],
      unknown: {},
      podless: false,
      posture: {
        kubelet: { value: `v1.34.${index % 5}`, observedAt },
        ready: { value: true, observedAt },
        restarts: { value: index % 4, observedAt },
      },
      assurance: 'medium',
      evidenceIssuedAt: now + index - 60,
      vouchesUntil: now + index + 3600,
    },
  };
  return JSON.parse(JSON.stringify(facts)) as Facts;
}

const asked = Object.freeze({ resource, scope: null });

interface Room {
  readonly policy: Policy;
  /** That there are rules about. */
  readonly accounts: number;
  readonly contributing: number;
}

/** @returns microseconds of each decision, sorted */
function timesOf({ policy, accounts, contributing }: Room, decisions: number): Float64Array {
  const all = Array.from({ length: decisions }, (_, index) => factsOf(index, accounts));
  const times = new Float64Array(decisions);
  for (const [index, facts] of all.entries()) {
    const before = performance.now();
    const { granted } = decide(policy, facts, asked);
    times[index] = (performance.now() - before) * 1000;
    if (granted?.scope.length !== contributing) throw new Error('a decision came out wrong');
  }
  return times.sort();
}

const decided = (times: Float64Array): Decided => ({
  p50: times[times.length >> 1] ?? 0,
  p99: times[Math.floor(times.length * 0.99)] ?? 0,
});

function compileMany(count: number) {
  const memory = process.memoryUsage().heapUsed;
  const since = performance.now();
  const policy = policyOf(count, ofServiceAccount);
  const milliseconds = performance.now() - since;
  return { policy, milliseconds, megabytes: (process.memoryUsage().heapUsed - memory) / 2 ** 20 };
}

function run({ rounds, decisions }: PolicyOptions): PolicyResult {
  const many = 10_000;
  const { policy, ...compile } = compileMany(many);
  const rooms: Readonly<Record<PolicyCase, Room>> = {
    '20 that all match': { policy: policyOf(20, ofNamespace), accounts: many, contributing: 20 },
    '1 of 20 matches': { policy: policyOf(20, ofServiceAccount), accounts: 20, contributing: 1 },
    '1 of 10,000 matches': { policy, accounts: many, contributing: 1 },
  };
  const cases: Record<PolicyCase, Decided[]> = {
    '20 that all match': [],
    '1 of 20 matches': [],
    '1 of 10,000 matches': [],
  };
  // The first round is for V8 to get warm.
  for (let round = 0; round <= rounds; round++) {
    for (const name of policyCases) {
      const times = timesOf(rooms[name], decisions);
      if (round > 0) cases[name].push(decided(times));
    }
  }
  return { cases, compile };
}

process.stdout.write(`${JSON.stringify(run(JSON.parse(process.argv[2] ?? '')))}\n`);
