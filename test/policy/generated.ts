/** Arbitrary policies, facts and requests over a small world, in which rules often meet workloads and each other. */
import fc from 'fast-check';
import type { Asked, Facts } from '../../src/policy/facts.js';
import { now, type RawPolicy } from './samples.js';

const resources = ['https://one.example/', 'https://two.example/'];
const scopes = ['admin', 'read', 'write'];
const environments = ['production', 'staging'];
const attestor = fc.oneof(
  { weight: 9, arbitrary: fc.constant('prod-eu') },
  { weight: 1, arbitrary: fc.constant('prod-us') },
);
const kinds = ['k8s:ns', 'k8s:sa', 'k8s:node'];
const selectors = kinds.flatMap((kind) => [`${kind}:a`, `${kind}:b`, `${kind}:ab`]);
const patterns = [...selectors, 'k8s:ns:*', 'k8s:sa:a*', 'k8s:node:*b'];
const lifetimes = ['30s', '1m', '5m', '20m'];

const some = <Item>(items: readonly Item[], least = 1) =>
  fc.uniqueArray(fc.constantFrom(...items), { minLength: least, maxLength: 2 });

/** Present in so many of ten. (`freq: 1` of `fc.option` is easily taken for a half, and is never.) */
const inTenths = <Value, Absent>(
  present: number,
  arbitrary: fc.Arbitrary<Value>,
  absent: Absent,
): fc.Arbitrary<Value | Absent> =>
  fc.oneof({ weight: present, arbitrary }, { weight: 10 - present, arbitrary: fc.constant(absent) });
const maybe = <Value>(arbitrary: fc.Arbitrary<Value>, present = 5) => inTenths(present, arbitrary, undefined);

const match = fc
  .record({ selectors: maybe(some(patterns)), environment: maybe(some(environments)) })
  .filter((made) => made.selectors !== undefined || made.environment !== undefined);

const workload = fc.record({
  attestor,
  selectors: maybe(some(patterns), 6),
  environment: maybe(some(environments), 3),
  not: maybe(fc.array(match, { minLength: 1, maxLength: 2 }), 3),
});

const grantRule = fc
  .record({
    workload,
    podless: maybe(fc.boolean()),
    grant: fc.record({
      resource: fc.constantFrom(...resources),
      scope: some(scopes),
      lifetime: maybe(fc.constantFrom(...lifetimes)),
    }),
    crossing: fc.boolean(),
  })
  .map(({ workload, podless, grant, crossing }) => {
    // The only crossing that the compiler takes: from the other environment, where the workload match admits it.
    const other = grant.resource === resources[0] ? 'staging' : 'production';
    const crosses = crossing && (workload.environment?.includes(other) ?? true);
    return { workload: { ...workload, podless }, grant, crossing: crosses ? [other] : undefined };
  });

export const denyRule = fc.record({
  workload,
  deny: fc.record({ resource: fc.constantFrom(...resources, '*', 'https://t*') }),
});

interface RawRule {
  readonly workload: Readonly<Record<string, unknown>>;
  readonly grant?: unknown;
  readonly deny?: unknown;
  readonly crossing?: unknown;
}

const names = fc.constantFrom('b', 'a', 'B', 'a-b', 'a.b', '10', '9', 'constructor', 'c', 'd');

export type RawRules = Readonly<Record<string, RawRule>>;

/** The first resource is in production, the second in staging; rules and their names in any order. */
export const rawPolicy: fc.Arbitrary<RawPolicy & { readonly rules: RawRules }> = fc
  .record({
    lifetime: fc.constantFrom('20m', '20m', '1m'),
    rules: fc.uniqueArray(
      fc.tuple(
        names,
        fc.oneof({ weight: 9, arbitrary: grantRule as fc.Arbitrary<RawRule> }, { weight: 1, arbitrary: denyRule }),
      ),
      { selector: ([name]) => name, minLength: 1, maxLength: 8, size: 'max' },
    ),
  })
  .map(({ lifetime, rules }) => ({
    resources: {
      [`${resources[0]}`]: { scope: scopes, lifetime },
      [`${resources[1]}`]: { scope: scopes, environment: 'staging' },
    },
    rules: Object.fromEntries(rules),
  }));

export const facts: fc.Arbitrary<Facts> = fc
  .record({
    attestor,
    environment: inTenths(9, fc.constantFrom(...environments), null),
    selectors: fc.uniqueArray(fc.constantFrom(...selectors), { minLength: 2, maxLength: 7 }),
    unknown: fc.dictionary(
      fc.constantFrom(...kinds, 'environment'),
      fc.constantFrom('missing' as const, 'unavailable' as const),
      {
        maxKeys: 1,
        noNullPrototype: true,
      },
    ),
    podless: fc.nat(5).map((die) => die === 0),
    vouchesFor: fc.oneof({ weight: 8, arbitrary: fc.constant(3600) }, fc.double({ min: -2, max: 400, noNaN: true })),
  })
  .map(({ vouchesFor, ...workload }) => ({ now, workload: { ...workload, vouchesUntil: now + vouchesFor } }));

export const asked: fc.Arbitrary<Asked> = fc.record({
  resource: inTenths(6, fc.constantFrom(...resources, ...resources, ...resources, 'https://none.example/'), null),
  scope: inTenths(5, fc.uniqueArray(fc.constantFrom(...scopes, 'other'), { maxLength: 3 }), null),
});

/** Another state of knowledge about the same workload: one fact less is known. */
export const lostFact = fc.record({
  what: fc.constantFrom(...kinds, 'environment'),
  cause: fc.constantFrom('missing' as const, 'unavailable' as const),
});
