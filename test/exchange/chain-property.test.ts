/** No sequence of exchanges widens anything: whatever the rules are, a token of a further hop says no more than the one that was shown. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Assurance, Attestation, Evidence } from '../../attestors/attestor.js';
import { permits } from '../../src/authorization-details/permits.js';
import { type ActiveToken, createDelegate } from '../../src/exchange/chain.js';
import { actorsIn } from '../../src/exchange/delegation.js';
import { createPipeline } from '../../src/exchange/pipeline.js';
import { accessTokenType } from '../../src/exchange/response.js';
import { compilePolicy } from '../../src/policy/compile.js';
import { resourcesSchema, rulesSchema } from '../../src/policy/schema.js';
import { attestationAt } from '../support/attestation.js';
import { grantType, jwtType } from '../support/service.js';
import { calls, rawDetails, toolNames } from '../support/tools.js';
import { posted } from '../support/wire.js';

const now = 1_800_000_000;
const depth = 3;
const resources = ['https://a.example', 'https://b.example', 'https://c.example'];
/** One of them lists no tools: where a token with some is shown, nothing is granted for it. */
const withTools = new Set(resources.slice(1));
const scopes = ['admin', 'read', 'write'];
const workloads = ['w0', 'w1', 'w2', 'w3', 'w4'];
const levels: readonly Assurance[] = ['low', 'medium', 'high'];

type Claims = Readonly<Record<string, unknown>>;

const some = (items: readonly string[]) => fc.subarray([...items], { minLength: 1 });

const rule = fc
  .record({
    workload: fc.constantFrom('*', '*', '*', '*', '*', ...workloads),
    from: fc.constantFrom('person', 'workload', 'people’s', 'people’s', 'workloads’', 'workloads’', 'itself'),
    shown: fc.constantFrom(...resources),
    grant: fc.record({
      resource: fc.constantFrom(...resources),
      scope: some(scopes),
      lifetime: fc.constantFrom('5m', '1h', '4h'),
    }),
    // Of both tools, so that chains go on.
    authorizationDetails: rawDetails.filter((details) =>
      toolNames.every((name) => JSON.stringify(details).includes(name)),
    ),
  })
  .map(({ workload, from, shown, grant, authorizationDetails }) => ({
    workload: { attestor: 'one', selectors: [`k8s:sa:${workload}`] },
    ...(from === 'person' && { delegator: { attestor: 'people', claims: { azp: 'app' } } }),
    ...(from === 'workload' && { delegator: { attestor: 'one', claims: { sub: '*' } } }),
    ...(from === 'people’s' && { delegator: { attestor: 'people', resource: shown } }),
    ...(from === 'workloads’' && { delegator: { attestor: 'one', resource: shown } }),
    grant: { ...grant, ...(withTools.has(grant.resource) && { authorizationDetails }) },
  }));

const hop = fc.record({
  actor: fc.constantFrom(...workloads),
  resource: fc.constantFrom(...resources),
  scope: fc.option(some(scopes), { nil: null }),
  details: fc.oneof({ weight: 3, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: rawDetails }),
  assurance: fc.constantFrom(...levels),
  vouchesFor: fc.integer({ min: 30, max: 20_000 }),
});

const story = fc.record({
  rules: fc.array(rule, { minLength: 40, maxLength: 60, size: 'max' }),
  /** Of the person; null: it does not limit. */
  own: fc.option(some(scopes), { nil: null }),
  first: fc.record({
    isPerson: fc.boolean(),
    vouchesFor: fc.integer({ min: 30, max: 20_000 }),
    assurance: fc.constantFrom(...levels),
  }),
  hops: fc.array(hop, { minLength: 2, maxLength: 6, size: 'max' }),
});

describe('chains of exchanges', function () {
  this.timeout(90_000);

  it('no sequence of them widens scope, lifetime, assurance or who is behind it, whatever the rules are', async () => {
    const issued = [0, 0, 0, 0];
    await fc.assert(
      fc.asyncProperty(story, async (told) => {
        const tokens = await play(told);
        for (const [index, token] of tokens.entries()) {
          issued[index] = (issued[index] ?? 0) + 1;
          checkHop(told, token, tokens[index - 1]);
        }
      }),
      { numRuns: 1000 },
    );
    assert.ok((issued[2] ?? 0) > 5, `hops that were issued: ${issued.join(', ')}`);
    assert.ok(kept > 20, `calls that are permitted after a further hop: ${kept}`);
  });
});

type Holder = { readonly attestor: string; readonly instance: string };

interface Hopped {
  readonly claims: Claims;
  readonly hop: Hop;
}

type Hop = typeof hop extends fc.Arbitrary<infer Told> ? Told : never;
type Story = typeof story extends fc.Arbitrary<infer Told> ? Told : never;

/** @returns the tokens; the first refusal ends it */
async function play({ rules, own, first, hops }: Story): Promise<readonly Hopped[]> {
  const policy = compilePolicy({
    resources: resourcesSchema.parse(
      Object.fromEntries(
        resources.map((uri) => [
          uri,
          { scope: scopes, lifetime: '2h', ...(withTools.has(uri) && { tools: toolNames }) },
        ]),
      ),
    ),
    conditions: {},
    rules: rulesSchema.parse(Object.fromEntries(rules.map((each, index) => [`r${index}`, each]))),
    attestors: new Map([
      ['one', { selectorKinds: ['k8s:sa'], facts: [] }],
      ['people', { selectorKinds: [], facts: [], role: 'delegator' as const }],
    ]),
    environment: 'production',
  });
  const evidence = new Map<string, Attestation>();
  const attest = async ({ token }: Evidence) => evidence.get(token) ?? assert.fail('no evidence');
  const readActive = async (token: string): Promise<ActiveToken> => {
    const claims = JSON.parse(Buffer.from(token, 'base64url').toString()) as Record<string, never>;
    const { attestor, instance, chain = [] } = claims.attestation as unknown as Holder & { chain?: readonly Holder[] };
    const subjects = [...actorsIn(claims.act), String(claims.sub)];
    const links = [{ attestor, instance }, ...chain].map((holder, index) => ({
      ...holder,
      subject: subjects[index] ?? '',
    }));
    const { iat: issuedAt = 0, exp: expiresAt = 0 } = claims;
    return { claims, issuedAt, expiresAt, links };
  };
  const run = createPipeline({
    issuer: 'https://sts.example',
    signer: {
      algorithms: ['ES256'],
      publicKeys: () => [],
      close: async () => {},
      sign: async (_, claims) => Buffer.from(JSON.stringify(claims)).toString('base64url'),
    },
    attest,
    dpop: { verify: async () => assert.fail(), claim: async () => {}, nonce: () => assert.fail() },
    delegate: createDelegate({
      attest,
      readActive,
      rejected: () => {},
      issuer: 'https://sts.example',
      authoritative: new Set(own ? ['people'] : []),
      people: new Set(['people']),
      depth,
    }),
    behaviour: { read: (_, { facts }) => facts, count: () => undefined },
    lookUp: (_, { facts }) => facts,
    policy: () => policy,
    revocation: { note: () => undefined, refresh: async () => {}, isRevoked: () => false },
    audit: { append: async () => {}, admit: () => true, close: async () => {} },
    deployment: { environment: 'production', region: null },
    drafts: {},
    now: () => now * 1000,
    warn: (message) => assert.fail(message),
    observe: () => {},
  });
  const attestationOf = (name: string, changes: Partial<Attestation>) =>
    attestationAt(now, {
      ...{ subject: `spiffe://example.com/one/${name}`, instance: name },
      selectors: [`k8s:sa:${name}`],
      claims: { sub: name },
      ...changes,
    });
  const vouched = { assurance: first.assurance, vouchesUntil: now + first.vouchesFor };
  const claims = { azp: 'app', ...(own && { scope: own.join(' ') }) };
  const person = {
    attestor: 'people',
    subject: 'spiffe://example.com/people/anna',
    instance: 'anna',
    claims,
    ...vouched,
  };
  evidence.set('first', attestationOf('origin', first.isPerson ? person : vouched));
  let shown: { type: string; token: string } = { type: jwtType, token: 'first' };
  const tokens: Hopped[] = [];
  for (const each of hops) {
    const { actor, resource, scope, details, assurance, vouchesFor } = each;
    evidence.set(actor, attestationOf(actor, { assurance, vouchesUntil: now + vouchesFor }));
    const form = {
      ...{ grant_type: grantType, subject_token_type: shown.type, subject_token: shown.token },
      ...{ actor_token_type: jwtType, actor_token: actor, resource },
      ...(scope && { scope: scope.join(' ') }),
      ...(details !== null && withTools.has(resource) && { authorization_details: JSON.stringify(details) }),
    };
    const { status, body } = await run(posted(form));
    if (status !== 200) return tokens;
    const token = String((JSON.parse(body) as Claims).access_token);
    tokens.push({ claims: (await readActive(token)).claims, hop: each });
    shown = { type: accessTokenType, token };
  }
  return tokens;
}

const actorsOf = (act: unknown): readonly string[] =>
  act === undefined ? [] : [String((act as Claims).sub), ...actorsOf((act as Claims).act)];
const scopeOf = (claims: Claims) => String(claims.scope).split(' ');
const attestationIn = (claims: Claims) =>
  claims.attestation as { assurance: Assurance; instance: string; chain: readonly Claims[] };

/** Calls that were permitted with a token that was shown, and still are with the next one. */
let kept = 0;

/** No call is permitted that the token which was shown does not permit. */
function checkTools({ aud, authorization_details: now }: Claims, asked: unknown, before?: Hopped): void {
  const shown = before?.claims.authorization_details;
  assert.equal(now !== undefined, withTools.has(String(aud)));
  assert.ok(now !== undefined || shown === undefined, 'a token with tools became one without');
  for (const { tool, args } of now === undefined ? [] : calls) {
    if (!permits(now, tool, args)) continue;
    assert.ok(shown === undefined || permits(shown, tool, args), `gained ${tool} ${JSON.stringify(args)}`);
    assert.ok(asked === null || permits(asked, tool, args), `was not asked for ${tool}`);
    if (shown !== undefined) kept += 1;
  }
}

function checkHop(
  told: Story,
  { claims, hop: { actor, resource, scope, details, assurance, vouchesFor } }: Hopped,
  before?: Hopped,
): void {
  const subject = told.first.isPerson ? 'spiffe://example.com/people/anna' : 'spiffe://example.com/one/origin';
  const limit = before ? scopeOf(before.claims) : told.first.isPerson && told.own ? told.own : scopes;
  const actors = actorsOf(claims.act);
  const { chain } = attestationIn(claims);
  assert.deepEqual(
    [claims.aud, claims.sub, claims.client_id],
    [resource, subject, `spiffe://example.com/one/${actor}`],
  );
  checkTools(claims, details, before);
  assert.deepEqual(actors, [claims.client_id, ...actorsOf(before?.claims.act)]);
  assert.ok(actors.length <= depth && new Set([...actors, subject]).size === actors.length + 1);
  assert.ok(scopeOf(claims).every((token) => limit.includes(token) && (scope?.includes(token) ?? true)));
  const until = before ? Number(before.claims.exp) : now + told.first.vouchesFor;
  assert.ok(Number(claims.exp) <= Math.min(until, now + vouchesFor));
  const weakest = [before ? attestationIn(before.claims).assurance : told.first.assurance, assurance];
  assert.ok(weakest.every((each) => levels.indexOf(attestationIn(claims).assurance) <= levels.indexOf(each)));
  assert.equal(chain.length, actors.length);
  if (before)
    assert.deepEqual(
      chain.map((link) => link.instance),
      [attestationIn(before.claims).instance, ...attestationIn(before.claims).chain.map((link) => link.instance)],
    );
  // Somebody has written that this workload may go on from there to here.
  const wanted = before === undefined ? undefined : before.claims.aud;
  assert.ok(
    told.rules.some(
      (each) => each.grant.resource === resource && (each.delegator as Claims | undefined)?.resource === wanted,
    ),
  );
}
