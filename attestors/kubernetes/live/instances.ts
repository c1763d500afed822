/** What a token's life hangs on, as the attestor names it: the pod, or the service account, with the node where it is bound to one. */
import type { ServiceAccountToken } from '../claims.js';

const pod = 'pod:';
const serviceAccount = 'serviceaccount:';
const node = '/node:';

export const podInstance = (uid: string): string => pod + uid;

export const serviceAccountInstance = (uid: string): string => serviceAccount + uid;

export function instanceOf(token: ServiceAccountToken): string {
  if (token.pod !== undefined) return podInstance(token.pod.uid);
  const account = serviceAccountInstance(token.serviceAccount.uid);
  return token.node?.uid === undefined ? account : `${account}${node}${token.node.uid}`;
}

/** Undefined: it is no pod. */
export const podUidOf = (instance: string): string | undefined =>
  instance.startsWith(pod) ? instance.slice(pod.length) : undefined;

/** Undefined: it is a pod. */
export const serviceAccountUidOf = (instance: string): string | undefined =>
  instance.startsWith(serviceAccount) ? instance.slice(serviceAccount.length).split(node)[0] : undefined;

/** Undefined: it is bound to no node, or to one by its pod. */
export const nodeUidOf = (instance: string): string | undefined =>
  instance.startsWith(serviceAccount) ? instance.split(node)[1] : undefined;
