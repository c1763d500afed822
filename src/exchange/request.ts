/** Stage 1: the wire request is parsed once, here; from here on every grant type is the same value. */
import type { Evidence } from '../../attestors/attestor.js';
import { Refusal } from '../errors.js';
import type { Asked } from '../policy/facts.js';
import type { TokenType } from '../policy/token-type.js';
import { scrub } from '../text.js';
import { readAuthorizationDetails } from './authorization-details.js';
import { type ClaimedClient, type Drafts, readClient, type Shown } from './client.js';
import { type Form, readForm } from './form.js';
import type { GrantType } from './grants/grant-type.js';
import { grantTypes } from './grants/index.js';
import type { WireBody, WireRequest } from './wire.js';

export interface TokenRequest {
  readonly grantType: string;
  /** Of who asks. */
  readonly asker: Shown;
  /** For whom; null: for itself. */
  readonly delegator: Evidence | null;
  /** Whether an answer of the grant has `issued_token_type`. */
  readonly namesTokenType: boolean;
  readonly asked: Asked;
  /** Null when the client did not identify itself; its evidence does. */
  readonly client: ClaimedClient | null;
}

/** Longest target and scope token, in characters, that the configuration can hold. */
const maxName = 512;
const maxScopeTokens = 100;
const formType = /^application\/x-www-form-urlencoded[ \t]*(?:;[ \t]*charset[ \t]*=[ \t]*"?utf-8"?[ \t]*)?$/i;

/** Method, query, media type and size (RFC 6749 §3.2). */
export function readBody(wire: WireRequest): Form {
  if (wire.method !== 'POST') throw new Refusal('method_not_allowed', 'method_not_allowed', 'The method is not POST.');
  if (wire.repeatedHeader) {
    throw new Refusal('header_repeated', 'header_repeated', 'Authorization or Content-Type came more than once.');
  }
  if (wire.query !== '') throw new Refusal('query_not_allowed', 'query_not_allowed', 'The request has a query.');
  if (wire.contentEncoding !== undefined || wire.contentType === undefined || !formType.test(wire.contentType)) {
    throw new Refusal('body_not_form', 'content_type', `Content-Type is ${quote(wire.contentType ?? 'absent')}.`);
  }
  const { body } = wire;
  if (typeof body === 'string') throw bodyFaults[body]();
  return readForm(body);
}

const bodyFaults: Readonly<Record<Exclude<WireBody, Buffer>, () => Refusal>> = {
  too_large: () => new Refusal('body_too_large', 'body_too_large', 'The body is over 64 KiB.'),
  incomplete: () => new Refusal('body_incomplete', 'body_incomplete', 'The body was cut off, or came too slowly.'),
  too_many: () => new Refusal('overloaded', 'overloaded', 'Too many unfinished bodies are held at once.'),
};

/** What there is to be had of what a request may name. */
export interface Spoken {
  readonly drafts: Drafts;
  /** The types of token that are issued. */
  readonly issued: ReadonlySet<TokenType>;
}

export function readRequest(form: Form, authorization: string | undefined, { drafts, issued }: Spoken): TokenRequest {
  const name = form.values.get('grant_type');
  if (name === undefined) throw new Refusal('parameter_missing', 'grant_type_missing', 'grant_type is missing.');
  const grantType = grantTypes.get(name);
  if (grantType === undefined) {
    throw new Refusal('grant_type_unsupported', 'grant_type_unsupported', `grant_type is ${quote(name)}.`);
  }
  checkOthers(grantType, form);
  const { claimed, authentication } = readClient(form, authorization, drafts);
  return Object.freeze({
    grantType: name,
    ...grantType.read(form, authentication, drafts),
    namesTokenType: grantType.namesTokenType,
    client: claimed,
    asked: readAsked(form, grantType.readTokenType?.(form, issued) ?? 'access_token'),
  });
}

/** What is evidence for another grant is not ignored: whoever sent both meant something else by it than we would. */
function checkOthers(grantType: GrantType, form: Form): void {
  for (const { evidenceIn, name } of grantTypes.values()) {
    if (name === grantType.name || evidenceIn.includes('client_assertion')) continue;
    const found = evidenceIn.find((parameter) => form.values.has(parameter));
    if (found !== undefined) {
      throw new Refusal(
        'parameter_of_another_grant',
        'parameter_of_another_grant',
        `${found} is of the grant ${name}.`,
      );
    }
  }
}

function readAsked(form: Form, tokenType: TokenType): Asked {
  const resource = readTarget(form);
  const authorizationDetails = readAuthorizationDetails(form, resource);
  return Object.freeze({
    resource,
    scope: readScope(form),
    ...(tokenType !== 'access_token' && { tokenType }),
    ...(authorizationDetails && { authorizationDetails }),
  });
}

/** RFC 8707 §2 and RFC 8693 §2.1; one target, so that a token has one audience (RFC 9700 §2.3). */
function readTarget(form: Form): string | null {
  const targets = new Set([...form.resource, ...form.audience]);
  const [target, ...more] = targets;
  if (target === undefined) return null;
  if (more.length > 0) throw targetMalformed('targets_differ', `${targets.size} different targets were named.`);
  if (target.length > maxName || !isName(target) || scrub(target) !== target) {
    throw targetMalformed('target_malformed', `${quote(target)} is no name of a target.`);
  }
  if (form.resource.length > 0 && !isAbsoluteUri(target)) {
    throw targetMalformed('target_malformed', `${quote(target)} is not an absolute URI without a fragment.`);
  }
  return target;
}

const targetMalformed = (reason: string, detail: string) => new Refusal('target_malformed', reason, detail);

/** RFC 8693 §2.1: an audience may be a logical name, a resource may not. */
const isName = (text: string): boolean => /^[^#\s\\"<>^`{|}]+$/.test(text);

const isAbsoluteUri = (text: string): boolean => /^[A-Za-z][A-Za-z0-9+.-]*:./.test(text);

/** RFC 6749 §3.3: `scope-token *( SP scope-token )`. */
function readScope(form: Form): readonly string[] | null {
  const scope = form.values.get('scope');
  if (scope === undefined) return null;
  const tokens = scope.split(' ');
  const malformed = tokens.length > maxScopeTokens || tokens.some((token) => !isScopeToken(token));
  if (malformed) throw new Refusal('scope_malformed', 'scope_malformed', `scope is ${quote(scope)}.`);
  return Object.freeze([...new Set(tokens)]);
}

function isScopeToken(token: string): boolean {
  return token.length <= maxName && /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(token) && scrub(token) === token;
}

const quote = (text: string) => JSON.stringify(scrub(text));
