import assert from 'node:assert/strict';
import { problemsOf, yaml } from './sample.js';
import { calendar, check, issuerForm, kubernetes, type Row, resource, rule } from './wrong.js';

const port = 'a port: a whole number from 0 to 65535';
const samePort = 'listen and health cannot both have this port: give each its own';
const network = 'a network such as 10.0.0.0/8 or fd00::/8';

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

const wrongTelemetry: readonly Row[] = [
  [
    'headers for a collector over http',
    {
      more: 'telemetry:\n  traces:\n    endpoint: http://collector:4318/v1/traces\n    headers: { file: headers }',
    },
    '4:14: telemetry.traces.headers: they would go to telemetry.traces.endpoint over http, for everybody on the way to read: make it https',
  ],
];

const fromTo = (least: number) =>
  `a whole number from ${least}, so that clients may try again by themselves, to 1000000`;
const wrongLimits: readonly Row[] = [
  [
    'a limit without a time',
    { more: 'limits: { address: { requests: 20 } }' },
    '1:20: limits.address.per: missing key (expected a duration such as 90s, 10m, 25h or 30d)',
  ],
  [
    'limits that do not let two tries through whose evidence is not accepted, and five',
    {
      more: 'limits:\n  address: { requests: 19, per: 1m }\n  attestor: { requests: 4, per: 1m }\n  workload: { requests: 4, per: 1m }',
    },
    `2:24: limits.address.requests: wrong value (expected ${fromTo(20)}, found 19)`,
    `3:25: limits.attestor.requests: wrong value (expected ${fromTo(5)}, found 4)`,
    `4:25: limits.workload.requests: wrong value (expected ${fromTo(5)}, found 4)`,
  ],
  [
    'limits.workload of more and for longer than is kept',
    { more: 'limits: { workload: { requests: 1000001, per: 2h } }' },
    `1:33: limits.workload.requests: wrong value (expected ${fromTo(5)}, found 1000001)`,
    '1:47: limits.workload.per: wrong value (expected a duration of at most 1h, such as 1m, found "2h")',
  ],
  [
    'limits.attestor that one address can use up',
    { more: 'limits: { attestor: { requests: 100, per: 1m } }' },
    '1:21: limits.attestor: only beside limits.address: else one stranger can use it up for all workloads',
  ],
  [
    'a limit of something else',
    { more: 'limits: { addresses: { requests: 100, per: 1m } }' },
    '1:11: limits.addresses: unknown key (did you mean address?)',
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
  ...wrongTelemetry,
  ...wrongDrains,
  ...wrongLimits,
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
    '4:31: attestors.prod-eu.type: wrong value (expected one of aws, azure, client, kubernetes, oidc, found "kubernets"; did you mean kubernetes?)',
  ],
  [
    'type of an attestor that every object has',
    { attestors: 'attestors: { prod-eu: { type: constructor } }' },
    '4:31: attestors.prod-eu.type: wrong value (expected one of aws, azure, client, kubernetes, oidc, found "constructor")',
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

const wrongStores: readonly Row[] = [
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
];

describe('config: a wrong value', () => {
  for (const [what, changes, ...problems] of [...wrongValues, ...wrongStores]) it(what, () => check(changes, problems));
});

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
