/** What chains of actors have been bent to: each is refused, and the record says why. */
import assert from 'node:assert/strict';
import type { Attestation } from '../../attestors/attestor.js';
import type { Claims } from '../../examples/quickstart/cluster-issuer.js';
import { Refusal } from '../../src/errors.js';
import { createDelegate } from '../../src/exchange/chain.js';
import { attestationAt } from '../support/attestation.js';
import { accessTokenType, type Cast, idToken, mcp, ourIssuer, startCast, storeApi } from '../support/delegation.js';
import { type Answer, claimsOf, jwtType } from '../support/service.js';

const agent = 'spiffe://acme.example/prod-eu/ns/agents/sa/calendar-agent';
const open = { workload: { attestor: 'prod-eu' }, grant: { resource: storeApi, scope: ['read:calendar'] } };

describe('attacks on delegation', () => {
  let cast: Cast;
  before(async () => {
    cast = await startCast({
      rules: {
        // As wide as a rule can be: what is refused below is refused by more than the rules.
        'any-token-onwards': { ...open, delegator: { attestor: 'staff', resource: storeApi } },
        'any-workload': { ...open, delegator: { attestor: 'prod-eu', claims: { sub: '*' } } },
        'any-workload-onwards': { ...open, delegator: { attestor: 'prod-eu', resource: storeApi } },
        'untied-person': { ...open, delegator: { attestor: 'staff', claims: { groups: 'staff' } } },
      },
    });
  });
  after(() => cast.close());

  async function refused(answer: Promise<Answer>, reason: string, error = 'invalid_request'): Promise<void> {
    const { status, body } = await answer;
    assert.deepEqual([status, body.error, body.access_token], [400, error, undefined]);
    const record = await cast.service.lastRecord();
    assert.deepEqual([record.outcome, record.reason], ['refused', reason]);
  }
  const onwards = { resource: storeApi };

  it('confused deputy: a token that Anna was given for another application is nothing to this agent', async () => {
    await refused(cast.ask(cast.anna({ azp: 'mail-agent' }), await cast.agent()), 'no_rule_grants', 'invalid_target');
    await refused(cast.ask(cast.anna({ azp: undefined }), await cast.agent()), 'no_rule_grants', 'invalid_target');
    await refused(
      cast.ask(cast.anna({ azp: ['calendar-agent-2'] }), await cast.agent()),
      'no_rule_grants',
      'invalid_target',
    );
    await refused(
      cast.ask(cast.anna({ groups: 'calendar-users2' }), await cast.agent()),
      'no_rule_grants',
      'invalid_target',
    );
  });

  it('who may not act with a token does not use it up, nor pin it to a key', async () => {
    const [delegator, actor] = ['staff', 'prod-eu'].map((attestor) =>
      Object.freeze({ ...attestationAt(0), attestor, subject: `spiffe://acme.example/${attestor}/one` }),
    );
    assert.ok(delegator && actor);
    let claims = 0;
    const delegate = (shown: Attestation) =>
      createDelegate({
        async attest(_, __, showing) {
          showing?.verified?.(shown);
          claims += 1;
          return shown;
        },
        readActive: () => assert.fail(),
        rejected: () => assert.fail(),
        ...{ issuer: ourIssuer, authoritative: new Set(), people: new Set(['staff']), depth: 4 },
      })({ tokenType: idToken, token: 'shown' }, actor, {
        requestId: 'one',
        grantType: 'urn:ietf:params:oauth:grant-type:token-exchange',
        address: '192.0.2.1',
        thumbprint: undefined,
      });
    const refusedFor = (shown: Attestation, reason: string) =>
      assert.rejects(delegate(shown), (error) => error instanceof Refusal && error.reason === reason);
    await refusedFor({ ...delegator, claims: { may_act: { sub: 'spiffe://acme.example/other' } } }, 'may_act');
    await refusedFor({ ...delegator, subject: actor.subject }, 'self_delegation');
    // A workload of another environment, which no rule was asked about.
    await refusedFor({ ...delegator, attestor: 'prod-us', environment: 'staging' }, 'environment_crossed');
    await refusedFor({ ...delegator, attestor: 'prod-us', environment: null }, 'environment_crossed');
    assert.equal(claims, 0);
    assert.deepEqual((await delegate(delegator)).delegator.subject, delegator.subject);
    assert.equal(claims, 1);
  });

  it('a token that was made of another names it, so that what revokes that one revokes it', async () => {
    const first = await cast.firstHop();
    const { body } = await cast.ask([accessTokenType, first], await cast.server(), onwards);
    const { tokens } = claimsOf(body.access_token).attestation as { tokens?: unknown };
    assert.deepEqual(tokens, [claimsOf(first).jti]);
  });

  it('confused deputy: a rule that ties the token to nobody gives nothing, unless the token says who may act', async () => {
    const shown = cast.anna({ azp: 'mail-agent' });
    await refused(cast.ask(shown, await cast.agent(), onwards), 'no_rule_grants', 'invalid_target');
    const { rules } = await cast.service.lastRecord();
    assert.equal(rules?.find(({ rule }) => rule === 'untied-person')?.clause, 'delegator.mayAct');
    for (const may_act of [
      { sub: agent },
      { iss: ourIssuer, sub: agent },
      { iss: 'https://kubernetes.default.svc', sub: 'system:serviceaccount:agents:calendar-agent' },
    ]) {
      assert.equal((await cast.ask(cast.anna({ may_act }), await cast.agent(), onwards)).status, 200);
    }
  });

  it('may_act for another: refused, whatever the rules and the form of the claim', async () => {
    for (const may_act of [
      { sub: `${agent}2` },
      { sub: 'system:serviceaccount:agents:calendar-agent' },
      { iss: 'https://other.example', sub: agent },
      { iss: 'https://other.example', sub: 'system:serviceaccount:agents:calendar-agent' },
      { iss: ourIssuer },
      { sub: [agent] },
      [agent],
      agent,
      null,
      {},
    ]) {
      await refused(cast.ask(cast.anna({ may_act }), await cast.agent()), 'may_act');
      assert.match(String((await cast.service.lastRecord()).detail), /actor not in may_act/);
    }
  });

  it('a person is never the actor, and never alone, whoever the subject is', async () => {
    await refused(cast.ask([jwtType, await cast.agent()], cast.anna()), 'delegator_is_no_workload');
    await refused(cast.ask(cast.anna(), cast.anna({ sub: 'bob' })), 'delegator_is_no_workload');
    await refused(cast.ask(cast.anna(), undefined), 'delegator_is_no_workload');
    await refused(cast.ask(cast.anna({ may_act: { sub: agent } }), undefined), 'delegator_is_no_workload');
  });

  it('nobody is the actor for itself: with the same token, with another of its tokens, and from another pod', async () => {
    const token = await cast.agent();
    await refused(cast.ask([jwtType, token], token, onwards), 'self_delegation');
    await refused(cast.ask([jwtType, token], await cast.agent(), onwards), 'self_delegation');
    await refused(
      cast.ask([jwtType, token], await cast.pod('agents', 'calendar-agent', 'calendar-agent-7'), onwards),
      'self_delegation',
    );
  });

  it('a workload that has acted in the chain does not come in again: neither as the last one, nor as one before', async () => {
    const first = await cast.ask(cast.anna(), await cast.agent(), { resource: mcp });
    const second = await cast.ask([accessTokenType, String(first.body.access_token)], await cast.server(), onwards);
    const shown = [accessTokenType, String(second.body.access_token)] as const;
    await refused(cast.ask(shown, await cast.server(), onwards), 'chain_cycle');
    await refused(cast.ask(shown, await cast.agent(), onwards), 'chain_cycle');
  });

  it('a chain that is too deep is refused, and names no more than four actors', async () => {
    let { body } = await cast.ask([jwtType, await cast.pod('a', 'sa-0')], await cast.pod('a', 'sa-1'), onwards);
    for (const name of ['sa-2', 'sa-3', 'sa-4']) {
      ({ body } = await cast.ask([accessTokenType, String(body.access_token)], await cast.pod('a', name), onwards));
      assert.ok(body.access_token, name);
    }
    const depth = (act: unknown): number => (act === undefined ? 0 : 1 + depth((act as Claims).act));
    assert.equal(depth(claimsOf(body.access_token).act), 4);
    const shown = [accessTokenType, String(body.access_token)] as const;
    await refused(cast.ask(shown, await cast.pod('a', 'sa-5'), onwards), 'chain_too_deep');
  });

  it('Keycloak 52691: a chain is not dropped: a token of ours without an actor is no evidence, whatever it is called', async () => {
    const token = await cast.firstHop();
    for (const type of [accessTokenType, jwtType, idToken]) {
      const { status, body } = await cast.ask([type, token], undefined, onwards);
      assert.deepEqual([status, body.error], [400, 'invalid_request'], type);
    }
    // With one, it is taken for what it is only.
    await refused(cast.ask([jwtType, token], await cast.server(), onwards), 'issuer_untrusted');
  });

  it('act in the evidence of a person or of the actor is refused, and may_act in that of the actor', async () => {
    const act = { sub: agent };
    await refused(cast.ask(cast.anna({ act }), await cast.agent()), 'jwt_delegated');
    const own = cast.service.cluster.claims({
      namespace: 'agents',
      serviceAccount: 'calendar-agent',
      audience: ourIssuer,
    });
    for (const extra of [{ act }, { may_act: act }]) {
      await refused(cast.ask(cast.anna(), cast.service.cluster.sign({ ...own, ...extra })), 'jwt_delegated');
      await refused(
        cast.ask([jwtType, cast.service.cluster.sign({ ...own, ...extra })], await cast.server(), onwards),
        'jwt_delegated',
      );
    }
  });

  it('repeated members, of act and may_act too, are refused before anything is read of them', async () => {
    const [head = '', , signature = ''] = cast.anna().split('.');
    for (const text of ['"act":{"sub":"x"},"act":{"sub":"y"}', `"may_act":{"sub":"x","sub":"${agent}"}`]) {
      const payload = Buffer.from(`{"iss":"https://sso.acme.example/realms/staff","aud":"calendar-agent",${text}}`);
      await refused(
        cast.ask(`${head}.${payload.toString('base64url')}.${signature}`, await cast.agent()),
        'jwt_duplicate_member',
      );
    }
  });

  it('a token of ours is passed on by nobody but whom a rule names for its resource', async () => {
    const first = await cast.firstHop();
    await refused(
      cast.ask([accessTokenType, first], await cast.pod('servers', 'thief'), onwards),
      'no_rule_grants',
      'invalid_target',
    );
    // Nor does a rule for evidence of the person take it.
    await refused(
      cast.ask([accessTokenType, first], await cast.pod('agents', 'mail'), { resource: mcp }),
      'no_rule_grants',
      'invalid_target',
    );
  });

  it('a token of ours that was altered, or signed by another, is none', async () => {
    const first = await cast.firstHop();
    const [head = '', payload = ''] = first.split('.');
    const claims = claimsOf(first);
    const forged = cast.people.sign({ ...claims, sub: 'spiffe://acme.example/staff/subject/boss' }, { typ: 'at+jwt' });
    await refused(
      cast.ask([accessTokenType, `${head}.${payload}.${'A'.repeat(86)}`], await cast.server(), onwards),
      'jwt_signature',
    );
    assert.equal((await cast.ask([accessTokenType, forged], await cast.server(), onwards)).status, 400);
  });

  it('a link that ended ends the chain: no further hop, whoever of it has ended', async () => {
    for (const [attestor, sub, instanceOf] of [
      ['staff', 'bob', () => 'subject:bob'],
      ['prod-eu', 'carol', (claims: Claims) => String((claims.attestation as Claims).instance)],
    ] as const) {
      const { body } = await cast.ask(cast.anna({ sub }), await cast.pod('agents', 'calendar-agent', attestor));
      const token = String(body.access_token);
      assert.equal((await cast.ask([accessTokenType, token], await cast.server(), onwards)).status, 200);
      cast.service.host(attestor).ended(instanceOf(claimsOf(token)), 'gone');
      await refused(cast.ask([accessTokenType, token], await cast.server(), onwards), 'token_revoked');
    }
  });

  it('half an actor, and an actor without a subject, are no requests', async () => {
    const actor = await cast.agent();
    for (const changes of [
      { actor_token: actor, actor_token_type: undefined },
      { actor_token: undefined, actor_token_type: jwtType },
      { actor_token: ' ', actor_token_type: jwtType },
      { subject_token: undefined },
      { subject_token_type: undefined },
      { subject_token: '\n' },
    ]) {
      const { status, body } = await cast.ask(cast.anna(), actor, changes);
      assert.deepEqual([status, body.error], [400, 'invalid_request']);
    }
  });

  it('client_id is the actor’s, never the person’s', async () => {
    const sub = 'spiffe://acme.example/staff/subject/anna';
    const other = await cast.ask(cast.anna(), await cast.agent(), { client_id: sub });
    assert.deepEqual([other.status, other.body.error], [401, 'invalid_client']);
    assert.equal((await cast.ask(cast.anna(), await cast.agent(), { client_id: agent })).status, 200);
  });
});

describe('the delegator’s own scope', () => {
  it('limits what is granted where its issuer is authoritative, and gives nothing without one', async () => {
    const cast = await startCast({ staff: { scopes: 'authoritative' } });
    try {
      for (const [claims, scope] of [
        [{ scope: 'openid read:calendar' }, 'read:calendar'],
        [{ scp: ['write:events', 'x'] }, 'write:events'],
        [{ scp: 'read:calendar write:events' }, 'read:calendar write:events'],
      ] as const) {
        const { body } = await cast.ask(cast.anna(claims), await cast.agent());
        assert.equal(body.scope, scope);
      }
      // What else limits it there, and is not ours to read.
      const detailed = cast.anna({ scope: 'read:calendar', authorization_details: [{ type: 'payment' }] });
      assert.equal((await cast.ask(detailed, await cast.agent())).status, 400);
      assert.equal((await cast.service.lastRecord()).reason, 'token_detailed');
      for (const claims of [{}, { scope: 'openid' }, { scope: '' }, { scope: 5 }, { scope: { read: true } }]) {
        const { status, body } = await cast.ask(cast.anna(claims), await cast.agent());
        assert.deepEqual([status, body.error], [400, 'invalid_scope'], JSON.stringify(claims));
      }
    } finally {
      await cast.close();
    }
  });
});
