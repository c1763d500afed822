import { calendar, check, client, issuerForm, kubernetes, type Row, resource, rule } from './wrong.js';

const unknownKeys: readonly Row[] = [
  ['at the top', { more: 'enviroment: staging' }, '1:1: enviroment: unknown key (did you mean environment?)'],
  ['that resembles none', { more: 'observability: {}' }, '1:1: observability: unknown key'],
  ['in a section', { more: 'listen: { prot: 80 }' }, '1:11: listen.prot: unknown key (did you mean port?)'],
  [
    'in an entry of a list',
    { audit: 'audit:\n  sinks:\n    - { type: file, path: x, paht: y }' },
    '5:30: audit.sinks[0].paht: unknown key (did you mean path?)',
  ],
  ['of another form of a union', { more: 'store: { type: memory, path: x }' }, '1:24: store.path: unknown key'],
  [
    'in the options of an attestor',
    kubernetes('keys: { jwksFile: x }, maxLifetme: 1h'),
    '4:97: attestors.prod-eu.maxLifetme: unknown key (did you mean maxLifetime?)',
  ],
  [
    'in a union of maps without a type',
    kubernetes('keys: { jwksUrl: x }'),
    '4:82: attestors.prod-eu.keys.jwksUrl: unknown key (did you mean jwksUri?)',
  ],
  [
    'in a resource',
    resource('lifetme: 5m'),
    `7:59: resources["${calendar}"].lifetme: unknown key (did you mean lifetime?)`,
  ],
  [
    'in a match of a rule',
    rule('{ attestor: prod-eu, not: [{ selector: [a] }] }'),
    '10:42: rules.agent.workload.not[0]: wrong value (expected a match that says something: selectors, environment or both, found a map)',
    '10:44: rules.agent.workload.not[0].selector: unknown key (did you mean selectors?)',
  ],
  [
    'that every object has',
    { more: 'constructor: a\ntoString: b\nlisten: { hasOwnProperty: c }' },
    '1:1: constructor: unknown key',
    '2:1: toString: unknown key',
    '3:11: listen.hasOwnProperty: unknown key',
  ],
  ['that YAML 1.1 would merge', { more: 'listen: { <<: { port: 1 } }' }, '1:11: listen["<<"]: unknown key'],
];

const missingKeys: readonly Row[] = [
  ['issuer', { issuer: '' }, `1:1: issuer: missing key (expected ${issuerForm})`],
  ['audit', { audit: '' }, '1:1: audit: missing key (expected a map with sinks)'],
  [
    'attestors',
    { attestors: '', rules: 'rules: {}' },
    '1:1: attestors: missing key (expected a map from name to attestor)',
  ],
  ['resources', { resources: '' }, '1:1: resources: missing key (expected a map from resource URI to resource)'],
  ['rules', { rules: '' }, '1:1: rules: missing key (expected a map from name to rule)'],
  [
    'of a block: the place of the map that lacks it',
    { audit: 'audit:\n  durability: strict' },
    '4:3: audit.sinks: missing key (expected a list of sinks)',
  ],
  ['of an empty map', { audit: 'audit: {}' }, '3:8: audit.sinks: missing key (expected a list of sinks)'],
  [
    'type of the store',
    { more: 'store: { path: x }' },
    '1:8: store.type: missing key (expected one of memory, embedded, redis)',
  ],
  [
    'type of an attestor',
    { attestors: 'attestors: { prod-eu: { issuer: "https://k8s.example" } }' },
    '4:23: attestors.prod-eu.type: missing key (expected one of aws, azure, client, kubernetes, oidc)',
  ],
  [
    'trustDomain off loopback',
    { issuer: 'issuer: https://sts.example.com' },
    '1:1: trustDomain: missing key: off loopback it is required, so that subjects do not change when the issuer moves (expected a SPIFFE trust domain such as example.com)',
  ],
];

/** A client's workload is judged as a rule's is. */
const wrongClients: readonly Row[] = [
  [
    'a list',
    { more: 'clients: []' },
    '1:10: clients: wrong value (expected a map from name to client, found an empty list)',
  ],
  [
    'a name that is none',
    { more: 'clients: { "a b": { workload: { attestor: prod-eu }, introspect: [x:y] } }' },
    '1:12: clients["a b"]: unusable key (expected a client name of letters, digits, ".", "_" and "-", found "a b")',
  ],
  [
    'nothing to introspect',
    { more: 'clients: { api: { workload: { attestor: prod-eu } } }' },
    '1:17: clients.api.introspect: missing key (expected a list of at least one resource)',
  ],
  [
    'an empty list to introspect',
    client('{ attestor: prod-eu }', '[]'),
    '1:64: clients.api.introspect: wrong value (expected a list of at least one resource, found an empty list)',
  ],
  [
    'an unknown key',
    client('{ attestor: prod-eu, selector: [x] }'),
    '1:50: clients.api.workload.selector: unknown key (did you mean selectors?)',
  ],
  [
    'an attestor and a resource that are not there, beside a wrong rule',
    { ...client('{ attestor: prod-us }', '["https://calender.example/mcp"]'), ...rule('{ attestor: prod-us }') },
    '1:41: clients.api.workload.attestor: no attestor has this name (expected one of prod-eu, found "prod-us"; did you mean prod-eu?)',
    `1:65: clients.api.introspect[0]: no resource has this URI (expected one of ${calendar}, found "https://calender.example/mcp"; did you mean ${calendar}?)`,
    '11:27: rules.agent.workload.attestor: no attestor has this name (expected one of prod-eu, found "prod-us"; did you mean prod-eu?)',
  ],
  [
    'a selector without a value',
    client('{ attestor: prod-eu, selectors: ["k8s:ns:a"], not: [{ selectors: ["k8s:ns:"] }] }'),
    '1:95: clients.api.workload.not[0].selectors[0]: a selector without a value matches no workload (expected k8s:ns: and a value, or * for any, found "k8s:ns:")',
  ],
];

const wrongDrafts: readonly Row[] = [
  [
    'another version',
    { more: 'drafts: { id-jag: "05" }' },
    '1:19: drafts.id-jag: wrong value (expected "04", in quotes: the version that is built, found "05"; did you mean 04?)',
  ],
  [
    'a version without quotes',
    { more: 'drafts: { spiffe-client-authentication: 2 }' },
    '1:41: drafts.spiffe-client-authentication: wrong value (expected "02", in quotes: the version that is built, found 2)',
  ],
  ['true', { more: 'drafts: true' }, '1:9: drafts: wrong value (expected a map from draft to version, found true)'],
  ['an unknown draft', { more: 'drafts: { id-jg: "04" }' }, '1:11: drafts.id-jg: unknown key (did you mean id-jag?)'],
];

describe('config: what is wrong, and where', () => {
  describe('an unknown key', () => {
    for (const [what, changes, ...problems] of unknownKeys) it(what, () => check(changes, problems));
  });

  describe('a missing key', () => {
    for (const [what, changes, ...problems] of missingKeys) it(what, () => check(changes, problems));
  });

  describe('a wrong draft', () => {
    for (const [what, changes, ...problems] of wrongDrafts) it(what, () => check(changes, problems));
  });

  describe('a wrong client', () => {
    for (const [what, changes, ...problems] of wrongClients) it(what, () => check(changes, problems));
  });

  it('all of it at once, in the order of the text', () =>
    check(
      {
        more: 'admin: {}\nlisten: { prot: 1 }',
        issuer: 'issuer: https://sts.example.com/',
        ...resource('algorithm: RS256'),
        ...rule('{ attestor: prod-us }', `grant: { resource: "${calendar}", scope: [read:calendr] }`),
      },
      [
        '1:1: admin: unknown key',
        '2:11: listen.prot: unknown key (did you mean port?)',
        `3:9: issuer: wrong value (expected ${issuerForm}, found "https://sts.example.com/")`,
        `9:70: resources["${calendar}"].algorithm: not one of signing.algorithms: add it there, or choose one of them (expected one of ES256, found "RS256")`,
        '12:27: rules.agent.workload.attestor: no attestor has this name (expected one of prod-eu, found "prod-us"; did you mean prod-eu?)',
        '13:64: rules.agent.grant.scope[0]: the resource has no such scope (expected one of read:calendar, found "read:calendr"; did you mean read:calendar?)',
      ],
    ));
});
