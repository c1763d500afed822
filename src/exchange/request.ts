/** Stage 1: the wire request is parsed once, here; from here on every grant type is the same value. */
import type { Evidence } from '../../attestors/attestor.js';
import { type Fault, Refusal } from '../errors.js';
import type { Asked } from '../policy/facts.js';
import { scrub } from '../text.js';
import type { AudienceRule } from './audience.js';
import { readAuthorizationDetails } from './authorization-details.js';
import { type ClaimedClient, readClient } from './client.js';
import { type Form, readForm } from './form.js';
import type { GrantType } from './grants/grant-type.js';
import { grantTypes } from './grants/index.js';
import type { WireBody, WireRequest } from './wire.js';

export interface TokenRequest {
  readonly grantType: string;
  /** Of who asks. */
  readonly evidence: Evidence;
  /** For whom; null: for itself. */
  readonly delegator: Evidence | null;
  /** What the client is told when the evidence is at fault: RFC 8693 and RFC 7523 differ. */
  readonly evidenceFault: Fault;
  /** What the grant asks of the audience of the evidence. */
  readonly audience: AudienceRule;
  /** Null: an answer of the grant has none. */
  readonly issuedTokenType: string | null;
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

export function readRequest(form: Form, authorization: string | undefined): TokenRequest {
  const name = form.values.get('grant_type');
  if (name === undefined) throw new Refusal('parameter_missing', 'grant_type_missing', 'grant_type is missing.');
  const grantType = grantTypes.get(name);
  if (grantType === undefined) {
    throw new Refusal('grant_type_unsupported', 'grant_type_unsupported', `grant_type is ${quote(name)}.`);
  }
  return Object.freeze({
    grantType: name,
    evidence: readEvidence(grantType, form),
    delegator: grantType.readDelegator?.(form) ?? null,
    evidenceFault: grantType.evidenceFault,
    audience: grantType.audience,
    issuedTokenType: grantType.issuedTokenType,
    client: readClient(form, authorization, grantType.evidenceIn),
    asked: readAsked(form),
  });
}

/** What is evidence for another grant is not ignored: whoever sent both meant something else by it than we would. */
function readEvidence(grantType: GrantType, form: Form): Evidence {
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
  return grantType.readEvidence(form);
}

function readAsked(form: Form): Asked {
  const resource = readTarget(form);
  const authorizationDetails = readAuthorizationDetails(form, resource);
  return Object.freeze({
    resource,
    scope: readScope(form),
    ...(authorizationDetails && { authorizationDetails }),
  });
}

/** RFC 8707 §2 and RFC 8693 §2.1; one target, so that a token has one audience (RFC 9700 §2.3). */
function readTarget(form: Form): string | null {
  const targets = new Set([...form.resource, ...form.audience]);
  const [target, ...more] = targets;
  if (target === undefined) return null;
  if (more.length > 0) throw targetMalformed('targets_differ', `${targets.size} different targets were named.`);
  if (target.length > maxName || !isAbsoluteUri(target) || scrub(target) !== target) {
    throw targetMalformed('target_malformed', `${quote(target)} is not an absolute URI without a fragment.`);
  }
  return target;
}

const targetMalformed = (reason: string, detail: string) => new Refusal('target_malformed', reason, detail);

function isAbsoluteUri(text: string): boolean {
  return /^[A-Za-z][A-Za-z0-9+.-]*:[^#\s\\"<>^`{|}]+$/.test(text);
}

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
