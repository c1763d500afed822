/** A service with a resource server that may introspect, and how that one asks. */
import { createHash } from 'node:crypto';
import {
  type Answer,
  calendar,
  issuer,
  postForm,
  type ServiceOptions,
  send,
  startService,
  type TestService,
} from './service.js';

export const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

export const clients = `clients:
  calendar-api:
    workload: { attestor: prod-eu, selectors: ["k8s:ns:servers", "k8s:sa:calendar-api"] }
    introspect: ["${calendar}"]`;

export const startWithClients = (options: ServiceOptions = {}): Promise<TestService> =>
  startService({ more: clients, ...options });

/** The platform's token of the resource server's own pod. */
export const callerToken = (service: TestService, serviceAccount = 'calendar-api'): Promise<string> =>
  service.token({ namespace: 'servers', serviceAccount });

/** A good request, with parameters changed, or left out when undefined. */
export async function introspect(
  service: TestService,
  changes: Readonly<Record<string, string | readonly string[] | undefined>>,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const form = { client_assertion_type: assertionType, client_assertion: await callerToken(service), ...changes };
  const sent = Object.entries(form).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]));
  return postForm(`${service.url}/introspect`, Object.fromEntries(sent), headers);
}

export async function getRevocations(service: TestService, headers: Record<string, string> = {}): Promise<Answer> {
  const Authorization = `Bearer ${await callerToken(service)}`;
  return send(`${service.url}/revocations`, { headers: { Authorization, ...headers } });
}

/** Exchanges the token of a pod of calendar-agent, unless said otherwise. */
export async function accessToken(
  service: TestService,
  claims: Parameters<TestService['token']>[0] = {},
  resource = calendar,
): Promise<string> {
  const subject_token = await service.token({ audience: issuer, ...claims });
  return String((await service.exchange({ subject_token, resource })).body.access_token);
}

/** As the list has it. */
export const hashOf = (attestor: string, instance: string): string =>
  createHash('sha256').update(`${attestor}/${instance}`).digest('base64url');
