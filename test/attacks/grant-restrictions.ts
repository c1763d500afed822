import { assertion, clientsBlock, writeClientFiles } from '../support/clients.js';
import { bank, bankResource, bankRules, malformedDetails, toolsOf } from '../support/details.js';
import { assertionType } from '../support/introspection.js';
import { calendar, clusterUrl, issuer, payroll, type TestService } from '../support/service.js';

export const subject = 'spiffe://example.com/prod-eu/ns/agents/sa/calendar-agent';
const staging = 'https://staging.example';

export const configuration = {
  earlierStore: true as const,
  prepare: writeClientFiles,
  attestors: `
  prod-eu: { type: kubernetes, issuer: "${clusterUrl}", keys: { jwksFile: jwks.json } }${clientsBlock}`,
  resources: `
  ${calendar}: { scope: [read:calendar, write:events], lifetime: 10m }
  ${payroll}: { scope: [read:salaries] }
  ${staging}: { scope: [read], environment: staging }
  ${bankResource}`,
  rules: `
  calendar-agent:
    workload: { attestor: prod-eu, selectors: ["k8s:ns:agents", "k8s:sa:calendar-agent"] }
    grant: { resource: "${calendar}", scope: [read:calendar, write:events], lifetime: 5m }
  seldom:
    workload: { attestor: prod-eu, selectors: ["k8s:sa:seldom"] }
    conditions: [{ behaviour: { exchangesPerHour: 2 } }]
    grant: { resource: "${calendar}", scope: [read:calendar] }
  quarantine:
    workload: { attestor: prod-eu, selectors: ["k8s:pod:quarantined"] }
    deny: { resource: "*" }
  elsewhere:
    workload: { attestor: prod-eu, selectors: ["k8s:sa:elsewhere"] }
    conditions: [{ network: { cidr: [192.0.2.0/24] } }]
    grant: { resource: "${calendar}", scope: [read:calendar] }
  disabled:
    workload: { attestor: prod-eu, selectors: ["k8s:sa:disabled"] }
    mode: shadow
    grant: { resource: "${calendar}", scope: [read:calendar] }
${bankRules}
  in-staging:
    workload: { attestor: prod-eu, selectors: ["k8s:sa:calendar-agent"] }
    grant: { resource: "${staging}", scope: [read] }`,
  more: `clients:
  calendar-api:
    workload: { attestor: prod-eu, selectors: ["k8s:sa:calendar-api"] }
    introspect: ["${calendar}"]`,
};

export type Told = readonly [status: number, error: string];

interface Restriction {
  readonly title: string;
  readonly token?: (service: TestService) => string | Promise<string>;
  readonly changes?: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly headers?: Record<string, string>;
  /** `rejected`: as the grant says that its evidence is not accepted. */
  readonly told: Told | 'rejected';
  /** As the record has it. */
  readonly reason: string;
}

const claims = (service: TestService, changes: Readonly<Record<string, unknown>> = {}) => ({
  ...service.cluster.claims({ namespace: 'agents', serviceAccount: 'calendar-agent', audience: issuer }),
  ...changes,
});
const signed =
  (changes: Readonly<Record<string, unknown>>, header?: Readonly<Record<string, unknown>>) => (service: TestService) =>
    service.cluster.sign(claims(service, changes), header);
export const of = (serviceAccount: string) => (service: TestService) => service.token({ serviceAccount });
const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

export const target = [400, 'invalid_target'] as const;
const scope = [400, 'invalid_scope'] as const;
export const request = [400, 'invalid_request'] as const;
const details = [400, 'invalid_authorization_details'] as const;

export const restrictions: readonly Restriction[] = [
  // What the policy says.
  { title: 'a denial', token: (s) => s.token({ pod: 'quarantined' }), told: target, reason: 'denied_by_rule' },
  { title: 'a workload without a rule', token: of('stranger'), told: target, reason: 'no_rule_grants' },
  { title: 'a condition that fails', token: of('elsewhere'), told: target, reason: 'no_rule_grants' },
  {
    title: 'Keycloak CVE-2026-93999: a rule that is disabled',
    token: of('disabled'),
    told: target,
    reason: 'no_rule_grants',
  },
  { title: 'a token without a pod', token: (s) => s.token({ pod: null }), told: target, reason: 'no_rule_grants' },
  { title: 'a resource of another workload', changes: { resource: payroll }, told: target, reason: 'no_rule_grants' },
  {
    title: 'a resource of another environment',
    changes: { resource: staging },
    told: target,
    reason: 'no_rule_grants',
  },
  {
    title: 'an unknown resource',
    changes: { resource: 'https://x.example' },
    told: target,
    reason: 'unknown_resource',
  },
  { title: 'nothing left of the scope', changes: { scope: 'delete:all' }, told: scope, reason: 'scope_not_granted' },
  // The request.
  {
    title: 'a resource with a fragment',
    changes: { resource: `${calendar}#x` },
    told: target,
    reason: 'target_malformed',
  },
  { title: 'two targets', changes: { resource: [calendar, payroll] }, told: target, reason: 'targets_differ' },
  { title: 'resource and another audience', changes: { audience: payroll }, told: target, reason: 'targets_differ' },
  { title: 'a malformed scope', changes: { scope: 'a  b' }, told: scope, reason: 'scope_malformed' },
  { title: 'a repeated scope', changes: { scope: ['a', 'a'] }, told: request, reason: 'parameter_repeated' },
  {
    title: 'a repeated client_id',
    changes: { client_id: [subject, subject] },
    told: request,
    reason: 'parameter_repeated',
  },
  {
    title: 'a resource that lists no tools',
    changes: { authorization_details: toolsOf('pay') },
    told: details,
    reason: 'authorization_details_not_granted',
  },
  {
    title: 'tools that are not granted',
    changes: { resource: bank, authorization_details: toolsOf('close_account') },
    told: details,
    reason: 'authorization_details_not_granted',
  },
  {
    title: 'tools of a rule of which no scope is granted',
    changes: { resource: bank, scope: 'accounts', authorization_details: toolsOf('pay') },
    told: details,
    reason: 'authorization_details_not_granted',
  },
  {
    title: 'scope of a rule of which no tools are granted',
    changes: { resource: bank, scope: 'delete', authorization_details: toolsOf('pay') },
    told: scope,
    reason: 'scope_not_granted',
  },
  ...malformedDetails.map(([title, text]) => ({
    title: `authorization_details: ${title}`,
    changes: { resource: bank, authorization_details: text },
    told: details,
    reason: 'authorization_details_malformed',
  })),
  {
    title: 'repeated authorization_details',
    changes: { resource: bank, authorization_details: [toolsOf('pay'), toolsOf('pay')] },
    told: request,
    reason: 'parameter_repeated',
  },
  // The client.
  {
    title: 'a client_id that is not the subject',
    changes: { client_id: 'x' },
    told: [401, 'invalid_client'],
    reason: 'client_is_not_subject',
  },
  // The evidence.
  {
    title: 'an altered signature',
    token: async (s) => (await s.token()).replace(/[^.]{8}$/, 'AAAAAAAA'),
    told: 'rejected',
    reason: 'jwt_signature',
  },
  { title: 'garbage', token: () => 'garbage', told: 'rejected', reason: 'not_a_jwt' },
  {
    title: 'an expired token',
    token: signed({ iat: 1_700_000_000, nbf: 1_700_000_000, exp: 1_700_000_600 }),
    told: 'rejected',
    reason: 'jwt_expired',
  },
  { title: 'a token without exp', token: signed({ exp: undefined }), told: 'rejected', reason: 'jwt_exp_form' },
  {
    title: 'a token of a year',
    token: (s) => s.token({ lifetime: 31_536_000 }),
    told: 'rejected',
    reason: 'jwt_lifetime',
  },
  {
    title: 'an untrusted issuer',
    token: signed({ iss: 'https://evil.example' }),
    told: 'rejected',
    reason: 'issuer_untrusted',
  },
  {
    title: 'no algorithm',
    token: (s) => `${encoded({ alg: 'none', kid: 'x' })}.${encoded(claims(s))}.`,
    told: 'rejected',
    reason: 'jwt_algorithm',
  },
  {
    title: 'another critical header',
    token: signed({}, { crit: ['x'], x: 1 }),
    told: 'rejected',
    reason: 'jwt_header_parameter',
  },
  { title: 'a chain of actors', token: signed({ act: { sub: 'x' } }), told: 'rejected', reason: 'jwt_delegated' },
  {
    title: 'an assertion of a registered client that was used',
    token: async (s) => {
      const used = assertion();
      const form = { grant_type: 'client_credentials', client_assertion_type: assertionType, client_assertion: used };
      await s.post({ ...form, resource: calendar });
      return used;
    },
    told: 'rejected',
    reason: 'evidence_replayed',
  },
  {
    title: 'an assertion of a registered client for another',
    token: () => assertion({ sub: 'legacy' }),
    told: 'rejected',
    reason: 'client_subject',
  },
  {
    title: 'our own access token',
    token: async (s) => String((await s.exchange()).body.access_token),
    told: 'rejected',
    reason: 'issuer_untrusted',
  },
];
