/** A request of a case, with everything in it that is known only now. */
import { createHash } from 'node:crypto';
import type { Form, Request, Value } from './case.js';
import type { HttpRequest } from './http.js';
import type { Client } from './profile.js';
import { endpointOf, type World } from './world.js';

type Pairs = readonly (readonly [name: string, value: string])[];

const formType = 'application/x-www-form-urlencoded';

export async function makeRequest(request: Request, world: World): Promise<HttpRequest> {
  const { to, method = 'POST', formIn = 'body', headers = [] } = request;
  const url = typeof to === 'function' ? to(world) : await endpointOf(world, to);
  const own = (await Promise.all(headers.map(([name, value]) => pairsOf({ [name]: value }, world)))).flat();
  const form = await pairsOf(typeof request.form === 'function' ? request.form(world) : (request.form ?? {}), world);
  const client = clientOf(request, world, form, own);
  const parameters = [...form, ...client.parameters];
  const query = [...(await pairsOf(request.query ?? {}, world)), ...(formIn === 'query' ? parameters : [])];
  const contentType =
    request.contentType === undefined ? (formIn === 'json' ? 'application/json' : formType) : request.contentType;
  return Object.freeze({
    method,
    url: query.length === 0 ? url : `${url}${url.includes('?') ? '&' : '?'}${encoded(query)}`,
    headers: [
      ...(method === 'GET' || contentType === null ? [] : ([['Content-Type', contentType]] as const)),
      ...client.headers,
      ...own,
    ],
    body: bodyOf(formIn, parameters),
  });
}

function bodyOf(formIn: Request['formIn'], parameters: Pairs): string {
  if (formIn === 'query') return '';
  return formIn === 'json' ? JSON.stringify(Object.fromEntries(parameters)) : encoded(parameters);
}

const encoded = (pairs: Pairs) =>
  new URLSearchParams(pairs.map(([name, value]): [string, string] => [name, value])).toString();

async function pairsOf(form: Form, world: World): Promise<Pairs> {
  const pairs: (readonly [string, string])[] = [];
  for (const [name, given] of Object.entries(form)) {
    const values: readonly (Value | undefined)[] = Array.isArray(given) ? given : [given as Value | undefined];
    for (const value of values) {
      const known = typeof value === 'function' ? await value(world) : value;
      if (known !== undefined) pairs.push([name, known]);
    }
  }
  return pairs;
}

/** RFC 6749 §2.3: in one way, and not where the request says who asks in another. */
function clientOf({ to, asClient = to === 'token' }: Request, { profile, redact }: World, form: Pairs, headers: Pairs) {
  const none = { parameters: [] as Pairs, headers: [] as Pairs };
  const { client } = profile;
  const isNamed = form.some(([name]) => name === 'client_id' || name === 'client_assertion');
  if (!asClient || client === undefined || isNamed || headers.some(([name]) => name === 'Authorization')) return none;
  if (client.secret === undefined) return { ...none, parameters: [['client_id', client.id]] as Pairs };
  const credentials = basic(client.id, client.secret);
  for (const secret of [client.secret, credentials.slice('Basic '.length)]) redact.learn(secret);
  return { ...none, headers: [['Authorization', credentials]] as Pairs };
}

/** RFC 6749 §2.3.1: both are form-encoded first. */
export const basic = (id: string, secret: string): string =>
  `Basic ${Buffer.from(`${encodeForm(id)}:${encodeForm(secret)}`).toString('base64')}`;

const encodeForm = (text: string) => new URLSearchParams([['', text]]).toString().slice(1);

export const basicOf = ({ id, secret = '' }: Client): string => basic(id, secret);

export const sha256 = (text: string): string => createHash('sha256').update(text).digest('base64url');
