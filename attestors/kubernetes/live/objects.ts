/** What is kept of pods, nodes, namespaces and service accounts: the fields that facts are made of, and nothing else. */
import type { Known } from './collection.js';
import { count, type Json, list, map, text, texts, time } from './fields.js';
import { imagesOf } from './images.js';
import { type PodSecurity, securityOf } from './pod-security.js';

type Labels = Readonly<Record<string, string>>;

export interface Pod extends Known {
  readonly namespace: string;
  readonly name: string;
  readonly serviceAccount: string;
  /** Undefined until it is scheduled. */
  readonly node: string | undefined;
  readonly labels: Labels;
  /** `KIND/NAME`. */
  readonly owners: readonly string[];
  readonly runtimeClass: string | undefined;
  /** Deletion has begun. */
  readonly isTerminating: boolean;
  /** All its containers have ended for good. */
  readonly hasEnded: boolean;
  /** Seconds since the epoch. */
  readonly startedAt: number | undefined;
  /** Over all containers. */
  readonly restarts: number;
  readonly security: PodSecurity;
  /** Of every container, init and ephemeral ones too. */
  readonly images: readonly string[];
}

export interface Taint {
  readonly key: string;
  readonly value: string;
  readonly effect: string;
}

export interface Node extends Known {
  readonly name: string;
  readonly labels: Labels;
  readonly taints: readonly Taint[];
  /** `True`, `False` or `Unknown`, by the type of the condition. */
  readonly conditions: Labels;
  /** The kubelet's own report: `kubeletVersion`, `kernelVersion`, `osImage`, `containerRuntimeVersion`, `bootID`. */
  readonly info: Labels;
  /** Seconds since the epoch. */
  readonly createdAt: number | undefined;
}

export interface Namespace extends Known {
  readonly name: string;
  readonly labels: Labels;
}

export type ServiceAccount = Known;

/** Null: no object of this kind. */
export function readPod(object: unknown): Pod | null {
  const { metadata, spec, status } = map(object);
  const identity = identityOf(map(metadata));
  if (identity === null || identity.namespace === undefined) return null;
  const { nodeName, runtimeClassName, serviceAccountName } = map(spec);
  const { phase, startTime } = map(status);
  const { deletionTimestamp, labels, ownerReferences } = map(metadata);
  return Object.freeze<Pod>({
    ...identity,
    namespace: identity.namespace,
    serviceAccount: text(serviceAccountName) ?? 'default',
    node: text(nodeName),
    labels: texts(labels),
    owners: ownersOf(ownerReferences),
    runtimeClass: text(runtimeClassName),
    isTerminating: deletionTimestamp !== undefined,
    hasEnded: phase === 'Succeeded' || phase === 'Failed',
    startedAt: time(startTime),
    restarts: restartsOf(map(status)),
    security: securityOf(map(spec)),
    images: imagesOf(map(spec), map(status)),
  });
}

const ownersOf = (references: unknown): readonly string[] =>
  Object.freeze(
    list(references).flatMap(({ kind, name }) =>
      text(kind) === undefined || text(name) === undefined ? [] : [`${kind}/${name}`],
    ),
  );

const statusLists = ['initContainerStatuses', 'containerStatuses', 'ephemeralContainerStatuses'] as const;

const restartsOf = (status: Json): number =>
  statusLists.flatMap((name) => list(status[name])).reduce((sum, each) => sum + count(each.restartCount), 0);

export function readNode(object: unknown): Node | null {
  const { metadata, spec, status } = map(object);
  const identity = identityOf(map(metadata));
  if (identity === null) return null;
  const { conditions, nodeInfo } = map(status);
  return Object.freeze<Node>({
    ...identity,
    labels: texts(map(metadata).labels),
    taints: Object.freeze(
      list(map(spec).taints).map(({ key, value, effect }) =>
        Object.freeze({ key: text(key) ?? '', value: text(value) ?? '', effect: text(effect) ?? '' }),
      ),
    ),
    conditions: texts(Object.fromEntries(list(conditions).map(({ type, status: is }) => [text(type) ?? '', is]))),
    info: texts(nodeInfo),
    createdAt: time(map(metadata).creationTimestamp),
  });
}

export function readNamespace(object: unknown): Namespace | null {
  const { metadata } = map(object);
  const identity = identityOf(map(metadata));
  return identity === null ? null : Object.freeze({ ...identity, labels: texts(map(metadata).labels) });
}

export function readServiceAccount(object: unknown): ServiceAccount | null {
  const identity = identityOf(map(map(object).metadata));
  return identity === null ? null : Object.freeze({ uid: identity.uid, key: identity.key });
}

function identityOf({ uid, name, namespace }: Json) {
  const identity = { uid: text(uid), name: text(name), namespace: text(namespace) };
  if (identity.uid === undefined || identity.name === undefined) return null;
  return {
    uid: identity.uid,
    name: identity.name,
    namespace: identity.namespace,
    key: keyOf(identity.namespace, identity.name),
  };
}

export const keyOf = (namespace: string | undefined, name: string): string =>
  namespace === undefined ? name : `${namespace}/${name}`;
