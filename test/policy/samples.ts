/** Facts and policies that the tests of this folder start from. */

import { kubernetes } from '../../attestors/kubernetes/index.js';
import type { Supply } from '../../src/policy/check.js';
import { compilePolicy, type Policy } from '../../src/policy/compile.js';
import type { PostureSources } from '../../src/policy/conditions/posture-sources.js';
import { conditionsSchema } from '../../src/policy/conditions/schema.js';
import type { Facts, WorkloadFacts } from '../../src/policy/facts.js';
import { resourcesSchema, rulesSchema } from '../../src/policy/schema.js';

export const now = 1_800_000_000;
export const calendar = 'https://calendar.example/mcp';

export const selectorKinds = ['k8s:ns', 'k8s:sa', 'k8s:node', 'k8s:pod-label'];
export const attestors = new Map<string, Supply>([
  ['prod-eu', { selectorKinds, facts: kubernetes.facts, nodeKind: 'k8s:node' }],
  ['prod-us', { selectorKinds, facts: kubernetes.facts, nodeKind: 'k8s:node' }],
  ['prod-ap', { selectorKinds, facts: [] }],
  ['people', { selectorKinds: [], facts: [], role: 'delegator' }],
]);

const sources: PostureSources = {
  edr: {
    facts: { healthy: 'boolean', version: 'version', risk: 'number', lastSeen: 'time', state: 'text' },
    selectorKinds: ['k8s:node'],
  },
};

/** As the configuration file has them, before the schema. */
export interface RawPolicy {
  readonly resources: unknown;
  /** Default: none. */
  readonly conditions?: unknown;
  readonly rules: unknown;
  readonly environment?: string;
}

export const compile = ({ resources, conditions = {}, rules, environment = 'production' }: RawPolicy): Policy =>
  compilePolicy({
    resources: resourcesSchema.parse(resources),
    conditions: conditionsSchema.parse(conditions),
    rules: rulesSchema.parse(rules),
    attestors,
    environment,
    sources,
    geo: true,
  });

/** A policy over one resource with the scope `read write`. */
export const compileRules = (rules: unknown, conditions: unknown = {}): Policy =>
  compile({ resources: { [calendar]: { scope: ['read', 'write'] } }, conditions, rules });

export const factsOf = (workload: Partial<WorkloadFacts> = {}, rest: Partial<Omit<Facts, 'workload'>> = {}): Facts => ({
  now,
  network: { ip: '10.1.2.3' },
  ...rest,
  workload: {
    attestor: 'prod-eu',
    environment: 'production',
    selectors: ['k8s:ns:agents', 'k8s:sa:calendar-agent'],
    unknown: {},
    podless: false,
    posture: {},
    assurance: 'medium',
    evidenceIssuedAt: now - 60,
    vouchesUntil: now + 3600,
    ...workload,
  },
});
