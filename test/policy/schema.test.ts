import assert from 'node:assert/strict';
import { z } from 'zod';
import { kubernetes } from '../../attestors/kubernetes/index.js';
import { checksOf } from '../../src/policy/conditions/index.js';
import { conditionsSchema } from '../../src/policy/conditions/schema.js';
import { resourcesSchema, rulesSchema } from '../../src/policy/schema.js';
import { calendar } from './samples.js';

const workload = { attestor: 'prod-eu' };
const grant = { resource: calendar, scope: ['read'] };
const deny = { resource: '*' };

/** Every place and message of what is wrong. */
function faultsOf(schema: z.ZodType, value: unknown): { path: string; message: string }[] {
  const result = schema.safeParse(value);
  return result.success ? [] : result.error.issues.map(({ path, message }) => ({ path: path.join(' '), message }));
}

function refuses(schema: z.ZodType, value: unknown, path: string, message: RegExp): void {
  const faults = faultsOf(schema, value);
  assert.ok(
    faults.some((fault) => fault.path === path && message.test(fault.message)),
    `expected ${message} at ${path}, got ${JSON.stringify(faults)}`,
  );
}

describe('policy/schema resources', () => {
  const resource = (value: unknown) => ({ [calendar]: value });

  it('fills in a lifetime of ten minutes', () => {
    assert.deepEqual(
      resourcesSchema.parse(resource({ scope: ['read'] })),
      resource({ scope: ['read'], lifetime: 600 }),
    );
  });

  it('accepts the longest lifetime, 24h', () => {
    assert.equal(resourcesSchema.parse(resource({ scope: ['read'], lifetime: '24h' }))[calendar]?.lifetime, 86_400);
  });

  const rows: readonly [what: string, value: unknown, path: string, message: RegExp][] = [
    ['a lifetime over 24h', { scope: ['read'], lifetime: '25h' }, 'lifetime', /at most 24h/],
    ['a lifetime without a unit', { scope: ['read'], lifetime: '600' }, 'lifetime', /a duration such as/],
    ['no scope', {}, 'scope', /at least one scope token/],
    ['an empty scope', { scope: [] }, 'scope', /at least one scope token/],
    ['a repeated scope', { scope: ['read', 'read'] }, 'scope', /each once/],
    ['a scope with a space', { scope: ['read write'] }, 'scope 0', /a scope token/],
    ['a scope with a quote', { scope: ['re"ad'] }, 'scope 0', /a scope token/],
    ['an unknown algorithm', { scope: ['read'], algorithm: 'none' }, 'algorithm', /one of ES256, RS256, EdDSA/],
    ['an environment that is no name', { scope: ['read'], environment: 'a b' }, 'environment', /environment/],
    ['another binding', { scope: ['read'], binding: 'tls' }, 'binding', /dpop or mtls/],
    ['no list of nonces', { scope: ['read'], dpopNonce: true }, 'dpopNonce', /required, or left out/],
    ['nothing', null, '', /a resource/],
  ];
  for (const [what, value, path, message] of rows) {
    it(`refuses ${what}`, () => refuses(resourcesSchema, resource(value), `${calendar} ${path}`.trim(), message));
  }

  for (const uri of [
    'calendar.example',
    '/mcp',
    'https://a.example/#part',
    'https://',
    'https://a b',
    'https://a/\n',
    '',
  ]) {
    it(`refuses ${JSON.stringify(uri)} as a resource's URI`, () => {
      refuses(resourcesSchema, { [uri]: { scope: ['read'] } }, uri, /key/);
    });
  }

  it('accepts a URN', () => {
    assert.deepEqual(faultsOf(resourcesSchema, { 'urn:example:calendar': { scope: ['read'] } }), []);
  });
});

describe('policy/schema rules', () => {
  const rule = (value: unknown) => ({ one: value });

  it('accepts every key of a posture', () => {
    const posture = {
      kubelet: '>=1.33.4, <1.37',
      kernel: '>6.1.140-1',
      osImage: ['Ubuntu 24.04*'],
      runtime: 'containerd >=1.7.20, <3',
      ready: true,
      memoryPressure: false,
      diskPressure: false,
      pidPressure: false,
      networkUnavailable: false,
      nodeBooted: '<30d',
      podStarted: '>=5m, <=1d',
      restarts: '<=3',
      privileged: false,
      hostNamespaces: false,
      runsAsRoot: false,
      readOnlyRoot: true,
      images: { only: ['a', 'b*'] },
      maxAge: '60s',
    };
    assert.deepEqual(faultsOf(rulesSchema, rule({ workload, conditions: ['named', { posture }], grant })), []);
    const { checks } = checksOf(conditionsSchema.parse({ all: { posture } }).all ?? {}, {});
    assert.deepEqual(
      checks.map(({ key }) => key).sort(),
      Object.keys(posture)
        .filter((key) => key !== 'maxAge')
        .sort(),
    );
    assert.deepEqual(
      checks.filter(({ reads: [fact] }) => fact === undefined || !kubernetes.facts.includes(fact)),
      [],
    );
  });

  it('accepts all that is built', () => {
    const full = {
      ...workload,
      selectors: ['k8s:ns:*'],
      environment: ['a'],
      not: [{ environment: ['b'] }],
      podless: true,
    };
    assert.deepEqual(
      faultsOf(rulesSchema, rule({ workload: full, grant: { ...grant, lifetime: '5m' }, crossing: ['c'] })),
      [],
    );
    assert.deepEqual(faultsOf(rulesSchema, rule({ workload, deny })), []);
  });

  const rows: readonly [what: string, value: unknown, path: string, message: RegExp][] = [
    ['neither grant nor deny', { workload }, '', /exactly one of grant and deny/],
    ['both grant and deny', { workload, grant, deny }, '', /exactly one of grant and deny/],
    ['crossing on a deny', { workload, deny, crossing: ['staging'] }, 'crossing', /with a grant only/],
    ['podless on a deny', { workload: { ...workload, podless: true }, deny }, 'workload podless', /with a grant only/],
    ['podless: false on a deny', { workload: { ...workload, podless: false }, deny }, 'workload podless', /grant only/],
    ['an empty crossing', { workload, grant, crossing: [] }, 'crossing', /at least one environment/],
    ['no workload', { grant }, 'workload', /a workload/],
    ['a workload without attestor', { workload: {}, grant }, 'workload attestor', /the name of an attestor/],
    [
      'empty selectors',
      { workload: { ...workload, selectors: [] }, grant },
      'workload selectors',
      /at least one selector/,
    ],
    [
      'selectors that are no list',
      { workload: { ...workload, selectors: 'k8s:ns:a' }, grant },
      'workload selectors',
      /a list/,
    ],
    [
      'an empty environment',
      { workload: { ...workload, environment: [] }, grant },
      'workload environment',
      /at least one/,
    ],
    ['an empty not', { workload: { ...workload, not: [] }, grant }, 'workload not', /at least one match/],
    [
      'a not that is no list',
      { workload: { ...workload, not: { selectors: ['k8s:ns:a'] } }, grant },
      'workload not',
      /a list/,
    ],
    ['an empty match in not', { workload: { ...workload, not: [{}] }, grant }, 'workload not 0', /says something/],
    [
      'empty selectors in not',
      { workload: { ...workload, not: [{ selectors: [] }] }, grant },
      'workload not 0 selectors',
      /one/,
    ],
    ['podless as text', { workload: { ...workload, podless: 'yes' }, grant }, 'workload podless', /true or false/],
    ['an empty scope', { workload, grant: { ...grant, scope: [] } }, 'grant scope', /at least one scope token/],
    ['a lifetime over 24h', { workload, grant: { ...grant, lifetime: '2d' } }, 'grant lifetime', /at most 24h/],
    ['a misspelt key', { workload: { ...workload, selector: ['k8s:ns:a'] }, grant }, 'workload', /selector/],
    ['no condition', { workload, conditions: [], grant }, 'conditions', /at least one condition/],
    ['a condition named twice', { workload, conditions: ['a', 'a'], grant }, 'conditions', /each once/],
    [
      'an empty condition',
      { workload, conditions: [{}], grant },
      'conditions 0',
      /exactly one kind: attestation, behaviour, binding, cel, env/,
    ],
    [
      'a condition of a kind that there is not',
      { workload, conditions: [{ posture: { ready: true }, weather: 'true' }], grant },
      'conditions 0',
      /Unrecognized key: "weather"/,
    ],
    [
      'a condition of two kinds',
      { workload, conditions: [{ posture: { ready: true }, environment: ['production'] }], grant },
      'conditions 0',
      /exactly one kind/,
    ],
    [
      'a pattern as the resource of a grant',
      { workload, grant: { ...grant, resource: '*' } },
      'grant resource',
      /absolute URI/,
    ],
  ];
  for (const [what, value, path, message] of rows) {
    it(`refuses ${what}`, () => refuses(rulesSchema, rule(value), `one ${path}`.trim(), message));
  }

  it('refuses a key that it does not know', () => {
    refuses(rulesSchema, rule({ workload, grant, unknown: [] }), 'one', /unknown/);
  });

  for (const name of ['two words', '', '.hidden', 'a'.repeat(64), 'a\nb']) {
    it(`refuses ${JSON.stringify(name)} as a rule's name`, () =>
      refuses(rulesSchema, { [name]: { workload, grant } }, name, /key/));
  }
});

describe('policy/schema JSON Schema', () => {
  it('can be derived, with durations as text and unknown keys refused', () => {
    const resources = JSON.stringify(z.toJSONSchema(resourcesSchema, { io: 'input' }));
    assert.match(resources, /"lifetime":\{"default":"10m","type":"string"/);
    assert.match(resources, /"additionalProperties":false/);
    assert.match(JSON.stringify(z.toJSONSchema(rulesSchema, { io: 'input' })), /"podless":\{"type":"boolean"\}/);
  });
});
