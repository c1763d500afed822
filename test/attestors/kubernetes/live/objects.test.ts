import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { ServiceAccountToken } from '../../../../attestors/kubernetes/claims.js';
import { createBoots } from '../../../../attestors/kubernetes/live/boots.js';
import { environmentOf } from '../../../../attestors/kubernetes/live/environment.js';
import {
  type Node,
  type Pod,
  readNamespace,
  readNode,
  readPod,
  readServiceAccount,
} from '../../../../attestors/kubernetes/live/objects.js';
import type { Observation } from '../../../../attestors/kubernetes/live/observation.js';
import { liveFacts } from '../../../../attestors/kubernetes/live/posture.js';
import { liveSelectors, unknownLiveSelectors } from '../../../../attestors/kubernetes/live/selectors.js';
import { namespaceObject, nodeObject, podObject, serviceAccountObject } from './things.js';

const pod = (...parts: Parameters<typeof podObject>): Pod => readPod(podObject(...parts)) ?? assert.fail('no pod');
const node = (...parts: Parameters<typeof nodeObject>): Node =>
  readNode(nodeObject(...parts)) ?? assert.fail('no node');
const observation = (parts: Partial<Observation>): Observation => ({
  observedAt: 100,
  pod: undefined,
  node: undefined,
  nodeBootedAt: undefined,
  namespace: undefined,
  ...parts,
});
const sha = (digit: string) => `sha256:${digit.repeat(64)}`;
/** As it comes: such keys would be lost in a literal. */
const json = (text: string) => JSON.parse(text);

describe('kubernetes objects', () => {
  it('never throw, whatever the API server sends', () => {
    const readers = [readPod, readNode, readNamespace, readServiceAccount];
    const metadata = fc.record({ uid: fc.string(), name: fc.string(), namespace: fc.string(), labels: fc.jsonValue() });
    const junk = fc.oneof(
      fc.jsonValue(),
      fc.array(fc.jsonValue()),
      fc.array(fc.dictionary(fc.constantFrom('type', 'status', 'kind', 'name', 'image', 'toString'), fc.jsonValue())),
    );
    const spec = fc.dictionary(
      fc.constantFrom('containers', 'initContainers', 'taints', 'securityContext', 'nodeName', '__proto__'),
      junk,
    );
    const state = fc.dictionary(
      fc.constantFrom('conditions', 'nodeInfo', 'phase', 'containerStatuses', 'startTime'),
      junk,
    );
    const anything = fc.oneof(fc.jsonValue(), fc.record({ metadata: fc.oneof(metadata, junk), spec, status: state }));
    fc.assert(
      fc.property(anything, (object) => {
        const copy = json(JSON.stringify(object));
        for (const read of readers) read(copy);
        const seen = observation({
          pod: readPod(copy) ?? undefined,
          node: readNode(copy) ?? undefined,
          namespace: readNamespace(copy) ?? undefined,
        });
        liveSelectors(seen);
        liveFacts(seen);
      }),
      { numRuns: 300 },
    );
  });

  it('are no objects of their kind without a uid and a name, and a pod without a namespace', () => {
    const bad = [undefined, null, 1, 'pod', [], {}, { metadata: [] }, { metadata: { uid: '', name: 'a' } }];
    for (const each of [...bad, { metadata: { uid: 1, name: 'a' } }, { metadata: { uid: 'a', name: {} } }]) {
      for (const read of [readPod, readNode, readNamespace, readServiceAccount]) assert.equal(read(each), null);
    }
    assert.equal(readPod({ metadata: { uid: 'a', name: 'a' } }), null);
  });

  it('are read although everything else is missing', () => {
    const bare = readPod({ metadata: { uid: 'u', name: 'a', namespace: 'ns' } });
    assert.deepEqual(bare, {
      uid: 'u',
      name: 'a',
      namespace: 'ns',
      key: 'ns/a',
      serviceAccount: 'default',
      node: undefined,
      labels: Object.create(null),
      owners: [],
      runtimeClass: undefined,
      isTerminating: false,
      hasEnded: false,
      startedAt: undefined,
      restarts: 0,
      security: { privileged: false, hostNamespaces: false, runsAsRoot: true, readOnlyRoot: false },
      images: [],
    });
    assert.ok(Object.isFrozen(bare));
    const facts = liveFacts(observation({ node: readNode(namespaceObject('a')) ?? undefined }));
    assert.deepEqual(Object.keys(facts), ['podless']);
  });

  it('read conditions whose type is no text', () => {
    const { conditions } = node('a', {
      status: { conditions: json('[{"type":{"toString":1},"status":"True"},null]') },
    });
    assert.equal(conditions.Ready, undefined);
  });

  it('take label keys for what they are, those of prototypes too', () => {
    const labels = json('{"__proto__":"p","constructor":"c","toString":"t","number":1,"tier":"gold"}');
    const read = pod('a', { metadata: { labels } });
    assert.deepEqual(Object.entries(read.labels ?? {}), [
      ['__proto__', 'p'],
      ['constructor', 'c'],
      ['toString', 't'],
      ['tier', 'gold'],
    ]);
    assert.equal(pod('a').labels?.constructor, undefined);
    assert.ok(liveSelectors(observation({ pod: read })).includes('k8s:pod-label:__proto__:p'));
  });

  it('have labels, owners, taints and images that are too many as unknown, whatever a rule asks of them', () => {
    const many = Array.from({ length: 257 }, (_, index) => `${index}`);
    const labels = Object.fromEntries(many.map((each) => [`key-${each}`, each]));
    const crowded = pod('a', {
      metadata: { labels, ownerReferences: many.map((name) => ({ kind: 'Job', name })) },
      spec: { containers: many.map((each) => ({ name: each, image: `image-${each}` })) },
    });
    const on = node('n', { metadata: { labels }, spec: { taints: many.map((key) => ({ key, effect: 'NoExecute' })) } });
    assert.deepEqual(
      [crowded.labels, crowded.owners, crowded.images, on.labels, on.taints],
      [null, null, null, null, null],
    );
    const seen = observation({ pod: crowded, node: on });
    assert.deepEqual(liveSelectors(seen), []);
    const token = { pod: { name: 'a', uid: 'a' } } as ServiceAccountToken;
    assert.deepEqual(Object.keys(unknownLiveSelectors(token, seen)).sort(), [
      'k8s:node-label',
      'k8s:node-taint',
      'k8s:ns-label',
      'k8s:owner',
      'k8s:pod-label',
    ]);
    assert.equal(liveFacts(seen)['posture.images'], undefined);
  });

  it('keep a hundred labels, and none of so many characters that every exchange would pay for them', () => {
    const some = (count: number, length: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`key-${index}`, 'x'.repeat(length)]));
    assert.equal(Object.keys(pod('a', { metadata: { labels: some(100, 63) } }).labels ?? {}).length, 100);
    assert.equal(pod('a', { metadata: { labels: some(256, 63) } }).labels, null);
  });
});

describe('kubernetes images', () => {
  const digest = sha('a');
  const other = sha('b');
  const rows: readonly (readonly [what: string, specified: unknown, status: object | undefined, images: string[]])[] = [
    ['one name', 'nginx', undefined, ['docker.io/library/nginx']],
    ['one name at its registry', 'docker.io/nginx:1', undefined, ['docker.io/library/nginx:1']],
    ['a user', 'user/app:1', undefined, ['docker.io/user/app:1']],
    ['a registry', 'registry.example/app', undefined, ['registry.example/app']],
    ['a registry with a port', 'localhost:5000/x:tag', undefined, ['localhost:5000/x:tag']],
    ['a registry on this machine', 'localhost/x', undefined, ['localhost/x']],
    ['a digest', `r.example/x@${digest}`, undefined, [`r.example/x@${digest}`]],
    ['none', undefined, undefined, ['unknown']],
    ['what is no text', 1, undefined, ['unknown']],
    ['one not pulled yet', 'nginx:1', { image: 'nginx:1', imageID: '' }, ['docker.io/library/nginx:1']],
    [
      'one that is pulled',
      'nginx:1',
      { image: 'docker.io/library/nginx:1', imageID: `docker.io/library/nginx@${digest}` },
      [`docker.io/library/nginx:1@${digest}`],
    ],
    [
      'one that docker pulled',
      'r.example/x:1',
      { image: 'r.example/x:1', imageID: `docker-pullable://r.example/x@${digest}` },
      [`r.example/x:1@${digest}`],
    ],
    [
      'one that is known by its id alone',
      'r.example/x:1',
      { image: sha('c'), imageID: `r.example/x@${digest}` },
      [`r.example/x:1@${digest}`],
    ],
    ['one that has no digest', 'r.example/x:1', { image: 'r.example/x:1', imageID: sha('c') }, ['r.example/x:1']],
    [
      'another tag of the same',
      'r.example/x:2',
      { image: 'r.example/x:1', imageID: `r.example/x@${digest}` },
      [`r.example/x:1@${digest}`, `r.example/x:2@${digest}`],
    ],
    [
      'one that was changed in place, while the old one still runs',
      'evil.example/x:1',
      { image: 'r.example/x:1', imageID: `r.example/x@${digest}` },
      ['evil.example/x:1', `r.example/x:1@${digest}`],
    ],
    [
      'a digest that is not the one that runs',
      `r.example/x@${digest}`,
      { image: sha('c'), imageID: `r.example/x@${other}` },
      [`r.example/x@${digest}`, `r.example/x@${other}`],
    ],
  ];
  for (const [what, image, status, images] of rows) {
    it(`of ${what}`, () => {
      const statuses = status === undefined ? [] : [{ name: 'agent', ...status }];
      const read = pod('a', {
        spec: { containers: [{ name: 'agent', image }] },
        status: { containerStatuses: statuses },
      });
      assert.deepEqual(read.images, images);
    });
  }

  it('are those of init and ephemeral containers too, each with its own status', () => {
    const { images, restarts } = pod('a', {
      spec: {
        initContainers: [{ name: 'init', image: 'r.example/init:1' }],
        ephemeralContainers: [{ name: 'debugger', image: 'busybox' }],
      },
      status: {
        initContainerStatuses: [{ name: 'init', imageID: `r.example/init@${digest}`, restartCount: 2 }],
        containerStatuses: [{ name: 'agent', restartCount: 3 }],
        ephemeralContainerStatuses: [{ name: 'debugger', imageID: `docker.io/library/busybox@${other}` }],
      },
    });
    assert.deepEqual(images, [
      'docker.io/library/agent:1',
      `docker.io/library/busybox@${other}`,
      `r.example/init:1@${digest}`,
    ]);
    assert.equal(restarts, 5);
  });
});

describe('kubernetes pod security', () => {
  const safe = { runAsNonRoot: true, readOnlyRootFilesystem: true };
  const rows: readonly (readonly [what: string, spec: object, expected: object])[] = [
    ['safe', { containers: [{ securityContext: safe }] }, {}],
    [
      'safe by the pod',
      {
        securityContext: { runAsNonRoot: true },
        containers: [{ securityContext: { readOnlyRootFilesystem: true } }],
      },
      {},
    ],
    ['root by its user', { containers: [{ securityContext: { ...safe, runAsUser: 0 } }] }, { runsAsRoot: true }],
    [
      'root by the pod',
      { securityContext: { runAsUser: 0 }, containers: [{ securityContext: { readOnlyRootFilesystem: true } }] },
      { runsAsRoot: true },
    ],
    [
      'not root by its own user',
      { securityContext: { runAsUser: 0 }, containers: [{ securityContext: { ...safe, runAsUser: 7 } }] },
      {},
    ],
    ['without a context', { containers: [{}] }, { runsAsRoot: true, readOnlyRoot: false }],
    [
      'a privileged init container',
      { initContainers: [{ securityContext: { ...safe, privileged: true } }], containers: [{ securityContext: safe }] },
      { privileged: true },
    ],
    [
      'a debugger',
      { containers: [{ securityContext: safe }], ephemeralContainers: [{}] },
      { runsAsRoot: true, readOnlyRoot: false },
    ],
    ...['hostNetwork', 'hostPID', 'hostIPC'].map(
      (key) => [key, { [key]: true, containers: [{ securityContext: safe }] }, { hostNamespaces: true }] as const,
    ),
  ];
  for (const [what, spec, expected] of rows) {
    it(`of ${what}`, () => {
      const { security } = pod('a', { spec: { ...spec } });
      const base = { privileged: false, hostNamespaces: false, runsAsRoot: false, readOnlyRoot: true };
      assert.deepEqual(security, { ...base, ...expected });
    });
  }
});

describe('kubernetes live selectors', () => {
  it('are of the pod, its node and its namespace, with what is special in them encoded', () => {
    const seen = observation({
      pod: pod('a', {
        metadata: {
          labels: { 'example.com/tier': 'go:ld', 'a:b%c': 'x' },
          ownerReferences: [{ kind: 'ReplicaSet', name: 'agents' }, { kind: 'Job' }, null, { name: 'x' }],
        },
        spec: { runtimeClassName: 'gvisor' },
      }),
      node: node('n', {
        metadata: { labels: { pool: 'gold' } },
        spec: {
          taints: [
            { key: 'team', value: 'a:b', effect: 'NoSchedule' },
            { key: 'bare', effect: 'NoExecute' },
          ],
        },
      }),
      namespace: readNamespace(namespaceObject('ns', { metadata: { labels: { stage: 'live' } } })) ?? undefined,
    });
    assert.deepEqual(liveSelectors(seen), [
      'k8s:owner:ReplicaSet/agents',
      'k8s:pod-label:example.com/tier:go:ld',
      'k8s:pod-label:a%3Ab%25c:x',
      'k8s:runtime-class:gvisor',
      'k8s:node-label:pool:gold',
      'k8s:node-taint:team:a%3Ab:NoSchedule',
      'k8s:node-taint:bare::NoExecute',
      'k8s:ns-label:stage:live',
    ]);
    assert.deepEqual(liveSelectors(observation({})), []);
  });
});

describe('kubernetes posture facts', () => {
  it('are true, false, or left out where the cluster does not know', () => {
    const conditions = [
      { type: 'Ready', status: 'True' },
      { type: 'DiskPressure', status: 'False' },
      { type: 'MemoryPressure', status: 'Unknown' },
    ];
    const nodeInfo = { kubeletVersion: 'v1.33.4', kernelVersion: '6.1.140', osImage: 'Linux', bootID: 'b' };
    const facts = liveFacts(observation({ node: node('n', { status: { conditions, nodeInfo } }), nodeBootedAt: 7 }));
    assert.deepEqual(
      Object.fromEntries(Object.entries(facts).map(([name, { value, observedAt }]) => [name, [value, observedAt]])),
      {
        podless: [true, 100],
        'posture.kubelet': ['v1.33.4', 100],
        'posture.kernel': ['6.1.140', 100],
        'posture.osImage': ['Linux', 100],
        'posture.ready': [true, 100],
        'posture.diskPressure': [false, 100],
        'posture.nodeBootedAt': [7, 100],
      },
    );
  });
});

describe('kubernetes boots', () => {
  const boot = (bootID: string | undefined, parts = {}) => node('n', { status: { nodeInfo: { bootID } }, ...parts });
  const createdAt = Date.parse('2026-11-01T00:00:00Z') / 1_000;

  it('are as old as the node, until another is seen', () => {
    const boots = createBoots();
    boots.see(boot('first'), 1_000);
    boots.see(boot('first'), 2_000);
    assert.equal(boots.of(boot('first')), createdAt);
    boots.see(boot('second'), 3_000);
    boots.see(boot('second'), 4_000);
    assert.equal(boots.of(boot('second')), 3_000);
    assert.equal(boots.of(boot('first')), undefined);
  });

  it('are unknown of a node that does not say, that was never seen, or that is gone', () => {
    const boots = createBoots();
    boots.see(boot(undefined), 1_000);
    assert.equal(boots.of(boot(undefined)), undefined);
    assert.equal(boots.of(boot('first')), undefined);
    boots.see(boot('first', { metadata: { creationTimestamp: null } }), 1_000);
    assert.equal(boots.of(boot('first')), undefined);
    boots.forget(boot('first'));
    boots.see(boot('second'), 2_000);
    assert.equal(boots.of(boot('second')), createdAt);
  });
});

describe('kubernetes environments', () => {
  const labelled = (labels: object) => readNamespace(namespaceObject('agents', { metadata: { labels } })) ?? undefined;
  const rows: readonly (readonly [
    options: Parameters<typeof environmentOf>[0],
    labels: object | null,
    string | null,
  ])[] = [
    ['staging', null, 'staging'],
    [{ namespaces: { agents: 'production' } }, null, 'production'],
    [{ namespaces: { other: 'production' } }, null, null],
    [{ namespaceLabel: 'env' }, { env: 'staging' }, 'staging'],
    [{ namespaceLabel: 'env' }, { env: 'not an environment' }, null],
    [{ namespaceLabel: 'env' }, {}, null],
    [{ namespaceLabel: 'constructor' }, {}, null],
    [{ namespaceLabel: 'env' }, null, null],
    [{ namespaceLabel: 'env', values: { live: 'production' } }, { env: 'live' }, 'production'],
    [{ namespaceLabel: 'env', values: { live: 'production' } }, { env: 'production' }, null],
    [{ namespaceLabel: 'env', values: { live: 'production' } }, { env: 'constructor' }, null],
  ];
  for (const [options, labels, environment] of rows) {
    it(`by ${JSON.stringify(options)} with ${JSON.stringify(labels)}: ${environment}`, () => {
      assert.equal(environmentOf(options)('agents', labels === null ? undefined : labelled(labels)), environment);
    });
  }
});

describe('kubernetes service accounts', () => {
  it('are known by uid and name alone', () => {
    assert.deepEqual(readServiceAccount(serviceAccountObject('a', { metadata: { labels: { x: 'y' } } })), {
      uid: 'serviceaccount-a',
      key: 'agents/a',
    });
  });
});
