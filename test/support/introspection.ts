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

type Changes = Readonly<Record<string, string | readonly string[] | undefined>>;

/** A good request, with parameters changed, or left out when undefined. */
export async function introspect(
  service: TestService,
  changes: Changes,
  headers: Record<string, string> = {},
): Promise<Answer> {
  return postForm(`${service.url}/introspect`, await formOf(service, changes), headers);
}

/** The same at `POST /revoke`, of a pod of calendar-agent. */
export async function revoke(
  service: TestService,
  changes: Changes,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const form = await formOf(service, { client_assertion: await service.token(), ...changes });
  return postForm(`${service.url}/revoke`, form, headers);
}

/** As `introspect`, asking for a JWT. */
export async function introspectAsJwt(
  service: TestService,
  changes: Readonly<Record<string, string | undefined>>,
): Promise<{ readonly status: number; readonly headers: Headers; readonly text: string }> {
  const body = new URLSearchParams((await formOf(service, changes)) as Record<string, string>);
  const headers = { Accept: 'application/token-introspection+jwt' };
  const response = await fetch(`${service.url}/introspect`, { method: 'POST', body, headers });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

async function formOf(service: TestService, changes: Changes) {
  const form = { client_assertion_type: assertionType, client_assertion: await callerToken(service), ...changes };
  const sent = Object.entries(form).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]));
  return Object.fromEntries(sent);
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
