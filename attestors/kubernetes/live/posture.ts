/** The state of a pod and its node, as facts for conditions. What each means stands in the attestor's README. */
import type { Fact } from '../../attestor.js';
import type { Node, Pod } from './objects.js';
import type { Observation } from './observation.js';

type Values = Readonly<Record<string, unknown>>;

/** What the platform does not say is left out: it is unknown, not false. */
export function postureFacts({ pod, node, nodeBootedAt, observedAt }: Observation): Readonly<Record<string, Fact>> {
  const facts: Record<string, Fact> = {};
  const add = (values: Values) => {
    for (const [name, value] of Object.entries(values)) {
      if (value !== undefined) facts[`posture.${name}`] = { value, observedAt };
    }
  };
  if (pod !== undefined) add(remembered(pod, ofPod));
  if (node !== undefined) add(remembered(node, ofNode));
  add({ nodeBootedAt });
  return facts;
}

const ofPod = ({ startedAt, restarts, security, images }: Pod): Values => ({
  podStartedAt: startedAt,
  restarts,
  privileged: security.privileged,
  hostNamespaces: security.hostNamespaces,
  runsAsRoot: security.runsAsRoot,
  readOnlyRoot: security.readOnlyRoot,
  images,
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

/** Made once for each version of an object. */
const made = new WeakMap<object, Values>();

function remembered<T extends object>(of: T, make: (of: T) => Values): Values {
  const before = made.get(of);
  if (before !== undefined) return before;
  const values = Object.freeze(make(of));
  made.set(of, values);
  return values;
}
