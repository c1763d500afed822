import { calendar, check, inPlace, issuerForm, named, type Row, resource, rule } from './wrong.js';

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
    '1:21: conditions.node: wrong value (expected a condition of exactly one kind: attestation, behaviour, binding, cel, environment, external, network, posture, time, found a map)',
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
  [
    'a deadline over 5s',
    { more: `postureSources: { edr: { type: http, ${byPod}, deadline: 6s, ${edrFacts} } }` },
    '1:90: postureSources.edr.deadline: wrong value (expected a deadline of at most 5s, found "6s")',
  ],
];

const notBound =
  'no client can show a certificate: set listen.tls.clientCa, or listen.clientCertificateHeader (found "mtls")';

const wrongBindings: readonly Row[] = [
  [
    'a grant that asks for a certificate that nobody can show',
    rule('{ attestor: prod-eu }', `grant: { resource: "${calendar}", scope: [read:calendar], binding: mtls }`),
    `11:89: rules.agent.grant.binding: ${notBound}`,
  ],
  ['a resource that does', resource('binding: mtls'), `7:68: resources["${calendar}"].binding: ${notBound}`],
  [
    'a denial that asks for a binding',
    rule('{ attestor: prod-eu }', 'conditions: [{ binding: dpop }]\n    deny: { resource: "*" }'),
    '11:29: rules.agent.conditions[0].binding: binding is for grants: whoever left the proof out would get around the denial',
  ],
  [
    'a header of certificates without proxies',
    { more: 'listen: { clientCertificateHeader: Client-Cert }' },
    '1:36: listen.clientCertificateHeader: wrong value (expected a header only beside trustedProxies: nobody else is believed, found "Client-Cert")',
  ],
];

describe('config: a wrong binding', () => {
  for (const [what, changes, ...problems] of wrongBindings) it(what, () => check(changes, problems));
});

describe('config: a wrong condition', () => {
  for (const [what, changes, ...problems] of [...wrongConditions, ...wrongSources, ...wrongPlaces]) {
    it(what, () => check(changes, problems));
  }

  it('that no rule names is fine', () => check(named('{ ready: true }'), []));

  it('that is wrong hides rules that name it, and no other fault', () =>
    check({ ...named('{ ready: 1 }'), ...inPlace('[node]'), ...resource('lifetime: 1') }, [
      '1:41: conditions.node.posture.ready: wrong value (expected true or false, found 1)',
      `8:69: resources["${calendar}"].lifetime: wrong value (expected a duration such as 90s, 10m, 25h or 30d, found 1)`,
    ]));
});
