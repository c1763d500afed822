/** The state of a pod and its node, as facts for conditions. What each means stands in the attestor's README. */
import type { Fact } from '../../attestor.js';
import type { Node, Pod } from './objects.js';
import type { Observation } from './observation.js';

type Values = Readonly<Record<string, unknown>>;

/** Made once for a pod as it is on a node as it is, in one second: it is asked for with every exchange, and seldom read. */
interface Made {
  readonly node: Node | undefined;
  readonly nodeBootedAt: number | undefined;
  readonly observedAt: number;
  readonly facts: Readonly<Record<string, Fact>>;
}

const made = new WeakMap<Pod, Made>();

/** What the platform does not say is left out: it is unknown, not false. `podless` is always there. */
export function liveFacts(observation: Observation): Readonly<Record<string, Fact>> {
  const { pod, node, nodeBootedAt, observedAt } = observation;
  if (pod === undefined) return makeFacts(observation);
  const last = made.get(pod);
  if (last?.observedAt === observedAt && last.node === node && last.nodeBootedAt === nodeBootedAt) return last.facts;
  const facts = makeFacts(observation);
  made.set(pod, { node, nodeBootedAt, observedAt, facts });
  return facts;
}

function makeFacts({ pod, node, nodeBootedAt, observedAt }: Observation): Readonly<Record<string, Fact>> {
  const values = { ...(pod && ofPod(pod)), ...(node && ofNode(node)), nodeBootedAt };
  const facts: Record<string, Fact> = { podless: Object.freeze({ value: pod === undefined, observedAt }) };
  for (const [name, value] of Object.entries(values)) {
    if (value !== undefined) facts[`posture.${name}`] = Object.freeze({ value, observedAt });
  }
  return Object.freeze(facts);
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
