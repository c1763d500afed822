/** Rows of a configuration that is wrong: what it is, the change that makes it so, and the problems with their places. */
import assert from 'node:assert/strict';
import { problemsOf, type sample, yaml } from './sample.js';

export type Row = readonly [what: string, changes: Partial<typeof sample>, ...problems: string[]];

export const calendar = 'https://calendar.example/mcp';
export const kubernetes = (more: string) => ({
  attestors: `attestors: { prod-eu: { type: kubernetes, issuer: "https://k8s.example", ${more} } }`,
});
export const resource = (more: string) => ({
  resources: `resources:\n  ${calendar}: { scope: [read:calendar], ${more} }`,
});
export const rule = (workload: string, effect = `grant: { resource: "${calendar}", scope: [read:calendar] }`) => ({
  rules: `rules:\n  agent:\n    workload: ${workload}\n    ${effect}`,
});
export const client = (workload: string, introspect = `["${calendar}"]`) => ({
  more: `clients: { api: { workload: ${workload}, introspect: ${introspect} } }`,
});
export const issuerForm =
  'an https URL without query, fragment, user and trailing slash, as URLs are normalised (http only on loopback)';

export const named = (posture: string) => ({ more: `conditions: { node: { posture: ${posture} } }` });
export const inPlace = (conditions: string) => rule(`{ attestor: prod-eu }\n    conditions: ${conditions}`);

export const check = (changes: Row[1], problems: readonly string[]) =>
  assert.deepEqual(
    problemsOf(yaml(changes)),
    problems.map((problem) => `c.yaml:${problem}`),
  );
