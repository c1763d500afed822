/** What a pod's specification lets its containers do. Every container counts, init and ephemeral ones too. */
import { type Json, list, map } from './fields.js';

export interface PodSecurity {
  /** Any container is privileged. */
  readonly privileged: boolean;
  /** The pod is in its node's network, process or IPC namespace. */
  readonly hostNamespaces: boolean;
  /** Any container may run as root: nothing in the specification says that it does not. */
  readonly runsAsRoot: boolean;
  /** Every container's root file system is read-only. */
  readonly readOnlyRoot: boolean;
}

const containerLists = ['initContainers', 'containers', 'ephemeralContainers'] as const;

const statusLists = ['initContainerStatuses', 'containerStatuses', 'ephemeralContainerStatuses'] as const;

export const statusesOf = (status: Json): readonly Json[] => statusLists.flatMap((name) => list(status[name]));

export const containersOf = (spec: Json): readonly Json[] => containerLists.flatMap((name) => list(spec[name]));

export function securityOf(spec: Json): PodSecurity {
  const contexts = containersOf(spec).map(({ securityContext }) => map(securityContext));
  const ofPod = map(spec.securityContext);
  return Object.freeze({
    privileged: contexts.some(({ privileged }) => privileged === true),
    hostNamespaces: spec.hostNetwork === true || spec.hostPID === true || spec.hostIPC === true,
    runsAsRoot: contexts.length === 0 || contexts.some((context) => mayBeRoot({ ...ofPod, ...context })),
    readOnlyRoot:
      contexts.length > 0 && contexts.every(({ readOnlyRootFilesystem }) => readOnlyRootFilesystem === true),
  });
}

/** Without runAsUser the image decides, and the kubelet sees to runAsNonRoot. */
function mayBeRoot({ runAsUser, runAsNonRoot }: Json): boolean {
  return typeof runAsUser === 'number' ? runAsUser === 0 : runAsNonRoot !== true;
}
