import assert from 'node:assert/strict';
import { refused } from '../fixture.js';
import { type Attesting, startAttesting } from './attesting.js';
import { namespaceObject, putAll, until } from './things.js';

describe('kubernetes attestation with live facts', () => {
  let attesting: Attesting;
  const start = async (...args: Parameters<typeof startAttesting>) => {
    attesting = await startAttesting(...args);
    return attesting;
  };
  afterEach(() => attesting.close());
  const labels = { stage: 'live', tier: 'gold' };
  const labelled: Parameters<typeof startAttesting>[2] = (cluster, claims) => {
    putAll(cluster, claims);
    cluster.put('namespaces', namespaceObject('agents', { metadata: { labels } }));
  };

  it('has sorted selectors, each once, and what they are of is known', async () => {
    const { fixture } = await start({}, {}, labelled);
    const { selectors, unknownSelectors, assurance, instance } = await fixture.attest(await fixture.token());
    assert.deepEqual(selectors, [...new Set(selectors)].sort());
    for (const each of ['k8s:ns-label:stage:live', 'k8s:ns:agents', 'k8s:node:node-1']) {
      assert.ok(selectors.includes(each), each);
    }
    assert.deepEqual([unknownSelectors, assurance, instance.slice(0, 4)], [{}, 'high', 'pod:']);
  });

  it('knows the node of a pod whose token does not name it', async () => {
    const { fixture, objects } = await start();
    const { selectors, unknownSelectors } = await fixture.attest(await fixture.token({ node: null }));
    assert.ok(selectors.includes('k8s:node:node-1'));
    assert.ok(selectors.includes(`k8s:node-uid:${objects().node?.metadata.uid}`));
    assert.deepEqual(unknownSelectors, {});
  });

  it('has facts of the time at which the picture was complete', async () => {
    const { fixture, cluster } = await start({}, {}, labelled);
    fixture.now += 7;
    const { facts } = await fixture.attest(await fixture.token());
    assert.deepEqual(facts.podless, { value: false, observedAt: fixture.now - 7 });
    assert.deepEqual(facts['posture.ready'], { value: true, observedAt: fixture.now - 7 });
    for (const kind of ['pods', 'nodes', 'namespaces', 'serviceaccounts'] as const) cluster.bookmark(kind);
    await until(() => fixture.attestor.watched?.().every(({ age }) => (age ?? 9) < 5) === true, 'bookmarks');
    const later = await fixture.attest(await fixture.token());
    assert.equal(later.facts['posture.ready']?.observedAt, fixture.now);
  });

  it('is not made on a picture of the future: the clock was set back, and its age is not known', async () => {
    const { fixture, cluster } = await start();
    const token = await fixture.token();
    await fixture.attest(token);
    fixture.now -= 5;
    await refused(fixture.attest(token), 'facts_stale');
    for (const kind of ['pods', 'nodes', 'namespaces', 'serviceaccounts'] as const) cluster.bookmark(kind);
    await until(() => fixture.attestor.watched?.().every(({ known }) => known) === true, 'bookmarks');
    await fixture.attest(token);
  });

  const environments: readonly (readonly [environment: unknown, expected: string | null])[] = [
    [undefined, 'production'],
    ['staging', 'staging'],
    [{ namespaces: { agents: 'testing' } }, 'testing'],
    [{ namespaces: { other: 'testing' } }, null],
    [{ namespaceLabel: 'stage' }, 'live'],
    [{ namespaceLabel: 'other' }, null],
    [{ namespaceLabel: 'stage', values: { live: 'production' } }, 'production'],
  ];
  for (const [environment, expected] of environments) {
    it(`is in the environment ${expected} by ${JSON.stringify(environment)}`, async () => {
      const { fixture } = await start({}, environment === undefined ? {} : { environment }, labelled);
      assert.equal((await fixture.attest(await fixture.token())).environment, expected);
    });
  }

  it('tells what it watches', async () => {
    const { fixture } = await start();
    fixture.now += 5;
    assert.deepEqual(fixture.attestor.watched?.(), [
      { kind: 'pods', known: true, age: 5, objects: 1 },
      { kind: 'nodes', known: true, age: 5, objects: 1 },
      { kind: 'namespaces', known: true, age: 5, objects: 1 },
      { kind: 'serviceaccounts', known: true, age: 5, objects: 1 },
    ]);
    fixture.now += 26;
    assert.ok(fixture.attestor.watched?.().every(({ known }) => !known));
  });
});
