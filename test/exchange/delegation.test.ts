/** "User X via agent Y via MCP server Z": the whole service of docs/delegation.md, hop by hop. */
import assert from 'node:assert/strict';
import type { AuditRecord } from '../../src/audit/record.js';
import { parseConfiguration } from '../../src/config/load.js';
import { accessTokenType, type Cast, mcp, pageYaml, startCast, storeApi } from '../support/delegation.js';
import { assertionType, hashOf } from '../support/introspection.js';
import { claimsOf, postForm, send } from '../support/service.js';

const anna = 'spiffe://acme.example/staff/subject/anna';
const agent = 'spiffe://acme.example/prod-eu/ns/agents/sa/calendar-agent';
const server = 'spiffe://acme.example/prod-eu/ns/servers/sa/calendar-mcp';

const clients = JSON.stringify({
  store: { workload: { attestor: 'prod-eu', selectors: ['k8s:sa:store'] }, introspect: [storeApi] },
}).replace(/^/, 'clients: ');

interface Link {
  readonly attestor: string;
  readonly instance: string;
}

describe('delegation in the service', () => {
  let cast: Cast;
  before(async () => {
    cast = await startCast({ more: clients });
  });
  after(() => cast.close());

  it('the page has a configuration that loads as it stands', () => {
    const { delegation, policy } = parseConfiguration('counterseal.yaml', pageYaml);
    assert.deepEqual([delegation.depth, policy.ruleCount], [4, 2]);
  });

  it('a person via an agent: sub is the person, client_id and act the agent, and no link vouches for less than the token says', async () => {
    const { status, body } = await cast.ask(cast.anna(), await cast.agent());
    assert.equal(status, 200, JSON.stringify(body));
    const claims = claimsOf(body.access_token);
    assert.deepEqual([claims.sub, claims.client_id, claims.act], [anna, agent, { sub: agent }]);
    assert.equal(claims.scope, 'read:calendar write:events');
    const { attestor, assurance, chain } = claims.attestation as Record<string, unknown>;
    assert.deepEqual([attestor, assurance], ['prod-eu', 'low']);
    assert.deepEqual(chain, [{ attestor: 'staff', instance: 'subject:anna' }]);
    // Anna's token ends after 300 s, before the 10 minutes of the resource.
    assert.ok(Number(body.expires_in) <= 300);
  });

  it('and on via an MCP server: the chain is kept, and scope and exp are those of the first hop at most', async () => {
    const first = await cast.firstHop();
    const { status, body } = await cast.ask([accessTokenType, first], await cast.server(), { resource: storeApi });
    assert.equal(status, 200, JSON.stringify(body));
    const claims = claimsOf(body.access_token);
    assert.deepEqual([claims.sub, claims.client_id], [anna, server]);
    assert.deepEqual(claims.act, { sub: server, act: { sub: agent } });
    assert.equal(claims.scope, 'read:calendar');
    assert.ok(Number(claims.exp) <= Number(claimsOf(first).exp));
    const { chain } = claims.attestation as { chain: readonly { attestor: string }[] };
    assert.deepEqual(
      chain.map((link) => link.attestor),
      ['prod-eu', 'staff'],
    );
  });

  it('the record has the chain, and holds what the decision was made on', async () => {
    const first = await cast.firstHop();
    const record: AuditRecord = await cast.service.lastRecord();
    assert.deepEqual(record.request.actor, { sub: agent });
    const { evidence_sha256, ...delegator } = record.request.delegator ?? assert.fail('no delegator');
    assert.match(evidence_sha256, /^[0-9a-f]{64}$/);
    const vouched = { attestor: 'staff', subject: anna, instance: 'subject:anna' };
    assert.deepEqual(delegator, { ...vouched, assurance: 'low', evidence_id: 'a' });
    assert.equal(record.subject, agent);
    assert.deepEqual(record.facts?.delegator?.claims, { azp: 'calendar-agent', groups: ['staff', 'calendar-users'] });
    await cast.ask([accessTokenType, first], await cast.server(), { resource: storeApi });
    const next: AuditRecord = await cast.service.lastRecord();
    assert.deepEqual(next.request.actor, { sub: server, act: { sub: agent } });
    assert.equal(next.request.delegator?.evidence_id, claimsOf(first).jti);
    assert.deepEqual([next.facts?.delegator?.resource, next.facts?.delegator?.actors], [mcp, [agent]]);
  });

  it('introspection tells of the actors, until any of the chain ends, and then the list has what ended', async () => {
    const ends: readonly (readonly [
      attestor: string,
      pod: string,
      instance: (chain: readonly Link[], own: Link) => Link,
    ])[] = [
      ['staff', 'agent-1', (chain) => chain[1] ?? assert.fail('no delegator')],
      ['prod-eu', 'agent-2', (chain) => chain[0] ?? assert.fail('nobody acted before')],
      ['prod-eu', 'agent-3', (_, own) => own],
    ];
    for (const [attestor, pod, linkOf] of ends) {
      const first = await cast.ask(cast.anna({ sub: pod }), await cast.pod('agents', 'calendar-agent', pod));
      const own = await cast.pod('servers', 'calendar-mcp', `${pod}-server`);
      const { body } = await cast.ask([accessTokenType, String(first.body.access_token)], own, { resource: storeApi });
      const token = String(body.access_token);
      const active = await introspect(token);
      assert.deepEqual([active.active, active.act], [true, { sub: server, act: { sub: agent } }]);
      const { chain, ...asker } = claimsOf(token).attestation as Link & { chain: readonly Link[] };
      const link = linkOf(chain, asker);
      assert.equal(link.attestor, attestor);
      cast.service.host(attestor).ended(link.instance, 'gone');
      assert.deepEqual(await introspect(token), { active: false });
      const { instances } = await revocations();
      assert.ok(instances.some(({ hash }) => hash === hashOf(link.attestor, link.instance)));
    }
  });

  async function introspect(token: string): Promise<Readonly<Record<string, unknown>>> {
    const caller = await cast.pod('servers', 'store');
    const form = { token, client_assertion_type: assertionType, client_assertion: caller };
    return (await postForm(`${cast.service.url}/introspect`, form)).body;
  }

  async function revocations(): Promise<{ readonly instances: readonly { readonly hash: string }[] }> {
    const headers = { Authorization: `Bearer ${await cast.pod('servers', 'store')}` };
    const { body } = await send(`${cast.service.url}/revocations`, { headers });
    return body as unknown as { readonly instances: readonly { readonly hash: string }[] };
  }

  it('a rule that asks for a role inside a claim gives it to who has that role', async () => {
    const own = await startCast({
      rules: {
        'staff-through-the-agent': {
          workload: { attestor: 'prod-eu', selectors: ['k8s:sa:calendar-agent'] },
          delegator: { attestor: 'staff', claims: { azp: 'calendar-agent', '/realm_access/roles': 'calendar-users' } },
          grant: { resource: mcp, scope: ['read:calendar'] },
        },
      },
    });
    const statusOf = async (roles: readonly string[]) =>
      (await own.ask(own.anna({ realm_access: { roles } }), await own.agent())).status;
    assert.deepEqual([await statusOf(['staff', 'calendar-users']), await statusOf(['staff'])], [200, 400]);
    await own.close();
  });

  it('a rule with a delegator gives nothing to the agent alone', async () => {
    const { status, body } = await cast.service.exchange({ subject_token: await cast.agent(), resource: mcp });
    assert.deepEqual([status, body.error], [400, 'invalid_target']);
    const { rules } = await cast.service.lastRecord();
    const [verdict] = rules ?? [];
    assert.equal(verdict?.clause, 'delegator.attestor');
    assert.match(String(verdict?.seen), /no delegator/);
  });
});
