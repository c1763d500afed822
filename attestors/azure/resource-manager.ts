/**
 * What no evidence says: that the virtual machine of a resource id is the one of a `vmId`. Azure Resource Manager is asked, by an
 * identity of ours that trusts a token of our own platform (workload identity federation): no secret is stored.
 */
import { readFile } from 'node:fs/promises';
import { Unavailable } from '../../src/errors.js';
import type { AttestorHost } from '../attestor.js';
import type { AzureOptions } from './options.js';
import { kindOf, type Resource } from './resource.js';

export interface ResourceManager {
  /** Gets the token that machines are asked for with. @throws Unavailable */
  ready(): Promise<void>;
  /** @throws Unavailable */
  isMachine(resource: Resource, vmId: string, signal: AbortSignal): Promise<boolean>;
}

interface ResourceManagerRoom {
  readonly tenant: string;
  /** The application id of our identity. */
  readonly client: string;
  /** The path of the token that it trusts; read anew each time, as platforms replace it. */
  readonly assertionFile: string;
  readonly host: Pick<AttestorHost, 'send' | 'now'>;
}

const origin = 'https://management.azure.com';
const apiVersion = 'api-version=2024-07-01';
const maxBytes = 4 * 1024 * 1024;
/** Of the list of a scale set's instances; a set has 1,000 at most. */
const maxPages = 10;
/** Seconds before its end that an access token is not used any more. */
const margin = 120;

type Json = Readonly<Record<string, unknown>>;

function createResourceManager(room: ResourceManagerRoom): ResourceManager {
  const { host } = room;
  let current: { readonly token: Promise<AccessToken>; readonly settled: () => AccessToken | undefined } | undefined;
  const bearer = async (): Promise<string> => {
    const known = current?.settled();
    if (current === undefined || (known !== undefined && host.now() >= known.until)) {
      let settled: AccessToken | undefined;
      const token = fetchToken(room);
      const own = { token, settled: () => settled };
      current = own;
      token.then(
        (value) => {
          settled = value;
        },
        () => {
          if (current === own) current = undefined;
        },
      );
    }
    return (await current.token).value;
  };
  const send = async (path: string, signal: AbortSignal) => {
    const headers = { authorization: `Bearer ${await bearer()}`, accept: 'application/json' };
    return host.send(`${origin}${path}`, { method: 'GET', headers, signal, maxBytes });
  };
  const get = async (path: string, signal: AbortSignal): Promise<Json | undefined> => {
    let { status, body } = await send(path, signal);
    if (status === 401) {
      // Revoked, or of a clock that was set back: another may be accepted.
      current = undefined;
      ({ status, body } = await send(path, signal));
    }
    if (status === 404) return undefined;
    if (status !== 200) throw unavailable(`GET of a virtual machine: the status is ${status}, not 200`);
    return parse(body, 'a virtual machine');
  };
  return Object.freeze<ResourceManager>({
    async ready() {
      await bearer();
    },
    async isMachine(resource, vmId, signal) {
      const isSet = kindOf(resource) === 'vmss' && !resource.type.endsWith('/virtualmachines');
      if (!isSet) return vmIdOf(await get(`${resource.id}?${apiVersion}`, signal)) === vmId;
      let path: string | undefined = `${resource.id}/virtualMachines?${apiVersion}`;
      for (let page = 0; page < maxPages && path !== undefined; page += 1) {
        const list: Json | undefined = await get(path, signal);
        if (Array.isArray(list?.value) && list.value.some((each) => vmIdOf(each) === vmId)) return true;
        path = nextPath(list?.nextLink);
      }
      return false;
    },
  });
}

/** By tenant. */
export function resourceManagersOf(
  { tenants }: AzureOptions,
  host: AttestorHost,
): ReadonlyMap<string, ResourceManager> {
  const all = Object.entries(tenants).flatMap(([tenant, { resourceManager }]) => {
    if (resourceManager === undefined) return [];
    const { client, assertion } = resourceManager;
    return [
      [tenant, createResourceManager({ tenant, client, assertionFile: host.path(assertion.file), host })] as const,
    ];
  });
  return new Map(all);
}

interface AccessToken {
  readonly value: string;
  /** Seconds since the epoch. */
  readonly until: number;
}

/** RFC 7523 §2.2, as Microsoft Entra has it. */
async function fetchToken({ tenant, client, assertionFile, host }: ResourceManagerRoom): Promise<AccessToken> {
  const assertion = await readFile(assertionFile, 'utf8').catch(({ code }: NodeJS.ErrnoException) => {
    throw unavailable(`${assertionFile} cannot be read (${code})`);
  });
  const now = host.now();
  const { status, body } = await host.send(`https://login.microsoftonline.com/${tenant}/oauth2/v2.0/token`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
    body: new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: client,
      scope: `${origin}/.default`,
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: assertion.trim(),
    }).toString(),
    // Of no one exchange: others wait for the same.
    signal: AbortSignal.timeout(5_000),
  });
  const answer = status === 200 ? parse(body, 'a token') : {};
  const { access_token: value, expires_in: lifetime } = answer;
  if (typeof value !== 'string' || !/^[\x21-\x7e]+$/.test(value) || typeof lifetime !== 'number') {
    throw unavailable(`Microsoft Entra gives ${client} no token for ${origin} (status ${status})`);
  }
  return { value, until: now + lifetime - margin };
}

function parse(body: Buffer, what: string): Json {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    if (typeof value === 'object' && value !== null) return value as Json;
  } catch {}
  throw unavailable(`the answer of ${what} is no JSON object`);
}

function vmIdOf(machine: unknown): string | undefined {
  const { properties } = (machine ?? {}) as { readonly properties?: { readonly vmId?: unknown } };
  return typeof properties?.vmId === 'string' ? properties.vmId.toLowerCase() : undefined;
}

/** @throws Unavailable for a page that is elsewhere: our token goes to nobody else */
function nextPath(link: unknown): string | undefined {
  if (link === undefined || link === null || link === '') return undefined;
  if (typeof link === 'string' && link.startsWith(`${origin}/subscriptions/`)) return link.slice(origin.length);
  throw unavailable('the next page of a scale set is not at the same place');
}

const unavailable = (what: string) => new Unavailable('resource_manager', `Azure Resource Manager: ${what}.`, 5);
