/** Arbitrary policies, facts and requests over a small world, in which rules often meet workloads and each other. */
import fc from 'fast-check';
import type { Asked, Binding, ClaimValue, Facts, FactValue, ObservedFact } from '../../src/policy/facts.js';
import { details, rawDetails, toolNames } from '../support/tools.js';
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

interface PostureWorld {
  /** Under which conditions ask for it; of a source, its name there. */
  readonly key: string;
  readonly source?: string;
  readonly asks: readonly unknown[];
  /** Good, bad, and not to be read. */
  readonly values: readonly FactValue[];
}

/** By fact of posture. */
export const world: Readonly<Record<string, PostureWorld>> = {
  kubelet: {
    key: 'kubelet',
    asks: ['>=1.33.4', '<1.34', '>=1.33, <=1.34.0-rc.1'],
    values: ['v1.33.4', 'v1.33.4-eks-7f9249a', 'v1.34.0-rc.1', 'v1.32', 'none', 5],
  },
  runtime: {
    key: 'runtime',
    asks: ['containerd >=1.7', 'containerd <2-5'],
    values: ['containerd://2.0.0', 'containerd://2-4', 'cri-o://1.30', 'x'],
  },
  ready: { key: 'ready', asks: [true, false], values: [true, true, false, 'true', null] },
  nodeBootedAt: {
    key: 'nodeBooted',
    asks: ['<30d', '>=5m'],
    values: [now - 3600, now - 60, now - 9e6, now + 900, '1'],
  },
  restarts: { key: 'restarts', asks: ['<=3', '=0'], values: [0, 3, 4, -1, 0.5, true] },
  images: {
    key: 'images',
    asks: [{ only: ['a/*'] }, { only: ['a/x', 'b/*'] }],
    values: [['a/x'], ['a/x', 'b/y'], [], 'a/x'],
  },
  'edr.healthy': { key: 'healthy', source: 'edr', asks: [true, false], values: [true, true, false, 'true'] },
  'edr.risk': { key: 'risk', source: 'edr', asks: ['<=30', '>-1.5, <80'], values: [12, 12.5, 31, 90, '12'] },
  'edr.state': { key: 'state', source: 'edr', asks: [['normal', 'cont*'], ['*']], values: ['normal', 'lost', true] },
};

const postureFacts = Object.keys(world);

const askPosture = fc
  .record({
    facts: fc.uniqueArray(fc.constantFrom(...Object.values(world)), { minLength: 1, maxLength: 2 }),
    die: fc.nat(5),
    maxAge: maybe(fc.constantFrom('60s', '10m')),
  })
  .map(({ facts, die, maxAge }) => {
    const askedOf = (from: string | undefined) =>
      facts.flatMap(({ key, source, asks }) => (source === from ? [[key, asks[die % asks.length]]] : []));
    const edr = Object.fromEntries(askedOf('edr'));
    return {
      posture: {
        ...Object.fromEntries(askedOf(undefined)),
        ...(Object.keys(edr).length === 0 ? {} : { sources: { edr } }),
        ...(maxAge === undefined ? {} : { maxAge }),
      },
    };
  });

/** For each fact of behaviour what conditions ask of it, and values: good, bad, and not to be read. */
export const behaviourWorld: Readonly<
  Record<string, { asks: readonly unknown[]; values: readonly (boolean | number)[] }>
> = {
  exchangesPerHour: { asks: [3, 10], values: [1, 3, 4, 11, 0, 0.5, true] },
  distinctNetworksPerDay: { asks: [1, 2], values: [1, 2, 3, -1] },
  firstUse: { asks: [true, false], values: [true, false, false, 1] },
  offHours: { asks: [false, true], values: [true, false, 0] },
};

/** Of the workload and of the instance. */
export const behaviourNames = Object.keys(behaviourWorld).flatMap((key) => [key, `instance.${key}`]);

export const behaviourValues = (name: string) => behaviourWorld[name.replace('instance.', '')]?.values ?? [];

const askBehaviour = fc
  .record({
    keys: fc.uniqueArray(fc.constantFrom(...Object.keys(behaviourWorld)), { minLength: 1, maxLength: 2 }),
    die: fc.nat(1),
    per: maybe(fc.constantFrom('instance', 'workload'), 3),
  })
  .map(({ keys, die, per }) => {
    const asked = keys.map((key) => [key, behaviourWorld[key]?.asks[die]]);
    return { behaviour: { ...Object.fromEntries(asked), ...(per === undefined ? {} : { per }) } };
  });

/** Expressions, which read most of what there is to know. */
const askCel = fc
  .constantFrom(
    'workload.selectors.exists(s, s == "k8s:ns:a")',
    '!workload.selectors.exists(s, s.startsWith("k8s:node:"))',
    'size(workload.selectors) > 3 || workload.environment == "production"',
    '!("gone" in workload.claims) && workload.claims.repository == "a"',
    '!has(workload.claims.flag) || workload.claims.flag',
    'workload.claims.groups.exists(g, g.matches("^a+$"))',
    'workload.claims.groups.size() < 2 || workload.claims.flag == true',
    'posture.ready && posture.restarts < 4',
    '!(posture.kubelet == "v1.32") || network.ip == "10.1.2.3"',
    'request.resource.contains("one") && now.getHours() == 8',
    '!("admin" in request.scope)',
    'behaviour.exchangesPerHour < 4 || !behaviour.firstUse',
    'network.country != "FR" || network.subdivision == "FR-IDF"',
  )
  .map((cel) => ({ cel }));

/** The other kinds; `now` is a Friday at 9:00 in Berlin. */
const askOther = fc.constantFrom<unknown>(
  { environment: ['production'] },
  { attestation: { assurance: 'medium' } },
  { attestation: { maxAge: '5m' } },
  { network: { cidr: ['10.0.0.0/8'] } },
  { network: { countries: ['DE', 'AT'] } },
  { network: { cidr: ['10.0.0.0/8'], subdivisions: ['DE-BY'] } },
  { time: { days: ['fri'], from: '08:00', to: '09:04', zone: 'Europe/Berlin' } },
  { time: { notAfter: '2027-01-15T08:03:00Z' } },
  { time: { notBefore: '2027-01-15T09:00:00Z' } },
);

/** The keys of what decision points are asked. */
export const externalKeys = ['https://pdp.example', 'https://pdp.example each scope'];

const askExternal = fc.constantFrom<unknown>(
  { external: { authzen: 'https://pdp.example' } },
  { external: { authzen: 'https://pdp.example', each: 'scope' } },
);

/** Every policy has conditions by these names. */
const conditionNames = ['patched', 'constructor'];

const conditions = fc.uniqueArray(
  fc.oneof(
    { weight: 2, arbitrary: fc.constantFrom<unknown>(...conditionNames) },
    { weight: 1, arbitrary: askPosture },
    { weight: 1, arbitrary: askOther },
    { weight: 1, arbitrary: askBehaviour },
    { weight: 2, arbitrary: askCel },
    { weight: 2, arbitrary: askExternal },
  ),
  { minLength: 1, maxLength: 2 },
);

const posture: fc.Arbitrary<Readonly<Record<string, ObservedFact>>> = fc
  .record(
    Object.fromEntries(
      postureFacts.map((name) => [
        name,
        maybe(
          fc.record({
            value: fc.constantFrom(...(world[name]?.values ?? [])),
            observedAt: inTenths(8, fc.constant(now), now - 100),
          }),
          8,
        ),
      ]),
    ),
  )
  .map((all) => Object.fromEntries(Object.entries(all).flatMap(([name, fact]) => (fact ? [[name, fact]] : []))));

/** Null is one that the evidence does not have; one that is left out is not known. */
export const claimWorld: Readonly<Record<string, readonly ClaimValue[]>> = {
  repository: ['a', 'b', 5],
  flag: [true, false, 'true', null],
  groups: [['a', 'b'], ['c'], [1, 'a'], [], null],
  gone: [null, 'here'],
};

const claims: fc.Arbitrary<Readonly<Record<string, ClaimValue>>> = fc
  .record(
    Object.fromEntries(
      Object.entries(claimWorld).map(([name, values]) => [name, maybe(fc.constantFrom(...values), 9)]),
    ),
  )
  .map((all) =>
    Object.fromEntries(Object.entries(all).flatMap(([name, claim]) => (claim === undefined ? [] : [[name, claim]]))),
  );

/** What decision points said, of those that answered. */
const external: fc.Arbitrary<NonNullable<Facts['external']>> = fc
  .tuple(
    ...externalKeys.map((key) =>
      maybe(
        fc
          .record({
            decision: fc.constantFrom(true, true, false),
            context: fc.constantFrom<ClaimValue>(
              null,
              { reason: 'closed' },
              { read: { reason: 'closed' }, write: null },
            ),
          })
          .map((answer) => [key, answer] as const),
        7,
      ),
    ),
  )
  .map((all) => Object.fromEntries(all.flatMap((entry) => (entry === undefined ? [] : [entry]))));
const behaviour: fc.Arbitrary<Readonly<Record<string, boolean | number>>> = fc
  .record(Object.fromEntries(behaviourNames.map((name) => [name, maybe(fc.constantFrom(...behaviourValues(name)), 8)])))
  .map((all) =>
    Object.fromEntries(Object.entries(all).flatMap(([name, fact]) => (fact === undefined ? [] : [[name, fact]]))),
  );

const grantRule = fc
  .record({
    workload,
    conditions: maybe(conditions, 3),
    podless: maybe(fc.boolean()),
    grant: fc.record({
      resource: fc.constantFrom(...resources),
      scope: some(scopes),
      lifetime: maybe(fc.constantFrom(...lifetimes)),
      binding: maybe(fc.constantFrom('dpop', 'mtls'), 2),
    }),
    crossing: fc.boolean(),
  })
  .map(({ workload, conditions, podless, grant, crossing }) => {
    // The only crossing that the compiler takes: from the other environment, where the workload match admits it.
    const other = grant.resource === resources[0] ? 'staging' : 'production';
    const crosses = crossing && (workload.environment?.includes(other) ?? true);
    return { workload: { ...workload, podless }, conditions, grant, crossing: crosses ? [other] : undefined };
  });

export const denyRule = fc.record({
  workload,
  conditions: maybe(conditions, 3),
  deny: fc.record({ resource: fc.constantFrom(...resources, '*', 'https://t*') }),
});

/** One that nothing but facts of posture keeps from applying. */
export const postureDenyRule = fc.record({
  workload: fc.constant({ attestor: 'prod-eu' }),
  conditions: fc.tuple(askPosture),
  deny: fc.constant({ resource: '*' }),
});

interface RawRule {
  readonly workload: Readonly<Record<string, unknown>>;
  readonly conditions?: unknown;
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
    hasTools: fc.nat(2).map((die) => die === 0),
    details: fc.array(rawDetails, { minLength: 8, maxLength: 8 }),
    conditions: fc.tuple(
      askPosture,
      fc.oneof(
        { weight: 2, arbitrary: askPosture },
        { weight: 2, arbitrary: askOther },
        { weight: 1, arbitrary: askBehaviour },
        { weight: 2, arbitrary: askCel },
        { weight: 1, arbitrary: askExternal },
      ),
    ),
    rules: fc.uniqueArray(
      fc.tuple(
        names,
        fc.oneof({ weight: 9, arbitrary: grantRule as fc.Arbitrary<RawRule> }, { weight: 1, arbitrary: denyRule }),
      ),
      { selector: ([name]) => name, minLength: 1, maxLength: 8, size: 'max' },
    ),
  })
  .map(({ lifetime, hasTools, details, conditions, rules }) => ({
    conditions: Object.fromEntries(conditionNames.map((name, index) => [name, conditions[index]])),
    resources: {
      [`${resources[0]}`]: { scope: scopes, lifetime, ...(hasTools && { tools: toolNames }) },
      [`${resources[1]}`]: { scope: scopes, environment: 'staging' },
    },
    rules: Object.fromEntries(
      rules.map(([name, rule], index) => [name, hasTools ? withTools(rule, details[index]) : rule]),
    ),
  }));

function withTools(rule: RawRule, authorizationDetails: unknown): RawRule {
  const grant = rule.grant as { readonly resource: string } | undefined;
  return grant?.resource === resources[0] ? { ...rule, grant: { ...grant, authorizationDetails } } : rule;
}

const bindings: fc.Arbitrary<Binding> = fc.constantFrom<Binding>(
  { dpop: 'key', mtls: 'certificate' },
  { dpop: 'key', mtls: 'certificate' },
  { dpop: 'key' },
  { mtls: 'certificate' },
  {},
);

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
    posture,
    behaviour,
    claims,
    assurance: fc.constantFrom('low', 'medium', 'high'),
    evidenceIssuedAt: inTenths(8, fc.constantFrom(now - 60, now - 600), null),
    ip: inTenths(8, fc.constantFrom('10.1.2.3', '192.0.2.1'), null),
    external,
    binding: bindings,
    country: inTenths(8, fc.constantFrom('DE', 'FR'), null),
    subdivision: inTenths(8, fc.constantFrom('DE-BY', 'FR-IDF'), null),
    vouchesFor: fc.oneof({ weight: 8, arbitrary: fc.constant(3600) }, fc.double({ min: -2, max: 400, noNaN: true })),
  })
  .map(({ vouchesFor, ip, country, subdivision, behaviour, binding, external: answers, ...workload }) => ({
    now,
    network: { ip, country, subdivision },
    binding,
    behaviour,
    external: answers,
    workload: { ...workload, vouchesUntil: now + vouchesFor },
  }));

export const asked: fc.Arbitrary<Asked> = fc
  .record({
    authorizationDetails: maybe(details, 2),
    resource: inTenths(6, fc.constantFrom(...resources, ...resources, ...resources, 'https://none.example/'), null),
    scope: inTenths(5, fc.uniqueArray(fc.constantFrom(...scopes, 'other'), { maxLength: 3 }), null),
  })
  .map(({ authorizationDetails, ...rest }) => ({ ...rest, ...(authorizationDetails && { authorizationDetails }) }));

/** Another state of knowledge about the same workload: one fact less is known. */
export const lostFact = fc.record({
  what: fc.constantFrom(
    ...kinds,
    'environment',
    'network',
    'network.country',
    'network.subdivision',
    'evidenceIssuedAt',
    ...postureFacts.map((name) => `posture.${name}`),
    ...Object.keys(claimWorld).map((name) => `claims.${name}`),
    ...externalKeys.map((key) => `external.${key}`),
    ...behaviourNames.map((name) => `behaviour.${name}`),
  ),
  cause: fc.constantFrom('missing' as const, 'unavailable' as const),
});
