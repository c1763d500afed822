/** What holds of every policy, all facts and each request. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { AuthorizationDetails } from '../../src/authorization-details/details.js';
import { permits } from '../../src/authorization-details/permits.js';
import { decide } from '../../src/policy/decide.js';
import type { Decision } from '../../src/policy/decision.js';
import type { Asked, ClaimValue, Facts } from '../../src/policy/facts.js';
import { calls, details } from '../support/tools.js';
import {
  asked,
  behaviourNames,
  denyRule,
  externalKeys,
  facts,
  lostFact,
  postureDenyRule,
  type RawRules,
  rawPolicy,
  world,
} from './generated.js';
import { answersAbout, asksTwice, losing, withoutCel } from './losing.js';
import { compile, now, type RawPolicy } from './samples.js';

const runs = 3000;
/** Where each run compiles two policies. */
const fewer = runs / 4;

/** Runs a property, and fails also when too few of its runs were about a token, in which case it proved nothing. */
function holdsAbout(issued: () => number, property: fc.IProperty<unknown>, least = runs / 20): void {
  fc.assert(property as fc.IRawProperty<unknown>, { numRuns: runs });
  assert.ok(issued() >= least, `only ${issued()} of ${runs} runs issued a token`);
}

/** What `after` issues is no more than what `before` did. */
function assertNotWider(before: Decision, after: Decision): void {
  if (after.granted === null) return;
  assert.ok(before.granted, 'a refusal became a token');
  assert.equal(after.granted.resource, before.granted.resource);
  for (const token of after.granted.scope) assert.ok(before.granted.scope.includes(token), `scope gained ${token}`);
  assert.ok(after.granted.lifetime <= before.granted.lifetime, 'the lifetime grew');
  assertToolsNotWider(before.granted.authorizationDetails, after.granted.authorizationDetails);
  assert.deepEqual({ ...after.granted.binding, ...before.granted.binding }, { ...after.granted.binding }, 'less bound');
}

function assertToolsNotWider(before: AuthorizationDetails | undefined, after: AuthorizationDetails | undefined): void {
  assert.equal(
    after === undefined,
    before === undefined,
    'a token with tools became one without, or the other way round',
  );
  if (before === undefined) return;
  for (const { tool, args } of calls) {
    assert.ok(!permits(after, tool, args) || permits(before, tool, args), `gained ${tool} ${JSON.stringify(args)}`);
  }
}

/** One rule, its resource, or a condition of it asks for the binding; a denial cannot. */
function asking(raw: RawPolicy & { readonly rules: RawRules }, die: number, place: string, binding: string): RawPolicy {
  const grants = Object.entries(raw.rules).filter(([, { grant }]) => grant !== undefined);
  const [name, rule] = grants[die % Math.max(1, grants.length)] ?? [];
  if (name === undefined || rule === undefined) return raw;
  const grant = rule.grant as { readonly resource: string; readonly binding?: string };
  const resources = raw.resources as Readonly<Record<string, object>>;
  if (place === 'resource') {
    return { ...raw, resources: { ...resources, [grant.resource]: { ...resources[grant.resource], binding } } };
  }
  const conditions = [...((rule.conditions as unknown[] | undefined) ?? []), { binding }];
  const asks =
    place === 'grant' ? { ...rule, grant: { ...grant, binding: grant.binding ?? binding } } : { ...rule, conditions };
  return { ...raw, rules: { ...raw.rules, [name]: asks } };
}

interface Given {
  readonly resource: string;
  readonly scope: readonly string[];
  readonly authorizationDetails?: unknown;
}

const toolsListed = ({ resources }: RawPolicy, uri: string): boolean =>
  (resources as Readonly<Record<string, { readonly tools?: unknown }>>)[uri]?.tools !== undefined;

describe('policy/decide properties', function () {
  this.timeout(60_000);

  it('are about policies and facts that have everything in them', () => {
    const rules = fc.sample(rawPolicy, 500).flatMap((raw) => Object.values(raw.rules));
    for (const effect of ['grant', 'deny'] as const) {
      for (const key of ['selectors', 'environment', 'not'] as const) {
        const share = rules.filter((rule) => rule[effect] !== undefined && rule.workload[key] !== undefined).length;
        assert.ok(share > 20, `${share} rules of ${rules.length} are a ${effect} with workload.${key}`);
      }
    }
    assert.ok(
      rules.some((rule) => rule.crossing !== undefined) && rules.some((rule) => rule.workload.podless === true),
    );
    for (const effect of ['grant', 'deny'] as const) {
      const share = rules.filter((rule) => rule[effect] !== undefined && rule.conditions !== undefined).length;
      assert.ok(share > 20, `${share} rules of ${rules.length} are a ${effect} with conditions`);
    }
    const workloads = fc.sample(facts, 500).map(({ workload }) => workload);
    assert.ok(workloads.some(({ environment }) => environment === null) && workloads.some(({ podless }) => podless));
    assert.ok(workloads.some(({ unknown }) => Object.keys(unknown).length > 0));
  });

  for (const [kind, what] of [
    ['external', 'decision points that permit, that deny and that do not answer'],
    ['cel', 'expressions that hold, that fail and that are unknown'],
  ] as const) {
    it(`are about ${what}`, () => {
      const verdicts = { holds: 0, fails: 0, unknown: 0 };
      for (const [raw, workload, request] of fc.sample(fc.tuple(rawPolicy, facts, asked), 2000)) {
        for (const { clause, verdict } of decide(compile(raw), workload, request).rules) {
          if (clause?.endsWith(`.${kind}`)) verdicts[verdict] += 1;
          if (verdict === 'holds' && JSON.stringify(raw).includes(`"${kind}"`)) verdicts.holds += 1;
        }
      }
      for (const [verdict, count] of Object.entries(verdicts))
        assert.ok(count > 5, `${verdict}: ${count} of 2000 runs`);
    });
  }

  it('the order of rules never matters', () => {
    let issued = 0;
    const shuffled = rawPolicy.chain((raw) =>
      fc.tuple(
        fc.constant(raw),
        fc.shuffledSubarray(Object.keys(raw.rules), { minLength: Object.keys(raw.rules).length }),
      ),
    );
    const property = fc.property(shuffled, facts, asked, ([raw, order], workload, request) => {
      const rules = Object.fromEntries(order.map((name) => [name, raw.rules[name]]));
      const [first, second] = [compile(raw), compile({ ...raw, rules })];
      assert.equal(second.revision, first.revision);
      const decision = decide(first, workload, request);
      if (decision.granted !== null) issued += 1;
      assert.deepEqual(decide(second, workload, request), decision);
    });
    holdsAbout(() => issued, property);
  });

  it('adding a deny never widens what is issued', () => {
    let issued = 0;
    const property = fc.property(rawPolicy, denyRule, facts, asked, (raw, deny, workload, request) => {
      const before = decide(compile(raw), workload, request);
      const rules: RawRules = { ...raw.rules, 'added-deny': deny };
      if (before.granted !== null) issued += 1;
      assertNotWider(before, decide(compile({ ...raw, rules }), workload, request));
    });
    holdsAbout(() => issued, property);
  });

  it('asking for a binding, in a rule, in a resource or by a condition, never widens what is issued', () => {
    const seen = { issued: 0, refused: 0 };
    const where = fc.constantFrom('grant', 'resource', 'condition');
    const kind = fc.constantFrom('dpop' as const, 'mtls' as const);
    const property = fc.property(
      rawPolicy,
      fc.nat(),
      where,
      kind,
      facts,
      asked,
      (raw, die, place, binding, known, request) => {
        const before = decide(compile(raw), known, request);
        const after = decide(compile(asking(raw, die, place, binding)), known, request);
        if (after.granted !== null) seen.issued += 1;
        if (after.reason === 'binding_missing') seen.refused += 1;
        assertNotWider(before, after);
      },
    );
    fc.assert(property, { numRuns: fewer });
    assert.ok(seen.issued > fewer / 20 && seen.refused > fewer / 100, JSON.stringify(seen));
  });

  it('showing less than a proof and a certificate never widens what is issued, but for what it is bound to', () => {
    let issued = 0;
    const kind = fc.constantFrom('dpop' as const, 'mtls' as const);
    const property = fc.property(rawPolicy, facts, kind, asked, (raw, known, left, request) => {
      const policy = compile(raw);
      const { [left]: _, ...binding } = { dpop: 'key', mtls: 'certificate' };
      const before = decide(policy, { ...known, binding: { dpop: 'key', mtls: 'certificate' } }, request);
      const after = decide(policy, { ...known, binding }, request);
      if (after.granted !== null) issued += 1;
      assert.equal(after.granted?.binding?.[left], undefined);
      const { [left]: __, ...others } = before.granted?.binding ?? {};
      assertNotWider({ ...before, granted: before.granted && { ...before.granted, binding: others } }, after);
    });
    fc.assert(property, { numRuns: fewer });
    assert.ok(issued > fewer / 20, `only ${issued} of ${fewer} runs issued a token`);
  });

  it('turning any facts into unknown never widens what is issued', () => {
    let issued = 0;
    const lost = fc.array(lostFact, { minLength: 1, maxLength: 3 });
    const added = fc.option(postureDenyRule, { freq: 2 });
    const property = fc.property(rawPolicy, added, facts, lost, asked, (raw, deny, workload, losses, request) => {
      const policy = compile(deny === null ? raw : { ...raw, rules: { ...raw.rules, 'added-deny': deny } });
      const before = decide(policy, workload, request);
      const after = decide(policy, losses.reduce(losing, workload), request);
      if (after.granted !== null) issued += 1;
      assertNotWider(before, after);
    });
    holdsAbout(() => issued, property, runs / 40);
  });

  it('rules in shadow change nothing of what is issued, and what they would change is what they change in force', () => {
    let issued = 0;
    const property = fc.property(rawPolicy, fc.nat(), facts, asked, (raw, die, workload, request) => {
      const names = Object.keys(raw.rules);
      const chosen = names[die % names.length] ?? '';
      const { [chosen]: rule, ...others } = raw.rules;
      const shadowed = { ...raw, rules: { ...others, [chosen]: { ...rule, mode: 'shadow' } } };
      const decision = decide(compile(shadowed), workload, request);
      const { reason, granted } = decide(compile({ ...raw, rules: others }), workload, request);
      assert.deepEqual([decision.reason, decision.granted], [reason, granted]);
      if (granted !== null) issued += 1;
      if (decision.shadow === null) return;
      const inForce = decide(compile(raw), workload, request);
      assert.deepEqual(decision.shadow, { reason: inForce.reason, granted: inForce.granted });
    });
    holdsAbout(() => issued, property);
  });

  it('what a request without a target gets is what it gets when it names that target', () => {
    let issued = 0;
    const property = fc.property(rawPolicy, facts, asked, (raw, workload, request) => {
      const policy = compile(raw);
      const decision = decide(policy, workload, { ...request, resource: null });
      if (decision.granted === null) return;
      issued += 1;
      assert.deepEqual(decide(policy, workload, { ...request, resource: decision.granted.resource }), decision);
    });
    holdsAbout(() => issued, property);
  });

  it('grants only what was asked for, of what the resource has, and not for longer than the evidence vouches', () => {
    let issued = 0;
    const property = fc.property(rawPolicy, facts, asked, (raw, workload, request) => {
      const policy = compile(raw);
      const { granted, fault } = decide(policy, workload, request);
      assert.equal(granted === null, fault !== null);
      if (granted === null) return;
      issued += 1;
      assert.ok(request.resource === null || request.resource === granted.resource);
      assert.ok(granted.scope.length > 0);
      assert.deepEqual(granted.scope, [...new Set(granted.scope)].sort());
      for (const token of granted.scope) {
        assert.ok(['admin', 'read', 'write'].includes(token));
        assert.ok(request.scope === null || request.scope.includes(token));
      }
      const { vouchesUntil } = workload.workload;
      assert.ok(Number.isInteger(granted.lifetime) && granted.lifetime >= 1);
      assert.ok(granted.lifetime <= (policy.resources.get(granted.resource)?.lifetime ?? 0));
      assert.ok(Math.floor(workload.now) + granted.lifetime <= vouchesUntil);
    });
    holdsAbout(() => issued, property);
  });

  it('grants tools that were asked for, that a rule gives together with some of the scope, and that a token of ours has', () => {
    let permitted = 0;
    const own = fc.option(details);
    const property = fc.property(rawPolicy, facts, asked, own, (raw, workload, request, limit) => {
      const shown = { attestor: 'people', subject: 's', resource: 'r', actors: ['a'], scope: null, mayAct: false };
      const { assurance, vouchesUntil } = workload.workload;
      const delegator = limit && { ...shown, assurance, vouchesUntil, authorizationDetails: limit };
      const delegated = Object.entries(raw.rules).map(([name, rule]) => [
        name,
        { ...rule, delegator: { attestor: 'people', resource: 'https://one.example/' } },
      ]);
      const policy = compile(limit === null ? raw : { ...raw, rules: Object.fromEntries(delegated) });
      const known =
        delegator === null ? workload : { ...workload, delegator: { ...delegator, resource: 'https://one.example/' } };
      const { granted } = decide(policy, known, request);
      const hasTools = granted !== null && toolsListed(raw, granted.resource);
      assert.equal(granted?.authorizationDetails !== undefined, hasTools);
      if (granted === null || !hasTools) return;
      const rules = Object.values(raw.rules).flatMap(({ grant }) => (grant === undefined ? [] : [grant as Given]));
      for (const { tool, args } of calls) {
        if (!permits(granted.authorizationDetails, tool, args)) continue;
        permitted += 1;
        const limits = [request.authorizationDetails, limit ?? undefined].filter((each) => each !== undefined);
        assert.ok(limits.every((each) => permits(each, tool, args)));
        const giving = rules.filter(
          (grant) => grant.resource === granted.resource && permits(grant.authorizationDetails, tool, args),
        );
        assert.ok(giving.some(({ scope }) => scope.some((token) => granted.scope.includes(token))));
      }
    });
    fc.assert(property, { numRuns: 2 * runs });
    assert.ok(permitted > 60, `only ${permitted} calls were permitted`);
  });

  it('says 503 only where an answer of the dependency could lead to a token', () => {
    let awaited = 0;
    const postureFacts = Object.keys(world).map((name) => `posture.${name}`);
    const what = fc.oneof(
      { weight: 2, arbitrary: fc.constantFrom('k8s:ns', 'k8s:sa', 'k8s:node', 'environment') },
      { weight: 1, arbitrary: fc.constantFrom(...postureFacts) },
      { weight: 1, arbitrary: fc.constantFrom(...externalKeys.map((key) => `external.${key}`)) },
      { weight: 1, arbitrary: fc.constantFrom(...behaviourNames.map((name) => `behaviour.${name}`)) },
    );
    const property = fc.property(rawPolicy, facts, asked, what, (raw, known, request, lost) => {
      // Kleene's logic reads each clause by itself. Rules that ask twice about one fact, which may contradict itself then
      // (`not`; workload.environment beside the resource's; two conditions about one fact), are left out.
      const twice = lost === 'environment' ? /"(not|environment)"/ : /"not"/;
      const asking = lost === 'environment' ? [raw.rules, raw.conditions] : raw.rules;
      if (twice.test(JSON.stringify(asking)) || asksTwice(raw, lost)) return;
      const policy = compile(withoutCel(raw));
      const posture = Object.fromEntries(
        Object.entries(known.workload.posture).map(([name, fact]) => [name, { ...fact, observedAt: now }]),
      );
      const whole = { ...known, workload: { ...known.workload, environment: 'production', unknown: {}, posture } };
      const decision = decide(policy, losing(whole, { what: lost, cause: 'unavailable' }), request);
      if (decision.fault !== 'dependency_unavailable') return;
      if (decision.rules.filter(({ verdict }) => verdict === 'unknown').length > 1) return;
      awaited += 1;
      const answers = answersAbout(whole, lost);
      assert.ok(answers.some((answered) => decide(policy, answered, request).granted !== null));
    });
    fc.assert(property, { numRuns: 4 * runs });
    assert.ok(awaited > 20, `only ${awaited} of ${4 * runs} runs waited for a dependency`);
  });

  it('decides the same again, also from facts and a request that went through JSON', () => {
    let issued = 0;
    const property = fc.property(rawPolicy, facts, asked, (raw, workload, request) => {
      const policy = compile(raw);
      const decision = decide(policy, workload, request);
      if (decision.granted !== null) issued += 1;
      assert.deepEqual(decide(policy, workload, request), decision);
      const [again, asks] = JSON.parse(JSON.stringify([workload, request])) as [Facts, Asked];
      assert.deepEqual(decide(policy, again, asks), decision);
      assert.deepEqual(JSON.parse(JSON.stringify(decision)), decision);
    });
    holdsAbout(() => issued, property);
  });

  it('never throws, and grants nothing to a workload it has no rules for, whatever the facts are', () => {
    const anyText = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('__proto__', 'constructor', 'k8s:', ':::', '*', 'k8s:ns:*'),
    );
    const anyFacts = fc.record({
      now: fc.double(),
      network: fc.record({
        ip: fc.option(anyText, { nil: null }),
        country: fc.option(anyText, { nil: null }),
        subdivision: fc.option(anyText, { nil: null }),
      }),
      external: fc.dictionary(
        fc.oneof(anyText, fc.constantFrom(...externalKeys)),
        fc.record({ decision: fc.boolean(), context: fc.jsonValue() as fc.Arbitrary<ClaimValue> }),
      ),
      behaviour: fc.dictionary(
        fc.oneof(anyText, fc.constantFrom(...behaviourNames)),
        fc.oneof(fc.double(), fc.boolean(), anyText as fc.Arbitrary<unknown> as fc.Arbitrary<number>),
      ),
      workload: fc.record({
        attestor: anyText,
        environment: fc.option(anyText, { nil: null }),
        selectors: fc.array(anyText),
        unknown: fc.dictionary(anyText, fc.constantFrom('missing' as const, 'unavailable' as const)),
        claims: fc.dictionary(
          fc.oneof(anyText, fc.constantFrom('repository', 'flag', 'groups', 'gone')),
          fc.jsonValue() as fc.Arbitrary<ClaimValue>,
        ),
        podless: fc.boolean(),
        posture: fc.dictionary(
          fc.oneof(anyText, fc.constantFrom(...Object.keys(world))),
          fc.record({
            value: fc.oneof(anyText, fc.array(anyText), fc.double(), fc.boolean(), fc.constant(null)),
            observedAt: fc.double(),
          }),
        ),
        assurance: fc.constantFrom('low' as const, 'medium' as const, 'high' as const),
        evidenceIssuedAt: fc.option(fc.double(), { nil: null }),
        vouchesUntil: fc.double(),
      }),
    });
    const anyAsked = fc.record({
      resource: fc.option(anyText, { nil: null }),
      scope: fc.option(fc.array(anyText), { nil: null }),
    });
    fc.assert(
      fc.property(rawPolicy, anyFacts, anyAsked, asked, fc.boolean(), (raw, strange, strangeAsked, request, known) => {
        const policy = compile(raw);
        const attestor = known ? 'prod-eu' : strange.workload.attestor;
        const workload = { ...strange, workload: { ...strange.workload, attestor } };
        for (const each of [strangeAsked, request]) {
          const { granted } = decide(policy, workload, each);
          assert.ok(granted === null || known);
        }
      }),
      { numRuns: runs },
    );
  });
});
