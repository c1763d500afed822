/** `tokenType` of resources, and the drafts that some of them need. */
import { calendar, check, type Row } from './wrong.js';

const rules = { rules: 'rules: {}' };
const resources = (text: string) => ({ resources: `resources:\n  ${text}`, ...rules });
const transactions = 'drafts: { transaction-tokens: "10" }';
const person =
  'an id-jag is for a person whose token is shown: name a delegator whose attestor has role: delegator, without resource';
const bound = 'only access tokens are bound: leave it out';
const federated = { resources: 'resources:\n  sts.amazonaws.com: { scope: [assume-role], tokenType: jwt }' };
const grant = (more: string) => ({
  ...federated,
  rules: `rules:\n  aws:\n    workload: { attestor: prod-eu }\n    ${more}`,
});

const right: readonly Row[] = [
  ['a logical name of a JWT', resources('sts.amazonaws.com: { scope: [assume-role], tokenType: jwt }')],
  [
    'one that begins with slashes',
    resources(
      '//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/a/providers/b: { scope: [a], tokenType: jwt }',
    ),
  ],
  ['a URI of a cloud', resources('api://AzureADTokenExchange: { scope: [exchange], tokenType: jwt }')],
  [
    'our trust domain, of a transaction token',
    { ...resources('127.0.0.1: { scope: [a], tokenType: txn_token, lifetime: 5m }'), more: transactions },
  ],
];

const wrong: readonly Row[] = [
  [
    'a logical name of an access token',
    resources('sts.amazonaws.com: { scope: [a], tokenType: access_token }'),
    '7:3: resources["sts.amazonaws.com"]: unusable key (expected an absolute URI without a fragment, such as https://calendar.example/mcp, found "sts.amazonaws.com")',
  ],
  [
    'another type',
    resources(`${calendar}: { scope: [a], tokenType: id_token }`),
    `7:58: resources["${calendar}"].tokenType: wrong value (expected one of access_token, jwt, txn_token, id-jag, found "id_token")`,
  ],
  [
    'a binding of a JWT, by its resource',
    resources('sts.amazonaws.com: { scope: [a], tokenType: jwt, binding: dpop }'),
    `7:61: resources["sts.amazonaws.com"].binding: ${bound}`,
  ],
  [
    'tools of a JWT',
    resources('sts.amazonaws.com: { scope: [a], tokenType: jwt, tools: [pay] }'),
    '7:59: resources["sts.amazonaws.com"].tools: left out, because only access tokens have authorization_details',
  ],
  [
    'by its rule',
    grant('grant: { resource: sts.amazonaws.com, scope: [assume-role], binding: dpop }'),
    `11:74: rules.aws.grant.binding: ${bound}`,
  ],
  [
    'by a condition',
    grant('conditions: [{ binding: dpop }]\n    grant: { resource: sts.amazonaws.com, scope: [assume-role] }'),
    `11:29: rules.aws.conditions[0].binding: ${bound}`,
  ],
  [
    'a JWT as what is passed on',
    {
      resources: `resources:\n  api://azure: { scope: [a], tokenType: jwt }\n  ${calendar}: { scope: [a] }`,
      rules: `rules:\n  aws:\n    workload: { attestor: prod-eu }\n    delegator: { attestor: prod-eu, resource: "api://azure" }\n    grant: { resource: "${calendar}", scope: [a] }`,
    },
    '12:47: rules.aws.delegator.resource: for this resource jwt is issued, and only access tokens of ours can be shown (found "api://azure")',
  ],
  [
    'a transaction token without its draft',
    resources('127.0.0.1: { scope: [a], tokenType: txn_token, lifetime: 5m }'),
    '7:39: resources["127.0.0.1"].tokenType: is of a draft: switch drafts.transaction-tokens on (found "txn_token")',
  ],
  [
    'of another version of it',
    { more: 'drafts: { transaction-tokens: "09" }' },
    '1:31: drafts.transaction-tokens: wrong value (expected "10", in quotes: the version that is built, found "09")',
  ],
  [
    'an ID-JAG without its draft, and for nobody',
    {
      resources: 'resources:\n  https://chat.example: { scope: [chat.read], tokenType: id-jag }',
      rules:
        'rules:\n  chat:\n    workload: { attestor: prod-eu }\n    grant: { resource: "https://chat.example", scope: [chat.read] }',
    },
    '7:58: resources["https://chat.example"].tokenType: is of a draft: switch drafts.id-jag on (found "id-jag")',
    `10:5: rules.chat: ${person}`,
  ],
  [
    'an ID-JAG for a workload',
    {
      more: 'drafts: { id-jag: "04" }',
      resources: 'resources:\n  https://chat.example: { scope: [chat.read], tokenType: id-jag }',
      rules:
        'rules:\n  chat:\n    workload: { attestor: prod-eu }\n    delegator: { attestor: prod-eu }\n    grant: { resource: "https://chat.example", scope: [chat.read] }',
    },
    `12:16: rules.chat.delegator: ${person}`,
  ],
  ['another draft', { more: 'drafts: { tomorrow: "00" }' }, '1:11: drafts.tomorrow: unknown key'],
  [
    'for another trust domain than ours',
    { ...resources('example.net: { scope: [a], tokenType: txn_token, lifetime: 5m }'), more: transactions },
    '8:3: resources["example.net"]: unusable key for transaction tokens (expected 127.0.0.1, our trust domain, found "example.net")',
  ],
  [
    'that lives for longer than a transaction',
    { ...resources('127.0.0.1: { scope: [a], tokenType: txn_token }'), more: transactions },
    '8:14: resources["127.0.0.1"].lifetime: missing key (expected a duration of at most 5m, because transaction tokens are for one transaction)',
  ],
  [
    'evidence of our own issuer',
    {
      attestors:
        'attestors: { us: { type: kubernetes, issuer: "http://127.0.0.1:8080", audience: "x:y", keys: { jwksFile: x } } }',
      ...rules,
    },
    '4:46: attestors.us.issuer: this is our own issuer: the tokens that we issue are no evidence',
  ],
];

describe('config: token types', () => {
  for (const [what, changes] of right) it(`takes ${what}`, () => check(changes, []));
  for (const [what, changes, ...problems] of wrong) it(`refuses ${what}`, () => check(changes, problems));
});
