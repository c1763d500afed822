/** Behaviour in an exchange: read, decided with, counted, and decided again where others came between. */
import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Unavailable } from '../../src/errors.js';
import { createBehaviour, type Decided } from '../../src/exchange/behaviour.js';
import { gatherFacts } from '../../src/exchange/facts.js';
import { decide } from '../../src/policy/decide.js';
import type { Facts } from '../../src/policy/facts.js';
import { openEmbeddedStore } from '../../src/store/embedded.js';
import { createMemoryStore } from '../../src/store/memory.js';
import type { Store } from '../../src/store/store.js';
import { calendar, compile, compileRules, now } from '../policy/samples.js';
import { attestationAt } from '../support/attestation.js';
import { asking, exchange, grant, limited, workload } from '../support/behaviour.js';

const hour = 3600;
const day = 24 * hour;
const mail = 'https://mail.example/mcp';
const issuedOf = (all: readonly { issued: boolean }[]) => all.filter(({ issued }) => issued).length;

/** A store of which some methods reject. */
const failing = (store: Store, ...methods: readonly (keyof Store)[]): Store =>
  Object.freeze({
    ...store,
    ...Object.fromEntries(methods.map((method) => [method, () => Promise.reject(new Error('disk full'))])),
  });

const stores: Readonly<Record<string, (path: string) => Promise<Store>>> = {
  memory: async () => createMemoryStore({ now: () => now * 1000 }),
  LMDB: (path) => openEmbeddedStore({ path, now: () => now * 1000 }),
};

for (const [kind, open] of Object.entries(stores)) {
  describe(`exchange/behaviour over ${kind}`, () => {
    let path: string;
    let store: Store;
    beforeEach(async () => {
      path = await mkdtemp(join(tmpdir(), 'counterseal-behaviour-'));
      store = await open(path);
    });
    afterEach(async () => {
      await store.close();
      await rm(path, { recursive: true, force: true });
    });

    it('issues as many tokens in a window as the limit says, and again in the next', async () => {
      const policy = limited({ exchangesPerMinute: 2, exchangesPerHour: 3 });
      const minutes = [0, 1, 2, 60, 61, 3599, 3600];
      const issued: boolean[] = [];
      for (const after of minutes) issued.push((await exchange(store, { policy, at: now + after })).issued);
      assert.deepEqual(issued, [true, true, false, true, false, false, true]);
    });

    it('tells what would be, this one included, and what was expected and seen', async () => {
      const policy = limited({ exchangesPerHour: 1 });
      await exchange(store, { policy });
      const { facts, decision } = await exchange(store, { policy });
      assert.deepEqual(facts.behaviour, { exchangesPerHour: 2 });
      const [verdict] = decision.rules;
      assert.equal(verdict?.clause, 'conditions[0].behaviour.exchangesPerHour');
      assert.equal(verdict?.expected, 'at most 1 exchange in an hour');
      assert.equal(verdict?.seen, '2 with this one, since 2027-01-15T08:00Z');
    });

    it('counts tokens, and no refusals', async () => {
      const policy = compileRules({
        one: asking({ exchangesPerHour: 1 }),
        never: { workload, conditions: [{ environment: ['staging'] }], deny: { resource: '*' } },
      });
      const elsewhere = { environment: 'staging' };
      for (let round = 0; round < 5; round++) {
        assert.equal((await exchange(store, { policy, attestation: elsewhere })).issued, false);
      }
      assert.equal((await exchange(store, { policy })).issued, true);
    });

    it('counts what any rule grants, from when a rule reads it', async () => {
      const other = { workload, grant: { resource: mail, scope: ['send'] } };
      const resources = { [calendar]: { scope: ['read'] }, [mail]: { scope: ['send'] } };
      const before = compile({ resources, rules: { other } });
      const policy = compile({ resources, rules: { other, one: asking({ exchangesPerHour: 2 }) } });
      const asked = { resource: mail, scope: null };
      for (const each of [before, before, policy]) await exchange(store, { policy: each, asked });
      const { facts } = await exchange(store, { policy });
      assert.deepEqual(facts.behaviour, { exchangesPerHour: 2 });
    });

    it('counts by workload, or by instance where the condition says so', async () => {
      const [byWorkload, byInstance] = [
        limited({ exchangesPerHour: 1 }),
        limited({ exchangesPerHour: 1, per: 'instance' }),
      ];
      const pod = (instance: string) => ({ attestation: { instance } });
      assert.equal((await exchange(store, { policy: byInstance, ...pod('pod:1') })).issued, true);
      assert.equal((await exchange(store, { policy: byInstance, ...pod('pod:2') })).issued, true);
      const again = await exchange(store, { policy: byInstance, ...pod('pod:1') });
      assert.deepEqual(again.facts.behaviour, { 'instance.exchangesPerHour': 2 });
      assert.equal(again.issued, false);
      assert.equal((await exchange(store, { policy: byWorkload, ...pod('pod:3') })).issued, true);
      assert.equal((await exchange(store, { policy: byWorkload, ...pod('pod:4') })).issued, false);
      const another = { subject: 'spiffe://example.com/prod-eu/ns/a/sa/other' };
      assert.equal((await exchange(store, { policy: byWorkload, attestation: another })).issued, true);
    });

    it('holds a workload to the network and the node that it began the hour with', async () => {
      const policy = limited({ distinctNetworksPerHour: 1, distinctNodesPerHour: 1 });
      assert.equal((await exchange(store, { policy })).issued, true);
      assert.equal((await exchange(store, { policy, ip: '10.1.2.200' })).issued, true);
      assert.equal((await exchange(store, { policy, ip: '10.1.3.3' })).issued, false);
      assert.equal((await exchange(store, { policy, node: 'n2' })).issued, false);
      // What was refused has not taken the place of what was there.
      assert.equal((await exchange(store, { policy })).issued, true);
      assert.equal((await exchange(store, { policy, at: now + hour, ip: '10.1.3.3', node: 'n2' })).issued, true);
    });

    it('counts distinct resources, also of a request that names none', async () => {
      const rules = {
        one: asking({ distinctResourcesPerHour: 1 }),
        two: {
          workload,
          conditions: [{ cel: 'network.ip == "10.9.9.9"' }],
          grant: { resource: mail, scope: ['send'] },
        },
      };
      const policy = compile({ resources: { [calendar]: { scope: ['read'] }, [mail]: { scope: ['send'] } }, rules });
      const asked = { resource: null, scope: null };
      const { facts, issued } = await exchange(store, { policy, asked });
      assert.deepEqual([issued, facts.behaviour], [true, { distinctResourcesPerHour: 1 }]);
      await exchange(store, { policy, ip: '10.9.9.9', asked: { resource: mail, scope: null } });
      assert.deepEqual((await exchange(store, { policy })).facts.behaviour, { distinctResourcesPerHour: 2 });
      // Two could be meant: for which of them it would be counted is not known.
      const open = await exchange(store, { policy, ip: '10.9.9.9', asked });
      assert.equal(open.decision.reason, 'no_target');
      assert.equal(open.facts.workload.unknown['behaviour.distinctResourcesPerHour'], 'missing');
    });

    it('knows the first use of a resource, and the hours of a workload', async () => {
      const policy = compileRules({
        first: asking({ firstUse: true }),
        later: { ...asking({ firstUse: false }), grant: { resource: calendar, scope: ['write'] } },
        usual: { ...asking({ offHours: true }), mode: 'shadow' },
      });
      const first = await exchange(store, { policy });
      assert.deepEqual([first.decision.granted?.scope, first.facts.behaviour], [['read'], { firstUse: true }]);
      assert.equal(first.facts.workload.unknown['behaviour.offHours'], 'missing');
      const later = await exchange(store, { policy, at: now + 8 * day });
      assert.deepEqual(later.decision.granted?.scope, ['write']);
      assert.deepEqual(later.facts.behaviour, { firstUse: false, offHours: false });
      const night = await exchange(store, { policy, at: now + 8 * day + 12 * hour });
      assert.deepEqual(night.facts.behaviour, { firstUse: false, offHours: true });
    });

    it('never exceeds a limit, however many come at once', async () => {
      const policy = limited({ exchangesPerDay: 7 });
      const all = await Promise.all(Array.from({ length: 100 }, () => exchange(store, { policy })));
      assert.equal(issuedOf(all), 7);
      const refused = all.filter(({ issued }) => !issued);
      for (const { facts } of refused) assert.ok(Number(facts.behaviour?.exchangesPerDay) > 7);
    });

    it('never lets more networks in, however many come at once, and goes on with those that came first', async () => {
      const policy = limited({ distinctNetworksPerHour: 3 });
      const from = (index: number) => exchange(store, { policy, ip: `10.1.${index % 25}.${index}` });
      const all = await Promise.all(Array.from({ length: 100 }, (_, index) => from(index)));
      const networks = new Set(all.flatMap(({ issued }, index) => (issued ? [index % 25] : [])));
      assert.equal(networks.size, 3);
      for (const index of networks) assert.equal((await from(index)).issued, true);
      for (let index = 0; index < 25; index++) {
        if (!networks.has(index)) assert.equal((await from(index)).issued, false);
      }
    });

    it('counts each of as many new networks as come at once', async () => {
      const policy = limited({ distinctNetworksPerHour: 200 });
      const from = (index: number) => exchange(store, { policy, ip: `10.1.${index}.1` });
      const all = await Promise.all(Array.from({ length: 100 }, (_, index) => from(index)));
      assert.equal(issuedOf(all), 100);
      assert.deepEqual((await from(200)).facts.behaviour, { distinctNetworksPerHour: 101 });
    });

    it('has one first use, however many come at once', async () => {
      const policy = limited({ firstUse: true });
      const all = await Promise.all(Array.from({ length: 50 }, () => exchange(store, { policy })));
      assert.equal(issuedOf(all), 1);
    });
  });
}

describe('exchange/behaviour over processes on one embedded store', function () {
  this.timeout(30_000);
  const child = fileURLToPath(new URL('../support/behaviour-process.ts', import.meta.url));

  for (const behaviour of [{ exchangesPerDay: 9 }, { distinctNetworksPerHour: 9 }]) {
    it(`issues exactly what ${Object.keys(behaviour)} allows, of 100 exchanges at once`, async () => {
      const path = await mkdtemp(join(tmpdir(), 'counterseal-behaviour-'));
      const children = [1, 2].map(() => fork(child, [path], { execArgv: ['--import', 'tsx'] }));
      try {
        await Promise.all(children.map((each) => once(each, 'message')));
        const answers = children.map((each) => once(each, 'message'));
        for (const [worker, each] of children.entries()) each.send({ worker, count: 50, behaviour });
        const issued = (await Promise.all(answers)).map(([count]) => Number(count));
        assert.equal(
          issued.reduce((sum, count) => sum + count, 0),
          9,
        );
      } finally {
        const exits = children.map((each) => once(each, 'exit'));
        for (const each of children) each.disconnect();
        await Promise.all(exits);
        await rm(path, { recursive: true, force: true });
      }
    });
  }
});

describe('exchange/behaviour', () => {
  const policy = limited({ exchangesPerHour: 5, distinctNodesPerHour: 1, firstUse: true });

  it('asks nothing of the store, and waits for nothing, where the policy reads no behaviour', () => {
    const store = failing(createMemoryStore(), 'get', 'put', 'increment', 'claim');
    const behaviour = createBehaviour({ store, nodeKinds: new Map() });
    const plain = compileRules({ one: { workload, grant } });
    const attestation = attestationAt(now, { attestor: 'prod-eu' });
    const facts = gatherFacts(attestation, { now, ip: null, reads: [] });
    const inquiry = { attestation, facts, asked: { resource: calendar, scope: null }, decisionId: 'd' };
    assert.equal(behaviour.read(plain, inquiry), facts);
    assert.equal(behaviour.count(plain, inquiry, decide(plain, facts, inquiry.asked)), undefined);
  });

  it('says 503 where the store cannot be read, and writes nothing', async () => {
    const store = createMemoryStore({ now: () => now * 1000 });
    const { decision, facts } = await exchange(failing(store, 'get', 'put', 'increment'), { policy });
    assert.equal(decision.fault, 'dependency_unavailable');
    assert.equal(facts.workload.unknown['behaviour.exchangesPerHour'], 'unavailable');
    assert.equal(decision.rules[0]?.seen, 'unknown (unavailable)');
  });

  it('issues nothing where the store cannot be written', async () => {
    for (const method of ['put', 'increment'] as const) {
      const store = failing(createMemoryStore({ now: () => now * 1000 }), method);
      const thrown = await exchange(store, { policy }).catch((error: unknown) => error);
      assert.ok(thrown instanceof Unavailable && thrown.reason === 'store_unavailable');
    }
  });

  it('what only rules in shadow ask about keeps nobody from a token', async () => {
    const shadowed = compileRules({
      one: { workload, grant },
      two: { ...asking({ exchangesPerHour: 1, firstUse: true }), mode: 'shadow' },
    });
    const store = createMemoryStore({ now: () => now * 1000 });
    for (const broken of [
      failing(store, 'get'),
      failing(store, 'put', 'increment'),
      failing(store, 'get', 'put', 'increment'),
    ]) {
      assert.equal((await exchange(broken, { policy: shadowed })).issued, true);
    }
  });

  it('unknown: permit does not let a token out that cannot be counted, and is judged again with what is counted', async () => {
    const permitting = compileRules({ one: asking({ exchangesPerHour: 1 }, { unknown: 'permit' }) });
    const store = createMemoryStore({ now: () => now * 1000 });
    const unread = failing(store, 'get');
    assert.equal((await exchange(unread, { policy: permitting })).issued, true);
    const second = await exchange(unread, { policy: permitting });
    assert.deepEqual([second.issued, second.facts.behaviour], [false, { exchangesPerHour: 2 }]);
    await assert.rejects(exchange(failing(store, 'get', 'increment'), { policy: permitting }), Unavailable);
  });

  it('an entry that is not ours counts as one that cannot be read', async () => {
    const store = createMemoryStore({ now: () => now * 1000 });
    const odd: Store = { ...store, get: async () => ({ value: 'x', version: '1' }) };
    const { facts, decision } = await exchange(odd, { policy });
    assert.equal(decision.fault, 'dependency_unavailable');
    assert.deepEqual(new Set(Object.values(facts.workload.unknown)), new Set(['unavailable']));
  });

  it('does not know the node of a workload without one', async () => {
    const store = createMemoryStore({ now: () => now * 1000 });
    const nodes = limited({ distinctNodesPerHour: 1 });
    const none = { selectors: ['k8s:ns:a'] };
    for (const [unknownSelectors, fault] of [
      [{}, 'target_refused'],
      [{ 'k8s:node': 'unavailable' as const }, 'dependency_unavailable'],
    ] as const) {
      const { decision } = await exchange(store, { policy: nodes, attestation: { ...none, unknownSelectors } });
      assert.equal(decision.fault, fault);
    }
  });

  it('a clock that is set back by less than an hour goes on counting', async () => {
    let clock = now + 50;
    const store = createMemoryStore({ now: () => clock * 1000 });
    const strict = limited({ exchangesPerMinute: 1 });
    assert.equal((await exchange(store, { policy: strict, at: clock })).issued, true);
    clock += 60;
    assert.equal((await exchange(store, { policy: strict, at: clock })).issued, true);
    clock -= 60;
    assert.equal((await exchange(store, { policy: strict, at: clock })).issued, false);
  });

  it('issues nothing at a time that is none, and does not throw', async () => {
    const store = createMemoryStore({ now: () => now * 1000 });
    for (const at of [Number.NaN, Number.POSITIVE_INFINITY, -1e300]) {
      const { issued, facts } = await exchange(store, { policy, at });
      assert.equal(issued, false);
      assert.deepEqual(facts.behaviour, {});
    }
  });

  it('replays from facts that went through JSON', async () => {
    const store = createMemoryStore({ now: () => now * 1000 });
    const { facts, decision }: Decided = await exchange(store, { policy });
    const again = JSON.parse(JSON.stringify(facts)) as Facts;
    assert.deepEqual(decide(policy, again, { resource: calendar, scope: null }), decision);
  });
});
