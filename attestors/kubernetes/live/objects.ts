/** What is kept of pods, nodes, namespaces and service accounts: the fields that facts are made of, and nothing else. */
import type { Known } from './collection.js';
import { bounded, count, type Json, labelsOf, list, map, text, texts, time } from './fields.js';
import { imagesOf } from './images.js';
import { type PodSecurity, securityOf, statusesOf } from './pod-security.js';

type Labels = Readonly<Record<string, string>>;
/** Null: too many to be kept, so nothing is known of them. */
type Bounded<T> = T | null;

export interface Pod extends Known {
  readonly namespace: string;
  readonly name: string;
  readonly serviceAccount: string;
  /** Undefined until it is scheduled. */
  readonly node: string | undefined;
  readonly labels: Bounded<Labels>;
  /** `KIND/NAME`. */
  readonly owners: Bounded<readonly string[]>;
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
  readonly images: Bounded<readonly string[]>;
}

export interface Taint {
  readonly key: string;
  readonly value: string;
  readonly effect: string;
}

export interface Node extends Known {
  readonly name: string;
  readonly labels: Bounded<Labels>;
  readonly taints: Bounded<readonly Taint[]>;
  /** `True`, `False` or `Unknown`, by the type of the condition. */
  readonly conditions: Labels;
  /** The kubelet's own report: `kubeletVersion`, `kernelVersion`, `osImage`, `containerRuntimeVersion`, `bootID`. */
  readonly info: Labels;
  /** Seconds since the epoch. */
  readonly createdAt: number | undefined;
}

export interface Namespace extends Known {
  readonly name: string;
  readonly labels: Bounded<Labels>;
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
    labels: labelsOf(labels),
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

function ownersOf(references: unknown): Pod['owners'] {
  const owners = list(references).flatMap(({ kind, name }) =>
    text(kind) === undefined || text(name) === undefined ? [] : [`${kind}/${name}`],
  );
  return bounded(Object.freeze(owners), owners);
}

function taintsOf(taints: unknown): Node['taints'] {
  const read = list(taints).map(({ key, value, effect }) =>
    Object.freeze({ key: text(key) ?? '', value: text(value) ?? '', effect: text(effect) ?? '' }),
  );
  return bounded(
    Object.freeze(read),
    read.map(({ key, value, effect }) => key + value + effect),
  );
}

const restartsOf = (status: Json): number =>
  statusesOf(status).reduce((sum, each) => sum + count(each.restartCount), 0);

export function readNode(object: unknown): Node | null {
  const { metadata, spec, status } = map(object);
  const identity = identityOf(map(metadata));
  if (identity === null) return null;
  const { conditions, nodeInfo } = map(status);
  return Object.freeze<Node>({
    ...identity,
    labels: labelsOf(map(metadata).labels),
    taints: taintsOf(map(spec).taints),
    conditions: texts(Object.fromEntries(list(conditions).map(({ type, status: is }) => [text(type) ?? '', is]))),
    info: texts(nodeInfo),
    createdAt: time(map(metadata).creationTimestamp),
  });
}

export function readNamespace(object: unknown): Namespace | null {
  const { metadata } = map(object);
  const identity = identityOf(map(metadata));
  return identity === null ? null : Object.freeze({ ...identity, labels: labelsOf(map(metadata).labels) });
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
