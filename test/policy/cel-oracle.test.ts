/** Every expression of the documentation, the examples and a table of operators, evaluated by us and by another implementation of CEL. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { type CelInput, celEnv, isCelError, parse, plan } from '@bufbuild/cel';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import fc from 'fast-check';
import { parseAllDocuments } from 'yaml';
import { compileCel } from '../../src/policy/cel/program.js';
import type { Asked, ClaimValue, Facts } from '../../src/policy/facts.js';
import { candidateOf } from '../../src/policy/match.js';
import { factsOf, now } from './samples.js';

const root = new URL('../../', import.meta.url);

const yamlOf = (folder: string): string[] =>
  readdirSync(new URL(folder, root), { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.(ya?ml|md)$/.test(file))
    .map((file) => `${folder}/${file}`);

/** A file of YAML, or every fence of a page. */
function yamlIn(file: string): string[] {
  const text = readFileSync(new URL(file, root), 'utf8');
  if (!file.endsWith('.md')) return [text];
  return [...text.matchAll(/^( *)```ya?ml[^\n]*\n(.*?)^\1```/gms)].map(([, indent = '', fence = '']) =>
    fence.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
  );
}

/** Every value of a key `cel`, however it is quoted. */
const expressionsIn = (file: string): string[] =>
  yamlIn(file)
    .filter((text) => mentionsOf(text) > 0)
    .flatMap((text) => parseAllDocuments(text).flatMap((document) => valuesOfCel(document.toJS())));

function valuesOfCel(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    key === 'cel' && typeof inner === 'string' ? [inner] : valuesOfCel(inner),
  );
}

/** How often YAML says `cel:` outside of a comment that has its own line. */
const mentionsOf = (text: string): number => [...text.replaceAll(/^\s*#.*$/gm, '').matchAll(/\bcel["']?:/g)].length;

const files = ['docs', 'examples', 'test/cases'].flatMap(yamlOf);

/** Operators and functions over claims of whatever type. */
const table = [
  ...['==', '!=', '<', '<=', '>', '>='].flatMap((operator) => [
    `workload.claims.a ${operator} workload.claims.b`,
    `workload.claims.a ${operator} 1`,
    `workload.claims.a ${operator} 1.5`,
    `workload.claims.a ${operator} "a"`,
    `network.ip ${operator} "10.1.2.3"`,
    `posture.restarts ${operator} 2`,
    `now ${operator} timestamp("2027-01-15T08:00:00Z")`,
    `now - timestamp("2027-01-15T08:00:00+01:00") ${operator} duration("1h")`,
  ]),
  ...['+', '-', '*', '/'].map((operator) => `posture.restarts ${operator} 2 == 4`),
  'posture.restarts % 2 == 0',
  '"k" in workload.claims.b',
  'workload.claims.a in ["a", "b"]',
  '"a" in workload.claims',
  'has(workload.claims.a)',
  'workload.claims.a || workload.claims.b',
  'workload.claims.a && workload.claims.b',
  '!workload.claims.a || true',
  'workload.claims.a ? true : false',
  'workload.claims.a == null',
  'workload.claims.a == ["a"]',
  'workload.claims.a == {"k": "a"}',
  'workload.claims.a.k == "a"',
  'workload.claims.a["k"] == "a"',
  'workload.claims.a[0] == "a"',
  'workload.claims.a.size() > 1',
  'size(workload.claims.a) == 1',
  'workload.claims.a.startsWith("a")',
  'workload.claims.a.endsWith("b")',
  'workload.claims.a.contains("")',
  'workload.claims.a.matches("^[a-z]*$")',
  'workload.claims.a.all(x, x == "a")',
  'workload.claims.a.exists(x, x == "a")',
  'workload.claims.a.exists_one(x, x == "a")',
  'workload.claims.a.filter(x, x == "a").size() == 1',
  'workload.claims.a + workload.claims.b == "ab"',
  'request.scope + ["x"] == ["read", "x"]',
  'posture.ready == true',
  'behaviour.exchangesPerHour < 3 && !behaviour.offHours',
  'behaviour.exchangesPerHour * 2 == behaviour.exchangesPerDay',
  'posture.images.exists(i, i.startsWith("a"))',
  'posture.podStartedAt < now',
  ...['FullYear', 'Month', 'Date', 'DayOfMonth', 'DayOfWeek', 'Hours', 'Minutes', 'Seconds'].map(
    (part) => `now.get${part}() > 6`,
  ),
  'workload.attestor + "x" == "prod-eux"',
  '"\\u00e9".size() == 1 && "😀".size() == 1',
];

const sources = [...new Set([...files.flatMap(expressionsIn), ...table])];

const claim: fc.Arbitrary<ClaimValue> = fc.constantFrom<ClaimValue>(
  null,
  'a',
  'b',
  'ab',
  '',
  'é',
  true,
  false,
  0,
  1,
  1.5,
  2,
  ['a'],
  ['a', 'a'],
  ['a', 'b', 1],
  [],
  { k: 'a' },
  { k: 1 },
  { a: 'k' },
  {},
);

const few = fc.integer({ min: 1, max: 5 });

const anyFacts: fc.Arbitrary<Facts> = fc
  .record({
    names: fc.record({ a: claim, b: claim }),
    repository: fc.constantFrom<ClaimValue>('acme/app', 'acme/other', null),
    ref: fc.constantFrom<ClaimValue>('refs/heads/main', 'refs/heads/release-1', 'refs/heads/x\n', 1),
    fork: fc.constantFrom<ClaimValue>(true, false, null, 'false'),
    groups: fc.constantFrom<ClaimValue>(['deployers'], [], 'deployers', null),
    namespace: fc.constantFrom<ClaimValue>('agents', 'other'),
    at: fc.integer({ min: now - 4e7, max: now + 4e7 }),
    ip: fc.constantFrom('10.1.2.3', '192.0.2.1'),
    environment: fc.constantFrom('production', 'staging'),
    selectors: fc.subarray(['k8s:ns:agents', 'k8s:pod-label:tier:gold', 'k8s:sa:x']),
    restarts: fc.integer({ min: 0, max: 4 }),
    ready: fc.boolean(),
    images: fc.subarray(['a/x', 'b/y']),
    behaviour: fc.record({ exchangesPerHour: few, exchangesPerDay: few, offHours: fc.boolean() }),
  })
  .map(({ names, repository, ref, fork, groups, namespace, at, ip, environment, selectors, behaviour, ...posture }) =>
    factsOf(
      {
        claims: { ...names, repository, ref, fork, groups, 'kubernetes.io': { namespace } },
        environment,
        selectors,
        posture: {
          ready: { value: posture.ready, observedAt: at },
          restarts: { value: posture.restarts, observedAt: at },
          podStartedAt: { value: at - 200, observedAt: at },
          images: { value: posture.images, observedAt: at },
        },
      },
      { now: at, network: { ip }, behaviour },
    ),
  );

const asked: fc.Arbitrary<Asked> = fc.record({
  resource: fc.constantFrom('https://one.example', 'x'),
  scope: fc.subarray(['read', 'admin', 'readwrite']),
});

const seconds = (value: number) => timestampFromMs(value * 1000);

const asInput = (value: ClaimValue): CelInput =>
  typeof value !== 'object' || value === null
    ? value
    : Array.isArray(value)
      ? value.map(asInput)
      : new Map(Object.entries(value).map(([name, member]) => [name, asInput(member)]));

/** The facts as the other implementation takes them. */
function variablesOf(
  { now: at, workload, network, behaviour = {} }: Facts,
  { resource, scope }: Asked,
): Record<string, CelInput> {
  const { attestor, assurance, environment, selectors, posture, claims = {} } = workload;
  const map = (values: Record<string, unknown>) => new Map(Object.entries(values)) as CelInput;
  const present = Object.entries(claims).filter(([, value]) => value !== null);
  return {
    now: seconds(at),
    workload: map({
      attestor,
      assurance,
      environment,
      selectors: [...selectors],
      claims: new Map(present.map(([name, value]) => [name, asInput(value)])),
    }),
    request: map({ resource, scope: [...(scope ?? [])] }),
    network: map({ ip: network.ip }),
    behaviour: map(
      Object.fromEntries(
        Object.entries(behaviour).map(([name, value]) => [name, typeof value === 'number' ? BigInt(value) : value]),
      ),
    ),
    posture: map({
      ready: posture.ready?.value,
      restarts: BigInt(Number(posture.restarts?.value)),
      podStartedAt: seconds(Number(posture.podStartedAt?.value)),
      images: [...((posture.images?.value ?? []) as string[])],
    }),
  };
}

describe('policy/cel beside another implementation', () => {
  it('is about every expression of the documentation and more', () => {
    assert.ok(expressionsIn('docs/conditions/cel.md').length >= 9);
    assert.ok(sources.length > 90);
  });

  it('finds every expression that YAML of the documentation, the examples and the cases has', () => {
    for (const file of files) {
      const mentioned = yamlIn(file).reduce((sum, text) => sum + mentionsOf(text), 0);
      assert.equal(expressionsIn(file).length, mentioned, file);
    }
  });

  for (const source of sources) {
    it(source, () => {
      const program = compileCel(source);
      const other = plan(celEnv(), parse(source));
      const property = fc.property(anyFacts, asked, (facts, request) => {
        const ours = program.evaluate(candidateOf(facts, request));
        const theirs = other(variablesOf(facts, request));
        const value = isCelError(theirs) || typeof theirs !== 'boolean' ? 'no value' : theirs;
        assert.equal('value' in ours ? ours.value : 'no value', value, JSON.stringify([facts, request]));
      });
      fc.assert(property, { numRuns: 150 });
    });
  }
});
