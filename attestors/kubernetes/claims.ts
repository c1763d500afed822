/** What a verified token says: the claims that every projected token has, checked strictly. */
import { Rejected } from '../../src/errors.js';
import { readJti } from '../evidence-id.js';

/** A Kubernetes object: its name may be used again, its uid never. */
interface Reference {
  readonly name: string;
  readonly uid: string;
}

/** The API server leaves out the uid when it could not read the node. */
type NodeReference = Pick<Reference, 'name'> & { readonly uid: string | undefined };

export interface ServiceAccountToken {
  readonly sub: string;
  readonly namespace: string;
  readonly serviceAccount: Reference;
  /** Left out: the token is bound to no pod. */
  readonly pod: Reference | undefined;
  /** Left out by clusters before 1.32, and for a pod that has no node yet. */
  readonly node: NodeReference | undefined;
  readonly jti: string | undefined;
  /** Bound to a Secret: whoever deletes that means to end the token, which only a review sees. */
  readonly isBoundToSecret: boolean;
}

/** RFC 1123 label, as namespaces are named. */
const label = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
/** RFC 1123 subdomain, as service accounts, pods and nodes are named; at most 253 characters. */
const subdomain = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/;
const uid = /^[A-Za-z0-9-]{1,64}$/;

type Claims = Readonly<Record<string, unknown>>;

/** @throws Rejected when a claim is missing, has another form, or disagrees with `sub` */
export function readServiceAccountToken(claims: Claims): ServiceAccountToken {
  const kubernetes = claims['kubernetes.io'];
  if (kubernetes === undefined) {
    throw new Rejected(
      'kubernetes_claim_missing',
      'The token has no kubernetes.io claim, so it is no projected service account token.',
    );
  }
  if (!isObject(kubernetes)) throw malformed('kubernetes.io is not an object');
  const namespace = kubernetes.namespace;
  if (typeof namespace !== 'string' || !label.test(namespace)) throw malformed('namespace is not the name of one');
  const serviceAccount = reference(kubernetes, 'serviceaccount');
  if (serviceAccount === undefined) throw malformed('serviceaccount is missing');
  const sub = `system:serviceaccount:${namespace}:${serviceAccount.name}`;
  if (claims.sub !== sub)
    throw new Rejected('subject_disagrees', `sub is not ${sub}, which the kubernetes.io claim names.`);
  return {
    sub,
    namespace,
    serviceAccount,
    pod: reference(kubernetes, 'pod'),
    node: nodeReference(kubernetes, 'node'),
    jti: readJti(claims.jti),
    isBoundToSecret: kubernetes.secret !== undefined,
  };
}

function reference(kubernetes: Claims, key: string): Reference | undefined {
  const found = nodeReference(kubernetes, key);
  if (found === undefined) return undefined;
  if (found.uid === undefined) throw malformed(`${key}.uid is missing`);
  return { name: found.name, uid: found.uid };
}

function nodeReference(kubernetes: Claims, key: string): NodeReference | undefined {
  const value = kubernetes[key];
  if (value === undefined) return undefined;
  if (!isObject(value)) throw malformed(`${key} is not an object`);
  if (typeof value.name !== 'string' || value.name.length > 253 || !subdomain.test(value.name)) {
    throw malformed(`${key}.name is not the name of one`);
  }
  if (value.uid === undefined) return { name: value.name, uid: undefined };
  if (typeof value.uid !== 'string' || !uid.test(value.uid)) throw malformed(`${key}.uid is not a uid`);
  return { name: value.name, uid: value.uid };
}

const isObject = (value: unknown): value is Claims =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const malformed = (what: string) => new Rejected('kubernetes_claim_malformed', `In the kubernetes.io claim, ${what}.`);
