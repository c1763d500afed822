import assert from 'node:assert/strict';
import { createCollection } from '../../../../attestors/kubernetes/live/collection.js';
import { createEndings, type Present } from '../../../../attestors/kubernetes/live/endings.js';
import { readNode, readPod, readServiceAccount } from '../../../../attestors/kubernetes/live/objects.js';
import type { StandingRules } from '../../../../attestors/kubernetes/live/observation.js';
import { nodeObject, podObject, serviceAccountObject } from './things.js';

const anyNode: StandingRules = { terminating: 'allow', trustedNodes: undefined };
const trusting = (trust: Partial<NonNullable<StandingRules['trustedNodes']>>): StandingRules => ({
  terminating: 'allow',
  trustedNodes: { labels: {}, withoutTaints: [], ready: false, ...trust },
});

/** @param holding instances that hold tokens */
function create(rules: StandingRules = anyNode, holding: string[] = []) {
  const ended: string[] = [];
  const endings = createEndings(
    { rules, ended: (instance, reason) => ended.push(`${instance} ${reason}`), instances: () => [...holding] },
    () => present,
  );
  const present: Present = {
    pods: createCollection(readPod, endings.ofPods),
    nodes: createCollection(readNode, endings.ofNodes),
    serviceAccounts: createCollection(readServiceAccount, endings.ofServiceAccounts),
  };
  /** What was ended since the last time. */
  const news = () => [...new Set(ended.splice(0))];
  return { ...present, news };
}

const pod = podObject('a');
const deleting = podObject('a', { metadata: { deletionTimestamp: '2026-11-21T00:00:00Z' } });
const phase = (is: string) => podObject('a', { status: { phase: is } });
const gold = nodeObject('node-1', { metadata: { labels: { pool: 'gold' } } });
const plain = nodeObject('node-1');

describe('kubernetes endings', () => {
  it('ends a pod that is deleted', () => {
    const { pods, news } = create();
    pods.present(pod);
    assert.deepEqual(news(), []);
    pods.deleted(pod);
    assert.deepEqual(news(), ['pod:pod-a pod_deleted']);
  });

  for (const is of ['Succeeded', 'Failed']) {
    it(`ends a pod that has ${is}, once`, () => {
      const { pods, news } = create();
      pods.present(pod);
      pods.present(phase(is));
      assert.deepEqual(news(), ['pod:pod-a pod_ended']);
      pods.present(phase(is));
      pods.listed([phase(is)]);
      assert.deepEqual(news(), []);
    });
  }

  it('ends no pod that waits, runs or is lost', () => {
    const { pods, news } = create();
    for (const is of ['Pending', 'Running', 'Unknown']) pods.present(phase(is));
    assert.deepEqual(news(), []);
  });

  it('ends a pod whose deletion begins with terminating: refuse, and not with allow', () => {
    const strict = create({ ...anyNode, terminating: 'refuse' });
    strict.pods.present(pod);
    strict.pods.present(deleting);
    strict.pods.present(deleting);
    assert.deepEqual(strict.news(), ['pod:pod-a pod_terminating']);
    const lenient = create();
    lenient.pods.present(pod);
    lenient.pods.present(deleting);
    assert.deepEqual(lenient.news(), []);
  });

  it('ends a service account that is deleted, and the pods that have it', () => {
    const { pods, serviceAccounts, news } = create();
    serviceAccounts.listed([serviceAccountObject('calendar-agent')]);
    pods.listed([
      pod,
      podObject('b', { spec: { serviceAccountName: 'other' } }),
      podObject('c', { metadata: { namespace: 'other' } }),
    ]);
    serviceAccounts.deleted(serviceAccountObject('calendar-agent'));
    assert.deepEqual(news(), [
      'serviceaccount:serviceaccount-calendar-agent service_account_deleted',
      'pod:pod-a service_account_deleted',
    ]);
  });

  it('ends them when the service account was made again meanwhile', () => {
    const { pods, serviceAccounts, news } = create();
    serviceAccounts.listed([serviceAccountObject('calendar-agent', { uid: 'first' })]);
    pods.listed([pod]);
    serviceAccounts.listed([serviceAccountObject('calendar-agent', { uid: 'second' })]);
    assert.deepEqual(news(), ['serviceaccount:first service_account_deleted', 'pod:pod-a service_account_deleted']);
  });

  it('ends the pods of a node that is deleted, and of no other', () => {
    const { pods, nodes, news } = create();
    nodes.listed([plain, nodeObject('node-2')]);
    pods.listed([pod, podObject('b', { spec: { nodeName: 'node-2' } }), podObject('c', { spec: { nodeName: null } })]);
    nodes.deleted(plain);
    assert.deepEqual(news(), ['pod:pod-a node_deleted']);
  });

  const tainted = nodeObject('node-1', { spec: { taints: [{ key: 'quarantine', effect: 'NoExecute' }] } });
  const readiness = (is: string) => nodeObject('node-1', { status: { conditions: [{ type: 'Ready', status: is }] } });
  const losses = {
    'a label': [trusting({ labels: { pool: 'gold' } }), gold, plain],
    'the value of a label': [
      trusting({ labels: { pool: 'gold' } }),
      gold,
      nodeObject('node-1', { metadata: { labels: { pool: 'silver' } } }),
    ],
    'a taint': [trusting({ withoutTaints: ['quarantine'] }), plain, tainted],
    readiness: [trusting({ ready: true }), readiness('True'), readiness('Unknown')],
    'its status': [trusting({ ready: true }), readiness('True'), nodeObject('node-1', { status: { conditions: [] } })],
  } as const;
  for (const [what, [rules, good, bad]] of Object.entries(losses)) {
    it(`ends the pods of a node that loses trust by ${what}, each time anew`, () => {
      const { pods, nodes, news } = create(rules);
      nodes.listed([good, nodeObject('node-2', good)]);
      pods.listed([pod, podObject('b', { spec: { nodeName: 'node-2' } })]);
      assert.deepEqual(news(), []);
      for (let times = 0; times < 2; times += 1) {
        nodes.present(bad);
        assert.deepEqual(news(), ['pod:pod-a node_untrusted']);
        nodes.present(bad);
        pods.present(pod);
        assert.deepEqual(news(), []);
        nodes.present(good);
        assert.deepEqual(news(), []);
      }
      pods.present(phase('Failed'));
      assert.deepEqual(news(), ['pod:pod-a pod_ended']);
    });

    it(`ends the pods of a node that is found without trust by ${what}, in whatever order they are listed`, () => {
      const podsFirst = create(rules);
      podsFirst.pods.listed([pod]);
      assert.deepEqual(podsFirst.news(), []);
      podsFirst.nodes.listed([bad]);
      assert.deepEqual(podsFirst.news(), ['pod:pod-a node_untrusted']);
      const nodesFirst = create(rules);
      nodesFirst.nodes.listed([bad]);
      nodesFirst.pods.listed([pod]);
      assert.deepEqual(nodesFirst.news(), ['pod:pod-a node_untrusted']);
    });

    it(`ends nothing of a node with trust by ${what}, in whatever order they are listed`, () => {
      const podsFirst = create(rules, ['pod:pod-a']);
      podsFirst.pods.listing();
      podsFirst.pods.listed([pod]);
      podsFirst.nodes.listed([good]);
      assert.deepEqual(podsFirst.news(), []);
      const nodesFirst = create(rules, ['pod:pod-a']);
      nodesFirst.nodes.listed([good]);
      nodesFirst.pods.listing();
      nodesFirst.pods.listed([pod]);
      assert.deepEqual(nodesFirst.news(), []);
    });
  }

  it('ends a pod that is seen first when its service account, or its node, has been deleted already', () => {
    const first = create();
    first.serviceAccounts.listed([serviceAccountObject('calendar-agent')]);
    first.serviceAccounts.deleted(serviceAccountObject('calendar-agent'));
    first.pods.present(pod);
    assert.ok(first.news().includes('pod:pod-a service_account_deleted'));
    const second = create();
    second.nodes.listed([plain]);
    second.nodes.deleted(plain);
    second.pods.present(pod);
    assert.deepEqual(second.news(), ['pod:pod-a node_deleted']);
  });

  it('ends tokens that are bound to a node alone with it, with its trust, and with their service account', () => {
    const bound = 'serviceaccount:serviceaccount-calendar-agent/node:node-node-1';
    const { uid } = plain.metadata;
    const holding = [
      `serviceaccount:serviceaccount-calendar-agent/node:${uid}`,
      bound.replace(/node-node-1$/, 'other'),
    ];
    const onNode = create(anyNode, holding);
    onNode.nodes.listed([plain]);
    onNode.nodes.deleted(plain);
    assert.deepEqual(onNode.news(), [`${holding[0]} node_deleted`]);
    const trusted = create(trusting({ labels: { pool: 'gold' } }), holding);
    trusted.nodes.listed([gold]);
    trusted.nodes.present(plain);
    assert.deepEqual(trusted.news(), [`${holding[0]} node_untrusted`]);
    const account = create(anyNode, holding);
    account.serviceAccounts.listed([serviceAccountObject('calendar-agent')]);
    account.serviceAccounts.deleted(serviceAccountObject('calendar-agent'));
    assert.deepEqual(account.news().filter((each) => each.includes('/node:')).length, 2);
    const restarted = create(anyNode, holding);
    restarted.nodes.listing();
    restarted.nodes.listed([plain]);
    assert.deepEqual(restarted.news(), [`${holding[1]} node_deleted`]);
  });

  it('looks at no other pods than those of a service account that is deleted', () => {
    const { pods, serviceAccounts, news } = create();
    const names = Array.from({ length: 1_000 }, (_, index) => `agent-${index}`);
    serviceAccounts.listed(names.map((name) => serviceAccountObject(name)));
    pods.listed(
      names.flatMap((serviceAccountName) =>
        Array.from({ length: 10 }, (_, index) =>
          podObject(`${serviceAccountName}-${index}`, { spec: { serviceAccountName } }),
        ),
      ),
    );
    const began = performance.now();
    serviceAccounts.listed([]);
    assert.equal(news().length, 11_000);
    assert.ok(performance.now() - began < 2_000, `${performance.now() - began} ms`);
  });

  describe('after a restart', () => {
    it('ends who holds a token and is not in the list', () => {
      const holding = ['pod:pod-a', 'pod:gone', 'serviceaccount:serviceaccount-calendar-agent', 'serviceaccount:gone'];
      const { pods, serviceAccounts, news } = create(anyNode, [...holding, 'pod', 'other:x']);
      pods.listing();
      serviceAccounts.listing();
      serviceAccounts.listed([serviceAccountObject('calendar-agent')]);
      assert.deepEqual(news(), ['serviceaccount:gone service_account_deleted']);
      pods.listed([pod]);
      assert.deepEqual(news(), ['pod:gone pod_deleted']);
    });

    for (const [what, list, reason] of [
      ['service account', 'serviceAccounts', 'service_account_deleted'],
      ['node', 'nodes', 'node_deleted'],
    ] as const) {
      it(`ends pods that hold a token and whose ${what} is gone, whether pods are listed before or after`, () => {
        for (const podsFirst of [true, false]) {
          const { [list]: others, pods, news } = create(anyNode, ['pod:pod-a']);
          others.listing();
          if (podsFirst) pods.listed([pod, podObject('b')]);
          others.listed([]);
          if (!podsFirst) pods.listed([pod, podObject('b')]);
          assert.deepEqual(news(), [`pod:pod-a ${reason}`]);
        }
      });

      it(`ends no pod that got its token after the ${what}s were listed, which may be newer than that list`, () => {
        const holding: string[] = [];
        const { [list]: others, pods, news } = create(anyNode, holding);
        others.listing();
        others.listed([]);
        holding.push('pod:pod-a');
        pods.listing();
        pods.listed([pod]);
        assert.deepEqual(news(), []);
      });
    }

    it('ends nobody who got a token after the list began', () => {
      const holding: string[] = [];
      const { pods, news } = create(anyNode, holding);
      pods.listing();
      holding.push('pod:new');
      pods.listed([]);
      assert.deepEqual(news(), []);
    });

    it('ends nobody by a list that failed half-way, nor twice by the one after it', () => {
      const { pods, news } = create(anyNode, ['pod:pod-a']);
      pods.listing();
      pods.listing();
      assert.deepEqual(news(), []);
      pods.listed([pod]);
      assert.deepEqual(news(), []);
    });
  });
});
