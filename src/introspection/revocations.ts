/**
 * `GET /revocations`: what a resource server needs to refuse revoked tokens without asking for each of them. The list is
 * short: what was revoked and has not expired, for the caller's resources only, as hashes.
 */
import { hash, randomUUID } from 'node:crypto';
import type { Evidence } from '../../attestors/attestor.js';
import { jwtType } from '../../attestors/token-types.js';
import { Refusal } from '../errors.js';
import { basicCredentials, secretOf } from '../exchange/client.js';
import { jsonResponse } from '../exchange/response.js';
import type { WireResponse } from '../exchange/wire.js';
import type { ListedEnding } from '../revocation/endings.js';
import type { Revocation } from '../revocation/revocation.js';
import { authenticate, type CallerRoom } from './caller.js';
import { withNonce } from './proof.js';

export interface RevocationsRoom extends CallerRoom {
  readonly issuer: string;
  readonly revocation: CallerRoom['revocation'] & Pick<Revocation, 'list'>;
}

export interface RevocationsRequest {
  readonly method: string;
  readonly authorization: string | undefined;
  /** Whether Authorization came more than once. */
  readonly repeatedHeader: boolean;
  readonly ifNoneMatch: string | undefined;
  /** Left out: there was none. */
  readonly dpop?: string | undefined;
  readonly address: string;
}

/** What whoever is no caller is told. */
const fault = 'bearer_invalid';

/** Kept by the caller alone, and asked for again each time: an unchanged list costs a 304. */
const caching = Object.freeze({ 'Cache-Control': 'private, no-cache', Vary: 'Authorization' });

/** @throws Refusal */
export async function revocations(room: RevocationsRoom, request: RevocationsRequest): Promise<WireResponse> {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    throw new Refusal('read_only', 'method_not_allowed', 'The method is neither GET nor HEAD.');
  }
  const { method, dpop, address } = request;
  const { evidence, token } = readEvidence(request);
  const shown = { evidence, claimed: null, requestId: randomUUID(), fault, dpop, address } as const;
  const { resources } = await authenticate(room, { ...shown, proven: { method, token } });
  const { instances, subjects, tokens } = room.revocation.list(resources);
  const answer = jsonResponse({
    issuer: room.issuer,
    instances: sorted(instances.map(listedEnding)),
    subjects: sorted(subjects.map(listedEnding)),
    tokens: sorted(tokens.map(({ id, until }) => ({ hash: hashOf(id), until: Math.ceil(until) }))),
  });
  const etag = `"${hash('sha256', answer.body, 'base64url')}"`;
  const headers = { 'Content-Type': answer.headers['Content-Type'] ?? '', ...caching, ETag: etag };
  const isKnown = matches(request.ifNoneMatch, etag);
  return withNonce(room, dpop, isKnown ? { status: 304, headers, body: '' } : { ...answer, headers });
}

interface ShownAlone {
  readonly evidence: Evidence;
  /** What a proof is beside (RFC 9449 §7.1). */
  readonly token: string;
}

/** RFC 6750 §2.1, or with a proof RFC 9449 §7.1, or a client's secret; not a form: a GET has no body. */
function readEvidence({ authorization = '', repeatedHeader, dpop }: RevocationsRequest): ShownAlone {
  if (repeatedHeader) throw new Refusal('header_repeated', 'header_repeated', 'Authorization came more than once.');
  const credentials = basicCredentials(authorization);
  const [, scheme, token] = /^(bearer|dpop) +([A-Za-z0-9\-._~+/]+=*)$/i.exec(authorization) ?? [];
  const isProven = scheme?.toLowerCase() === 'dpop';
  if (isProven && dpop === undefined) {
    throw new Refusal(
      'dpop_proof_missing',
      'proof_missing',
      'Authorization has the scheme DPoP, and there is no proof.',
    );
  }
  if (!isProven && dpop !== undefined) {
    throw new Refusal(fault, 'scheme_not_dpop', 'There is a proof, and Authorization has another scheme than DPoP.');
  }
  if (credentials !== undefined) return { evidence: secretOf(credentials).evidence, token: credentials };
  if (token === undefined) throw new Refusal(fault, 'bearer_missing', 'Authorization is missing or another.');
  return { evidence: Object.freeze({ tokenType: jwtType, token }), token };
}

/** @param key `ATTESTOR/INSTANCE`, as the token's `attestation` claim has them, or a `sub`. @returns whole seconds */
function listedEnding({ key, before, until }: ListedEnding) {
  return { hash: hashOf(key), before: Math.floor(before), until: Math.ceil(until) };
}

const hashOf = (text: string): string => hash('sha256', text, 'base64url');

const sorted = <Entry extends { readonly hash: string }>(entries: readonly Entry[]): readonly Entry[] =>
  [...entries].sort((one, other) => (one.hash < other.hash ? -1 : 1));

/** RFC 9110 §13.1.2: a list of tags, or any; compared weakly. */
function matches(ifNoneMatch: string | undefined, etag: string): boolean {
  const tags = (ifNoneMatch ?? '').split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  return tags.includes('*') || tags.includes(etag);
}
