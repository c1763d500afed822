import assert from 'node:assert/strict';
import { notBuilt } from '../../src/config/not-built.js';
import { problemsOf, type sample, yaml } from './sample.js';

type Row = readonly [what: string, changes: Partial<typeof sample>, ...problems: string[]];

const calendar = 'https://calendar.example/mcp';
const kubernetes = (more: string) => ({
  attestors: `attestors: { prod-eu: { type: kubernetes, issuer: "https://k8s.example", ${more} } }`,
});
const resource = (more: string) => ({
  resources: `resources:\n  ${calendar}: { scope: [read:calendar], ${more} }`,
});
const rule = (workload: string, effect = `grant: { resource: "${calendar}", scope: [read:calendar] }`) => ({
  rules: `rules:\n  agent:\n    workload: ${workload}\n    ${effect}`,
});
const client = (workload: string, introspect = `["${calendar}"]`) => ({
  more: `clients: { api: { workload: ${workload}, introspect: ${introspect} } }`,
});
const issuerForm =
  'an https URL without query, fragment, user and trailing slash, as URLs are normalised (http only on loopback)';
const port = 'a port: a whole number from 0 to 65535';
const samePort = 'listen and health cannot both have this port: give each its own';
const network = 'a network such as 10.0.0.0/8 or fd00::/8';

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
    '4:23: attestors.prod-eu.type: missing key (expected one of aws, azure, kubernetes, oidc)',
  ],
  [
    'trustDomain off loopback',
    { issuer: 'issuer: https://sts.example.com' },
    '1:1: trustDomain: missing key: off loopback it is required, so that subjects do not change when the issuer moves (expected a SPIFFE trust domain such as example.com)',
  ],
];

const wrongIssuers = [
  'http://sts.example.com',
  'http://127.0.0.1.example.com',
  'http://10.0.0.1',
  'https://sts.example.com/',
  'https://sts.example.com/tenant/',
  'https://sts.example.com?a=b',
  'https://sts.example.com#a',
  'https://user@sts.example.com',
  'https://STS.example.com',
  'https://sts.example.com:443',
  'https://sts.example.com/a/../b',
  'https://sts.example.com?',
  'ftp://sts.example.com',
  'sts.example.com',
];

const wrongTls: readonly Row[] = [
  [
    'listen.tls without a key',
    { more: 'listen: { tls: { cert: { file: c.pem } } }' },
    '1:16: listen.tls.key: missing key (expected a map with file)',
  ],
  [
    'listen.tls.key in place',
    { more: 'listen: { tls: { cert: { file: c.pem }, key: k.pem } }' },
    '1:46: listen.tls.key: wrong value (expected a map with file, found "k.pem")',
  ],
  [
    'listen.tls.minVersion of old',
    { more: 'listen: { tls: { cert: { file: c.pem }, key: { file: k.pem }, minVersion: TLSv1.1 } }' },
    '1:75: listen.tls.minVersion: wrong value (expected one of TLSv1.3, TLSv1.2, found "TLSv1.1"; did you mean TLSv1.3?)',
  ],
];

const wrongDrains: readonly Row[] = [
  [
    'drain.deadline within the usual announcement',
    { more: 'listen: { host: 0.0.0.0 }\ndrain: { deadline: 5s }' },
    '2:20: drain.deadline: drain.announce (5s) is a part of drain.deadline (5s), which has to be longer',
  ],
  [
    'drain.announce as long as the usual deadline',
    { more: 'drain: { announce: 25s }' },
    '1:20: drain.announce: drain.announce (25s) is a part of drain.deadline (25s), which has to be longer',
  ],
  [
    'drain.announce without a unit',
    { more: 'drain: { announce: 0 }' },
    '1:20: drain.announce: wrong value (expected a duration such as 5s, or 0s, found 0)',
  ],
];

const wrongValues: readonly Row[] = [
  ...wrongDrains,
  ...wrongTls,
  ...wrongIssuers.map(
    (issuer): Row => [
      `issuer ${issuer}`,
      { issuer: `issuer: "${issuer}"`, more: 'trustDomain: example.com' },
      `2:9: issuer: wrong value (expected ${issuerForm}, found "${issuer}")`,
    ],
  ),
  [
    'trustDomain',
    { more: 'trustDomain: Example.com' },
    '1:14: trustDomain: wrong value (expected a SPIFFE trust domain such as example.com: a-z, 0-9, ".", "-" and "_", found "Example.com")',
  ],
  [
    'environment',
    { environment: 'environment: "pro duction"' },
    '2:14: environment: wrong value (expected the name of an environment, such as production, found "pro duction")',
  ],
  [
    'a long one, which is cut',
    { environment: `environment: ${'x'.repeat(200)}` },
    `2:14: environment: wrong value (expected the name of an environment, such as production, found "${'x'.repeat(78)}…)`,
  ],
  [
    'control characters and bidi controls, which are escaped',
    { environment: 'environment: "a\\u001b[31m\\u202e\\n"' },
    '2:14: environment: wrong value (expected the name of an environment, such as production, found "a\\u001b[31m\\u202e\\n")',
  ],
  ['region', { more: 'region: 12' }, '1:9: region: wrong value (expected the name of a region, found 12)'],
  [
    'listen.host',
    { more: 'listen: { host: "http://x" }' },
    '1:17: listen.host: wrong value (expected a host name or an IP address, found "http://x")',
  ],
  ['port as text', { more: 'health: { port: "1" }' }, `1:17: health.port: wrong value (expected ${port}, found "1")`],
  ['port over', { more: 'listen: { port: 65536 }' }, `1:17: listen.port: wrong value (expected ${port}, found 65536)`],
  ['port under', { more: 'listen: { port: -1 }' }, `1:17: listen.port: wrong value (expected ${port}, found -1)`],
  ['port fraction', { more: 'listen: { port: 1.5 }' }, `1:17: listen.port: wrong value (expected ${port}, found 1.5)`],
  [
    'store.type',
    { more: 'store: { type: embeded }' },
    '1:16: store.type: wrong value (expected one of memory, embedded, redis, found "embeded"; did you mean embedded?)',
  ],
  [
    'signing.type',
    { more: 'signing: { type: lokal }' },
    '1:18: signing.type: wrong value (expected one of local, aws-kms, vault, found "lokal"; did you mean local?)',
  ],
  [
    'algorithm',
    { more: 'signing: { algorithms: [ES265, none] }' },
    '1:25: signing.algorithms[0]: wrong value (expected one of ES256, RS256, EdDSA, found "ES265"; did you mean ES256?)',
    '1:32: signing.algorithms[1]: wrong value (expected one of ES256, RS256, EdDSA, found "none")',
  ],
  ...['23h', '366d'].map(
    (duration): Row => [
      `rotateEvery ${duration}`,
      { more: `signing: { rotateEvery: ${duration} }` },
      `1:25: signing.rotateEvery: wrong value (expected a duration from 1d to 365d, found "${duration}")`,
    ],
  ),
  [
    'a master key in the file itself',
    { more: 'signing: { masterKey: AAAA }' },
    '1:23: signing.masterKey: wrong value (expected a map with file, and previous while it is being exchanged, found "AAAA")',
  ],
  [
    'no algorithm',
    { more: 'signing: { algorithms: [] }' },
    '1:24: signing.algorithms: wrong value (expected a list of at least one signature algorithm, found an empty list)',
  ],
  [
    'an algorithm twice',
    { more: 'signing: { algorithms: [ES256, ES256] }' },
    '1:24: signing.algorithms: wrong value (expected a list of signature algorithms, each once, found a list)',
  ],
  [
    'no sink',
    { audit: 'audit: { sinks: [] }' },
    '3:17: audit.sinks: wrong value (expected a list of at least one sink, found an empty list)',
  ],
  [
    'strict without a file',
    { audit: 'audit: { sinks: [{ type: stdout }] }' },
    '3:17: audit.sinks: durability: strict needs a file, because stdout cannot be synced to disk: add { type: file, path: ./data/audit.jsonl }, or set durability: relaxed',
  ],
  [
    'durability',
    { audit: 'audit: { durability: strikt, sinks: [{ type: stdout }] }' },
    '3:22: audit.durability: wrong value (expected one of strict, relaxed, found "strikt"; did you mean strict?)',
  ],
  [
    'refusalsPerSecond',
    { audit: 'audit: { durability: relaxed, sinks: [{ type: stdout }], refusalsPerSecond: 0 }' },
    '3:77: audit.refusalsPerSecond: wrong value (expected a whole number from 1, found 0)',
  ],
  [
    'networks',
    { more: 'outbound: { allow: [10.0.0.0/33, 10.0.0.0/8, fd00::/8, 10.0.0.1] }' },
    `1:21: outbound.allow[0]: wrong value (expected ${network}, found "10.0.0.0/33")`,
    `1:56: outbound.allow[3]: wrong value (expected ${network}, found "10.0.0.1")`,
  ],
  [
    'outbound.ca',
    { more: 'outbound: { ca: ca.pem }' },
    '1:17: outbound.ca: wrong value (expected a map with file, found "ca.pem")',
  ],
  [
    'type of an attestor',
    { attestors: 'attestors: { prod-eu: { type: kubernets } }' },
    '4:31: attestors.prod-eu.type: wrong value (expected one of aws, azure, kubernetes, oidc, found "kubernets"; did you mean kubernetes?)',
  ],
  [
    'type of an attestor that every object has',
    { attestors: 'attestors: { prod-eu: { type: constructor } }' },
    '4:31: attestors.prod-eu.type: wrong value (expected one of aws, azure, kubernetes, oidc, found "constructor")',
  ],
  [
    'what the options of an attestor say together',
    kubernetes('keys: { jwksFile: x }, review: true'),
    '4:105: attestors.prod-eu.review: review: true needs the API server: give api',
  ],
  [
    'name of an attestor',
    { attestors: 'attestors: { "prod eu": { type: kubernetes } }', rules: 'rules: {}' },
    '4:14: attestors["prod eu"]: unusable key (expected an attestor name of letters, digits, ".", "_" and "-", found "prod eu")',
  ],
  [
    'resource URI',
    { resources: 'resources:\n  calendar: { scope: [a] }', rules: 'rules: {}' },
    '7:3: resources.calendar: unusable key (expected an absolute URI without a fragment, such as https://calendar.example/mcp, found "calendar")',
  ],
  [
    'lifetime',
    resource('lifetime: 10 min'),
    `7:69: resources["${calendar}"].lifetime: wrong value (expected a duration such as 90s, 10m, 25h or 30d, found "10 min")`,
  ],
  [
    'an algorithm of a resource that the signer does not have',
    resource('algorithm: EdDSA'),
    `7:70: resources["${calendar}"].algorithm: not one of signing.algorithms: add it there, or choose one of them (expected one of ES256, found "EdDSA")`,
  ],
  [
    'a rule without effect',
    { rules: 'rules:\n  agent:\n    workload: { attestor: prod-eu }' },
    '10:5: rules.agent: wrong value (expected exactly one of grant and deny, found a map)',
  ],
  [
    'what the compiler of the policy refuses',
    rule('{ attestor: prod-us }'),
    '10:27: rules.agent.workload.attestor: no attestor has this name (expected one of prod-eu, found "prod-us"; did you mean prod-eu?)',
  ],
  [
    'attestors that accept the same tokens, one by our issuer as the default audience',
    {
      attestors: `attestors:
  prod-eu: { type: kubernetes, issuer: "https://k8s.example", keys: { jwksFile: x } }
  prod-us: { type: kubernetes, issuer: "https://k8s.example", keys: { jwksFile: x }, audience: "http://127.0.0.1:8080" }`,
    },
    '6:12: attestors.prod-us: attestors.prod-eu accepts issuer https://k8s.example with audience http://127.0.0.1:8080 as well: give each an audience of its own, and ask for that audience in the workloads’ tokens',
  ],
  [
    'an attestor whose default audience, our issuer, is the one of the API server',
    {
      attestors: 'attestors: { prod-eu: { type: kubernetes, issuer: "http://127.0.0.1:8080", keys: { jwksFile: x } } }',
    },
    '4:23: attestors.prod-eu.audience: tokens for http://127.0.0.1:8080 are made for another service, most often the API server, so they are no evidence: choose an audience that is only ours, and project the tokens for it',
  ],
  [
    'keys over http off loopback',
    kubernetes('keys: { jwksUri: "http://k8s.example/jwks" }'),
    '4:91: attestors.prod-eu.keys.jwksUri: wrong value (expected the URL of a JWK Set with https (http only on loopback), found "http://k8s.example/jwks")',
  ],
  ['health port as listen port', { more: 'health: { port: 8080 }' }, `1:17: health.port: ${samePort} (found 8080)`],
  ['listen port as health port', { more: 'listen: { port: 9090 }' }, `1:17: listen.port: ${samePort} (found 9090)`],
  [
    'listen port as health port on every address',
    { more: 'listen: { port: 1, host: "::" }\nhealth: { port: 1 }' },
    `2:17: health.port: ${samePort} (found 1)`,
  ],
  [
    'a selector without a value',
    rule('{ attestor: prod-eu, selectors: ["k8s:ns:"] }', 'deny: { resource: "*" }'),
    '10:48: rules.agent.workload.selectors[0]: a selector without a value matches no workload (expected k8s:ns: and a value, or * for any, found "k8s:ns:")',
  ],
  [
    'the policy, although an attestor is wrong as well',
    { ...kubernetes('keys: { jwksFile: x }, maxLifetime: 1'), ...rule('{ attestor: prod-us }') },
    '4:110: attestors.prod-eu.maxLifetime: wrong value (expected a duration such as 90s, 10m, 25h or 30d, found 1)',
    '9:27: rules.agent.workload.attestor: no attestor has this name (expected one of prod-eu, found "prod-us"; did you mean prod-eu?)',
  ],
  [
    'no value',
    { environment: 'environment:', rules: 'rules: ~' },
    '2:13: environment: wrong value (expected the name of an environment, such as production, found null)',
    '8:8: rules: wrong value (expected a map from name to rule, found null)',
  ],
  [
    'a list for a map',
    { rules: 'rules: []' },
    '8:8: rules: wrong value (expected a map from name to rule, found an empty list)',
  ],
  [
    'through an alias: the place of what it stands for, and of the alias',
    { more: 'region: &shared [1]\nlisten: { host: *shared }' },
    '1:17: region: wrong value (expected the name of a region, found a list)',
    '2:17: listen.host: wrong value (expected a host name or an IP address, found a list)',
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

describe('config: equal ports', () => {
  for (const more of [
    'listen: { port: 0 }\nhealth: { port: 0 }',
    'listen: { port: 1, host: 127.0.0.2 }\nhealth: { port: 1 }',
    'listen: { port: 1, host: 0.0.0.0 }\nhealth: { port: 1, host: "::1" }',
  ]) {
    it(`are fine where the addresses differ, or any port is taken: ${more.replace('\n', ', ')}`, () =>
      assert.deepEqual(problemsOf(yaml({ more })), []));
  }
});

const named = (posture: string) => ({ more: `conditions: { node: { posture: ${posture} } }` });
const inPlace = (conditions: string) => rule(`{ attestor: prod-eu }\n    conditions: ${conditions}`);
const comparison = 'a comparison of versions, such as ">=1.33.4" or ">=1.33.4, <1.37"';

const wrongConditions: readonly Row[] = [
  [
    'a name that no condition has',
    { ...named('{ ready: true }'), ...inPlace('[nod]') },
    '12:18: rules.agent.conditions[0]: no condition has this name (expected one of node, found "nod"; did you mean node?)',
  ],
  [
    'a name where there are no conditions',
    inPlace('[node]'),
    '11:18: rules.agent.conditions[0]: no condition has this name (expected nothing: none is configured, found "node")',
  ],
  [
    'a name that every object has',
    inPlace('[constructor]'),
    '11:18: rules.agent.conditions[0]: no condition has this name (expected nothing: none is configured, found "constructor")',
  ],
  [
    'a condition that stands twice in a rule',
    { ...named('{ ready: true }'), ...inPlace('[node, node]') },
    '12:17: rules.agent.conditions: wrong value (expected a list of at least one condition, each once, found a list)',
  ],
  [
    'two conditions of one name',
    { more: 'conditions:\n  a: { posture: { ready: true } }\n  a: { posture: { ready: true } }' },
    '3:3: not YAML 1.2: Map keys must be unique',
  ],
  [
    'no condition',
    inPlace('[]'),
    '11:17: rules.agent.conditions: wrong value (expected a list of at least one condition, found an empty list)',
  ],
  [
    'a condition that is no list',
    inPlace('node'),
    '11:17: rules.agent.conditions: wrong value (expected a list of at least one condition, found "node")',
  ],
  [
    'a kind that there is none of',
    { more: 'conditions: { node: { postur: { ready: true } } }' },
    '1:21: conditions.node: wrong value (expected a condition of exactly one kind: attestation, behaviour, cel, environment, external, network, posture, time, found a map)',
    '1:23: conditions.node.postur: unknown key (did you mean posture?)',
  ],
  [
    'a behaviour that asks for nothing',
    inPlace('[{ behaviour: { per: instance } }]'),
    '11:31: rules.agent.conditions[0].behaviour: wrong value (expected a behaviour that asks for something beside per, found a map)',
  ],
  [
    'wrong values of a behaviour, and an unknown key',
    inPlace(
      '[{ behaviour: { exchangesPerHour: 0, distinctNodesPerDay: 201, firstUse: 1, per: pod, firstUsed: true } }]',
    ),
    '11:51: rules.agent.conditions[0].behaviour.exchangesPerHour: wrong value (expected a whole number from 1 to 1000000000, found 0)',
    '11:75: rules.agent.conditions[0].behaviour.distinctNodesPerDay: wrong value (expected a whole number from 1 to 200, found 201)',
    '11:90: rules.agent.conditions[0].behaviour.firstUse: wrong value (expected true or false, found 1)',
    '11:98: rules.agent.conditions[0].behaviour.per: wrong value (expected workload or instance, found "pod")',
    '11:103: rules.agent.conditions[0].behaviour.firstUsed: unknown key (did you mean firstUse?)',
  ],
  [
    'an unknown key of a posture',
    named('{ kublet: ">=1.33", ready: true }'),
    '1:34: conditions.node.posture.kublet: unknown key (did you mean kubelet?)',
  ],
  [
    'an unknown key of a posture in a rule',
    inPlace('[{ posture: { kublet: ">=1.33", ready: true } }]'),
    '11:31: rules.agent.conditions[0].posture.kublet: unknown key (did you mean kubelet?)',
  ],
  [
    'a version that is none, in a rule',
    inPlace('[{ posture: { kubelet: ">= new" } }]'),
    `11:40: rules.agent.conditions[0].posture.kubelet: wrong value (expected ${comparison}, found ">= new")`,
  ],
  [
    'a version that YAML takes for a number',
    named('{ kubelet: 1.33 }'),
    `1:43: conditions.node.posture.kubelet: wrong value (expected ${comparison}, found 1.33)`,
  ],
  [
    'a runtime without a version',
    named('{ runtime: containerd }'),
    '1:43: conditions.node.posture.runtime: wrong value (expected a runtime and a comparison of its versions, such as "containerd >=1.7.20", found "containerd")',
  ],
  [
    'an age without a unit',
    named('{ nodeBooted: "<30" }'),
    '1:46: conditions.node.posture.nodeBooted: wrong value (expected a comparison of ages, such as "<30d" or ">=5m", found "<30")',
  ],
  [
    'a count that is a fraction',
    named('{ restarts: "<=3.5" }'),
    '1:44: conditions.node.posture.restarts: wrong value (expected a comparison of whole numbers, such as "<=3", found "<=3.5")',
  ],
  [
    'a flag that YAML 1.1 would take for one',
    named('{ ready: yes }'),
    '1:41: conditions.node.posture.ready: wrong value (expected true or false, found "yes")',
  ],
  [
    'images without only',
    named('{ images: [x] }'),
    '1:42: conditions.node.posture.images: wrong value (expected a map with only, found a list)',
  ],
  [
    'no image',
    named('{ images: { only: [] } }'),
    '1:50: conditions.node.posture.images.only: wrong value (expected a list of at least one image, found an empty list)',
  ],
  [
    'a posture that asks for nothing',
    named('{ maxAge: 60s }'),
    '1:32: conditions.node.posture: wrong value (expected a posture that asks for something beside maxAge, found a map)',
  ],
  [
    'a decision point that is no base URL',
    { more: 'conditions: { ask: { external: { authzen: "http://pdp.example/", deadline: 6s, each: rule } } }' },
    `1:43: conditions.ask.external.authzen: wrong value (expected ${issuerForm}, found "http://pdp.example/")`,
    '1:76: conditions.ask.external.deadline: wrong value (expected a time from 10ms to 5000ms, such as 300ms or 2s, found "6s")',
    '1:86: conditions.ask.external.each: wrong value (expected scope, or left out, found "rule")',
  ],
  [
    'a decision point that is asked in two ways',
    {
      more: 'conditions: { ask: { external: { authzen: "https://pdp.example" } } }',
      ...rule(
        '{ attestor: prod-eu }\n    conditions: [ask, { external: { authzen: "https://pdp.example", deadline: 1s } }]',
      ),
    },
    '12:35: rules.agent.conditions[1].external: conditions.ask asks https://pdp.example with another deadline or token: name that condition, or write the same',
  ],
];

const edr = (keys: string, posture: string) => ({
  more: `postureSources: { edr: { type: http, ${keys} } }\nconditions: { node: { posture: { sources: ${posture} } } }`,
});
const edrFacts = 'facts: { risk: { at: /risk, type: number } }';
const byPod = 'url: "https://edr.example/{k8s:pod-uid}"';

const aCountry = 'the code of a country by ISO 3166-1, such as DE, or GB for the United Kingdom';
const noGeo = 'it is not known where addresses are: name an MMDB file in geo.database';

const wrongPlaces: readonly Row[] = [
  ...['UK', 'EU', 'de', 'DEU', 'QQ', 'DD'].map(
    (code): Row => [
      `a country by the code ${code}`,
      inPlace(`[{ network: { countries: [${code}] } }]`),
      `11:43: rules.agent.conditions[0].network.countries[0]: wrong value (expected ${aCountry}, found "${code}")`,
    ],
  ),
  [
    'a subdivision of no country',
    inPlace('[{ network: { subdivisions: [UK-ENG] } }]'),
    '11:46: rules.agent.conditions[0].network.subdivisions[0]: wrong value (expected the code of a subdivision by ISO 3166-2, such as DE-BY, found "UK-ENG")',
  ],
  [
    'a network that asks for nothing',
    inPlace('[{ network: {} }]'),
    '11:29: rules.agent.conditions[0].network: wrong value (expected a network that asks for something: cidr, countries or subdivisions, found an empty map)',
  ],
  [
    'a country without a database',
    inPlace('[{ network: { countries: [DE] } }]'),
    `11:42: rules.agent.conditions[0].network.countries: ${noGeo}`,
  ],
  [
    'a country in CEL without a database',
    inPlace(`[{ cel: 'network.country == "DE"' }]`),
    `11:25: rules.agent.conditions[0].cel: ${noGeo}`,
  ],
];

const wrongSources: readonly Row[] = [
  [
    'a source that there is not',
    edr(`${byPod}, ${edrFacts}`, '{ erd: { risk: "<3" } }'),
    '2:50: conditions.node.posture.sources.erd: no source of posture has this name (expected one of edr, found "erd"; did you mean edr?)',
  ],
  [
    'a fact that the source has not',
    edr(`${byPod}, ${edrFacts}`, '{ edr: { risky: "<3" } }'),
    '2:59: conditions.node.posture.sources.edr.risky: the source has no fact of this name (expected one of risk, found "risky"; did you mean risk?)',
  ],
  [
    'another form than the type of the fact has',
    edr(`${byPod}, ${edrFacts}`, '{ edr: { risk: [low] } }'),
    '2:58: conditions.node.posture.sources.edr.risk: asked in another form than the type of this fact has (expected a comparison of numbers, such as "<=30")',
  ],
  [
    'a source that is asked by selectors which the attestor does not give',
    {
      ...edr(`url: "https://edr.example/{aws:account}", ${edrFacts}`, '{ edr: { risk: "<3" } }'),
      ...rule('{ attestor: prod-eu }\n    conditions: [node]'),
    },
    '13:18: rules.agent.conditions[0]: the source edr is asked by {aws:account}, and the attestor prod-eu gives no selectors of this kind: leave it out of this rule, or name another attestor',
  ],
  [
    'a URL without a placeholder',
    { more: `postureSources: { edr: { type: http, url: "https://edr.example/", ${edrFacts} } }` },
    '1:43: postureSources.edr.url: wrong value (expected an https URL as URLs are normalised (http only on loopback), without user and fragment, with at least one placeholder in path or query, one in a segment or value, such as https://edr.example/hosts/{k8s:node}, found "https://edr.example/")',
  ],
  [
    'a header that the client sets itself',
    { more: `postureSources: { edr: { type: http, ${byPod}, headers: { Host: { file: x } }, ${edrFacts} } }` },
    '1:91: postureSources.edr.headers.Host: unusable key (expected the name of a header that says who asks, such as authorization; not one of how a message is carried, found "Host")',
  ],
  [
    'the value of a header in the file itself',
    { more: `postureSources: { edr: { type: http, ${byPod}, headers: { a: Bearer x }, ${edrFacts} } }` },
    '1:94: postureSources.edr.headers.a: wrong value (expected a map with file, found "Bearer x")',
  ],
  ['no url of Redis', { more: 'store: { type: redis }' }, '1:8: store: mode single needs url'],
  [
    'a key of another mode of Redis',
    { more: 'store: { type: redis, mode: cluster, nodes: ["a:1"], master: main }' },
    '1:62: store.master: is not of mode cluster: remove it',
  ],
  [
    'a password in the URL of Redis',
    { more: 'store: { type: redis, url: "redis://u:p@h:x" }' },
    '1:28: store.url: user and password do not belong here: set username and password, or name a file that holds the whole URL',
  ],
  [
    'a deadline over 5s',
    { more: `postureSources: { edr: { type: http, ${byPod}, deadline: 6s, ${edrFacts} } }` },
    '1:90: postureSources.edr.deadline: wrong value (expected a deadline of at most 5s, found "6s")',
  ],
];

/** For each key of the table, a file that has it, and the place of the key. */
const notBuiltYet: Readonly<Record<string, Row>> = {
  'attestors.*.pin': ['', kubernetes('keys: { jwksFile: x }, pin: none'), '4:97: attestors.prod-eu.pin'],
  'rules.*.grant.binding': [
    '',
    rule('{ attestor: prod-eu }', `grant: { resource: "${calendar}", scope: [read:calendar], binding: dpop }`),
    '11:80: rules.agent.grant.binding',
  ],
};

const check = (changes: Row[1], problems: readonly string[]) =>
  assert.deepEqual(
    problemsOf(yaml(changes)),
    problems.map((problem) => `c.yaml:${problem}`),
  );

describe('config: what is wrong, and where', () => {
  describe('an unknown key', () => {
    for (const [what, changes, ...problems] of unknownKeys) it(what, () => check(changes, problems));
  });

  describe('a missing key', () => {
    for (const [what, changes, ...problems] of missingKeys) it(what, () => check(changes, problems));
  });

  describe('a wrong value', () => {
    for (const [what, changes, ...problems] of wrongValues) it(what, () => check(changes, problems));
  });

  describe('a condition', () => {
    for (const [what, changes, ...problems] of wrongConditions) it(what, () => check(changes, problems));
    for (const [what, changes, ...problems] of [...wrongSources, ...wrongPlaces])
      it(what, () => check(changes, problems));

    it('that no rule names is fine', () => check(named('{ ready: true }'), []));

    it('that is wrong hides rules that name it, and no other fault', () =>
      check({ ...named('{ ready: 1 }'), ...inPlace('[node]'), ...resource('lifetime: 1') }, [
        '1:41: conditions.node.posture.ready: wrong value (expected true or false, found 1)',
        `8:69: resources["${calendar}"].lifetime: wrong value (expected a duration such as 90s, 10m, 25h or 30d, found 1)`,
      ]));
  });

  describe('a wrong client', () => {
    for (const [what, changes, ...problems] of wrongClients) it(what, () => check(changes, problems));
  });

  describe('a key that is not built yet is refused, and nothing else is said of it', () => {
    for (const key of notBuilt) {
      it(key, () => {
        const [, changes, place] = notBuiltYet[key] ?? assert.fail(`no file here has ${key}`);
        check(changes, [`${place}: is not built yet in this version: remove it`]);
      });
    }
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
