/** What a cluster's API server says about itself and about us: asked by `doctor` and `cluster add`, never by an exchange. */
import { z } from 'zod';
import { Unavailable } from '../../src/errors.js';
import { printable } from '../options.js';
import type { Connection, Operation } from './connection.js';
import type { Permission } from './permissions.js';

const everyAccount =
  'bind the ClusterRole system:basic-user to the group system:authenticated, as Kubernetes does itself';

const whoAmI: Operation = {
  method: 'POST',
  path: '/apis/authentication.k8s.io/v1/selfsubjectreviews',
  accept: 'application/json',
  permission: `it does not know who we are: give the kubeconfig's user a credential; if it has one, ${everyAccount}`,
  body: { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' },
  // Clusters before 1.28.
  orStatus: 404,
};

const readDiscovery: Operation = {
  method: 'GET',
  path: '/.well-known/openid-configuration',
  accept: 'application/json',
  permission: 'bind the ClusterRole system:service-account-issuer-discovery to our user there',
};

const mayWe = (permission: Permission): Operation => ({
  method: 'POST',
  path: '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
  accept: 'application/json',
  permission: everyAccount,
  body: {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SelfSubjectAccessReview',
    spec: 'path' in permission ? { nonResourceAttributes: permission } : { resourceAttributes: permission },
  },
});

const account = z.object({ status: z.object({ userInfo: z.object({ username: z.string().min(1).max(512) }) }) });
/** Printed, and written into configurations: nothing that a terminal would act on. */
const discovery = z.object({ issuer: z.url().max(512).regex(printable) });
const access = z.object({ status: z.object({ allowed: z.boolean() }) });

/** The user as which the API server knows us; undefined where it is too old to say so. @throws Unavailable */
export async function ourUser(connection: Connection, signal: AbortSignal): Promise<string | undefined> {
  const answer = await connection.ask(whoAmI, signal);
  return answer === null ? undefined : read(account, answer, 'a SelfSubjectReview').status.userInfo.username;
}

/** The `iss` of the tokens that the cluster makes now. @throws Unavailable */
export async function clusterIssuer(connection: Connection, signal: AbortSignal): Promise<string> {
  return read(discovery, await connection.ask(readDiscovery, signal), 'a discovery document with an issuer').issuer;
}

/** In all namespaces. @throws Unavailable */
export async function isAllowed(connection: Connection, permission: Permission, signal: AbortSignal): Promise<boolean> {
  const answer = await connection.ask(mayWe(permission), signal);
  return read(access, answer, 'a SelfSubjectAccessReview').status.allowed;
}

/** The API server's clock in whole seconds since the epoch; undefined when it does not tell. @throws Unavailable */
export const clock = (connection: Connection, signal: AbortSignal): Promise<number | undefined> =>
  connection.date(whoAmI, signal);

function read<Value>(schema: z.ZodType<Value>, answer: unknown, what: string): Value {
  const parsed = schema.safeParse(answer);
  if (parsed.success) return parsed.data;
  throw new Unavailable('api_unreadable', `the API server's answer is not ${what}: check its address`);
}
