/** The state of a pod and its node, as facts for conditions. What each means stands in the attestor's README. */
import type { Fact } from '../../attestor.js';
import type { Node, Pod } from './objects.js';
import type { Observation } from './observation.js';

type Values = Readonly<Record<string, unknown>>;

type Entries = readonly (readonly [name: string, value: unknown])[];

/** What the platform does not say is left out: it is unknown, not false. `podless` is always there. */
export function liveFacts({ pod, node, nodeBootedAt, observedAt }: Observation): Readonly<Record<string, Fact>> {
  const facts: Record<string, Fact> = { podless: { value: pod === undefined, observedAt } };
  if (pod !== undefined) for (const [name, value] of remembered(pod, ofPod)) facts[name] = { value, observedAt };
  if (node !== undefined) for (const [name, value] of remembered(node, ofNode)) facts[name] = { value, observedAt };
  if (nodeBootedAt !== undefined) facts['posture.nodeBootedAt'] = { value: nodeBootedAt, observedAt };
  return Object.freeze(facts);
}

/** Made once for each version of an object. The facts themselves are not kept: what lives for a second only is dear to collect. */
const made = new WeakMap<object, Entries>();

function remembered<T extends object>(of: T, values: (of: T) => Values): Entries {
  const before = made.get(of);
  if (before !== undefined) return before;
  const entries = Object.entries(values(of)).flatMap(([name, value]) =>
    value === undefined ? [] : [[`posture.${name}`, value] as const],
  );
  made.set(of, entries);
  return entries;
}

const ofPod = ({ startedAt, restarts, security, images }: Pod): Values => ({
  podStartedAt: startedAt,
  restarts,
  privileged: security.privileged,
  hostNamespaces: security.hostNamespaces,
  runsAsRoot: security.runsAsRoot,
  readOnlyRoot: security.readOnlyRoot,
  images: images ?? undefined,
});

const ofNode = ({ info, conditions }: Node): Values => ({
  kubelet: info.kubeletVersion,
  kernel: info.kernelVersion,
  osImage: info.osImage,
  runtime: info.containerRuntimeVersion,
  ready: isTrue(conditions.Ready),
  memoryPressure: isTrue(conditions.MemoryPressure),
  diskPressure: isTrue(conditions.DiskPressure),
  pidPressure: isTrue(conditions.PIDPressure),
  networkUnavailable: isTrue(conditions.NetworkUnavailable),
});

/** `Unknown` is what the cluster says of a node that it has lost. */
const isTrue = (status: string | undefined): boolean | undefined =>
  status === 'True' ? true : status === 'False' ? false : undefined;
