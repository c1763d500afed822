/**
 * What a plug-in implements, and what the host hands to it. A plug-in turns one kind of evidence into an attestation;
 * it decides nothing, signs nothing, records nothing. Also the public export `counterseal/attestor`.
 *
 * Times are seconds since the epoch, and may have a fraction.
 */
import type { z } from 'zod';

export { Rejected, Unavailable } from '../src/errors.js';

/** Seconds since the epoch, with a fraction. The only clock that a plug-in may read. */
export type Clock = () => number;

/** A JWT taken apart but **not yet verified**: good for routing and for the record, for nothing else. */
export interface UnverifiedJwt {
  readonly header: Readonly<Record<string, unknown>>;
  readonly claims: Readonly<Record<string, unknown>>;
  /** The bytes that were signed: `header.payload`, as they came. */
  readonly signingInput: string;
  readonly signature: Buffer;
  /** Set by the host where the grant allows it: `aud` may name who is expected as `of` by `alias`, too. `verifyJwt` sees to it. */
  readonly audienceAlias?: { readonly of: string; readonly alias: string };
}

/** What a workload shows (RFC 9334). */
export interface Evidence {
  /** The token type URI that came with it, such as `urn:ietf:params:oauth:token-type:jwt`. */
  readonly tokenType: string;
  /** As received, less white space at its end. Never log it, never put it into an error. */
  readonly token: string;
  /** Set by the host for token types without an `EvidenceForm`: those are JWTs. */
  readonly jwt?: UnverifiedJwt;
  /** Set by the host for token types with one: what its `parse` made of the token. */
  readonly content?: unknown;
}

/** Evidence of a form of its own, taken apart but **not yet verified**. With its token type, issuer and audience choose the attestor. */
export interface UnverifiedEvidence {
  readonly issuer: string;
  readonly audience: string;
  /** Handed to `attest` as `Evidence.content`. */
  readonly content: unknown;
}

/** The host's strict readers: what they take is read in the same way by every other parser. Each throws Rejected. */
export interface EvidenceReaders {
  /** A JSON object without repeated names, at most 16 levels deep; frozen. */
  object(bytes: Buffer): Readonly<Record<string, unknown>>;
  /** Base64url in its one canonical spelling, without padding (RFC 4648 §5). */
  base64url(text: string): Buffer;
  jwt(token: string): UnverifiedJwt;
}

/** Evidence that is no JWT: how the host takes it apart, once, and finds who verifies it. */
export interface EvidenceForm {
  /** A URI. No two attestor types have a form of one token type. */
  readonly tokenType: string;
  /** Whether `POST /challenge` gives nonces for it. Attestors say with `Attestation.nonce` which one came back. */
  readonly challenge: boolean;
  /** Pure. @throws Rejected for what is not of the form */
  parse(token: string, read: EvidenceReaders): UnverifiedEvidence;
}

/** Evidence goes to the attestor whose triple it carries; two attestors with one triple are refused at start. */
export interface Route {
  readonly tokenType: string;
  readonly issuer: string;
  readonly audience: string;
}

/** Whom an attestor's evidence stands for: one who asks, or a person for whom an agent asks. */
export type Role = 'workload' | 'delegator';

/** Why a fact is not known: the platform did not say, or a dependency did not answer. */
export type UnknownCause = 'missing' | 'unavailable';

export interface Fact {
  readonly value: unknown;
  /** Seconds since the epoch. */
  readonly observedAt: number;
}

/** How far the evidence binds to one running instance; `low` for a bearer that names no instance. */
export type Assurance = 'low' | 'medium' | 'high';

/** The verified result. The host checks its invariants and refuses to go on when one is broken. */
export interface Attestation {
  readonly attestor: string;
  /** A SPIFFE ID made by `host.spiffeId`. */
  readonly subject: string;
  /** What it may call itself as `client_id`, beside its subject. Left out: nothing else. */
  readonly clientId?: string;
  /** Values of `grant_type` that it may ask with. Left out: all. */
  readonly grantTypes?: readonly string[];
  /** What is revoked when it dies, such as `pod:UID`. */
  readonly instance: string;
  /** Null while unknown. */
  readonly environment: string | null;
  /** Made by `selector()`, sorted, without duplicates. */
  readonly selectors: readonly string[];
  /** Selector kinds (`k8s:node`) of which it is not known whether the workload has one: neither present nor absent. */
  readonly unknownSelectors: Readonly<Record<string, UnknownCause>>;
  /** As verified. */
  readonly claims: Readonly<Record<string, unknown>>;
  readonly facts: Readonly<Record<string, Fact>>;
  /** The evidence's own id, or a hash of its signed bytes. Never a hash of the whole token. */
  readonly evidenceId: string;
  /** True for evidence that may be redeemed once: the host claims it. False for platform tokens, which are re-sent. */
  readonly singleUse: boolean;
  /** A nonce of `POST /challenge` that was found in the signed part: the host checks it, and claims it. Left out: there was none. */
  readonly nonce?: string;
  readonly assurance: Assurance;
  /** When the platform made the evidence, by its signed word. Left out: `iat` of the claims, if they have one. */
  readonly issuedAt?: number;
  readonly attestedAt: number;
  /** The evidence is not accepted at or after this time. */
  readonly expiresAt: number;
  /** Caps the `exp` of whatever is issued on this attestation. */
  readonly vouchesUntil: number;
}

/** Where verification keys come from. Relative files are relative to the configuration file. */
export type KeySource =
  | { readonly file: string; readonly use?: KeyUse }
  | { readonly uri: string; readonly use?: KeyUse }
  /** The `jwks_uri` of the issuer's discovery document (OpenID Connect Discovery 1.0 §4, RFC 8414 §3), read anew at each load. */
  | { readonly issuer: string }
  | { readonly name: string; readonly load: (signal: AbortSignal) => Promise<unknown> };

/**
 * The `use` of the keys that count; others are ignored. `sig` (default): of RFC 7517 §4.2, or none. `jwt-svid`: of a SPIFFE
 * bundle, where every key says for which kind of SVID it is.
 */
export type KeyUse = 'sig' | 'jwt-svid';

/** Keys of one issuer, cached by the host: one flight, negative cache, limit on staleness. */
export interface KeySet {
  /** Loads the keys once at start; a failure is reported as a warning, and `verifyJwt` says *unavailable* until it works. */
  ready(): Promise<void>;
  status(): KeySetStatus;
  close(): void;
}

export interface KeySetStatus {
  /** Of the source, such as the file as it was named. */
  readonly name: string;
  /** How many are usable. */
  readonly keys: number;
  /** Since the last load that worked; null when none has. */
  readonly ageSeconds: number | null;
  /** Of the last load; null when it worked. Holds nothing that an upstream sent. */
  readonly lastError: string | null;
}

/** What a JWT may say to be: see `JwtExpectations`. */
export type JwtKind = 'evidence' | 'SVID' | 'client assertion' | 'ID-JAG';

export interface JwtExpectations {
  /** Undefined: no token that has an `iss` is accepted. Without `trustDomain`, every token needs one. */
  readonly issuer: string | undefined;
  /** The token is a JWT-SVID: `sub` has to be a SPIFFE ID of this trust domain, so that `iss` may be left out. */
  readonly trustDomain?: string | undefined;
  readonly audience: string;
  /** `refuse`: the token's `aud` holds ours and nothing else. */
  readonly otherAudiences: 'refuse' | 'allow';
  /** Seconds; a token whose `exp` − `iat` is greater is rejected. */
  readonly maxLifetime: number;
  /**
   * What the token may have of delegation (RFC 8693 §4): nothing (`refuse`, the default); `may_act`, of one for whom others act: it stays among
   * the claims, and the host holds the actor to it; `act`, of our own tokens only.
   */
  readonly delegation?: 'refuse' | 'may_act' | 'act';
  /**
   * What its `typ` may say to be (RFC 8725 §3.11). Default: `SVID` with a `trustDomain`, else `evidence`. A `client assertion` of one client need not name its
   * key where the client has one key of the algorithm.
   */
  readonly kind?: JwtKind;
  /** RFC 8725 §3.1, beside what the keys themselves allow. Default: every one of `verificationAlgorithms`. */
  readonly algorithms?: readonly VerificationAlgorithm[];
}

/** The signatures that `verifyJwt` knows (RFC 7518 §3.1, RFC 8037 §3.1). */
export const verificationAlgorithms = Object.freeze(['RS256', 'ES256', 'ES384', 'EdDSA'] as const);
export type VerificationAlgorithm = (typeof verificationAlgorithms)[number];

/** Claims that every accepted JWT has, with the forms already checked. */
export interface VerifiedJwt {
  readonly claims: Readonly<Record<string, unknown>>;
  readonly exp: number;
  readonly iat: number;
  /** By which name `aud` has the audience that was expected: as it was, or an alias of it that the grant allows. */
  readonly audience: string;
}

/** A request that an attestor makes of its platform. */
export interface OutboundRequest {
  readonly method: 'GET' | 'POST';
  /** A `host` among them replaces the one of the URL. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal: AbortSignal;
  /** Of the answer. Default 1 MiB. */
  readonly maxBytes?: number;
}

/** A request that belongs to a traced exchange, until there is an answer or none will come. */
export interface FollowedCall {
  /** W3C Trace Context §3.2: a header for whom the operator means to take part in the trace. */
  readonly traceparent: string;
  /** @param reason a code, where there is no answer that can be used @param status of the answer; null: there is none */
  ended(status: number | null, reason?: string): void;
}

/** Undefined: nobody traces it. Of the URL host and port are kept, and nothing else. */
export type FollowCall = (method: string, url: URL) => FollowedCall | undefined;

/** Whatever the status: redirects are not followed. */
export interface OutboundAnswer {
  readonly status: number;
  readonly contentType: string | null;
  readonly body: Buffer;
}

/** What the host hands to an attestor: nothing else of the service is reachable from a plug-in. */
export interface AttestorHost {
  readonly now: Clock;
  /** Our issuer identifier: the default audience of evidence. */
  readonly issuer: string;
  /** The deployment's environment: the default of a workload's. */
  readonly environment: string;
  keySet(source: KeySource, limits: { readonly maxStale: number }): KeySet;
  /** @throws Rejected, Unavailable */
  verifyJwt(jwt: UnverifiedJwt, keys: KeySet, expect: JwtExpectations): Promise<VerifiedJwt>;
  /**
   * The only way out: over https, or over http where the address is a loopback one; private addresses only where the
   * configuration names them. At most 5 s. @throws Unavailable, in which there is nothing that the other side sent
   */
  send(url: string, request: OutboundRequest): Promise<OutboundAnswer>;
  /** For requests by other ways than `send`, which follows its own: they become part of the exchange's trace. */
  readonly follow: FollowCall;
  /**
   * Whether `POST /challenge` gave the nonce out for such evidence, and it has not ended: cheap, for before what is dear. That it is good once is seen
   * to by the host, by `Attestation.nonce`. @throws Rejected `nonce_unknown`, `nonce_expired`
   */
  checkNonce(tokenType: string, nonce: string): void;
  /** `spiffe://TRUST-DOMAIN/ATTESTOR/…`, each segment encoded where SPIFFE does not allow it as it is. */
  spiffeId(...segments: readonly string[]): string;
  /** An absolute path for one that is relative to the configuration file. */
  path(relative: string): string;
  /** One line for operators; never with token bytes. */
  warn(message: string): void;
  /**
   * Says that a workload is gone, or is not trusted any more: tokens that were issued to it until now stop being active.
   * Never rejects: the host tries again until its store has it. @param reason a stable code, such as `pod_deleted`
   */
  ended(instance: string, reason: string): void;
  /** Instances of this attestor that may hold tokens which are still active, those of earlier runs and other processes included. */
  instances(): readonly string[];
}

/** Given with each call of `attest`. */
export interface AttestCall {
  /** Aborts at the host's deadline; made only when asked for, so a call without I/O pays nothing. */
  signal(): AbortSignal;
}

/** What an attestor keeps of its platform, so that an exchange need not ask: for `/readyz` and the metrics. */
export interface Watched {
  /** Such as `pods`. */
  readonly kind: string;
  /** False: what depends on it is unknown at present. */
  readonly known: boolean;
  /** Seconds since it was known to be complete; null: never yet. */
  readonly age: number | null;
  readonly objects: number;
}

export interface Attestor {
  /** Its key in the configuration. */
  readonly name: string;
  readonly accepts: readonly Route[];
  /** @throws Rejected (the evidence's fault), Unavailable (a dependency's) */
  attest(evidence: Evidence, call: AttestCall): Promise<Attestation>;
  /** Left out by attestors that keep nothing. */
  watched?(): readonly Watched[];
  close(): Promise<void>;
}

/** What a block of the configuration comes to, told before anything is opened. Paths are within the block. */
export interface AttestorPlan {
  /** The routes that the attestor will accept. */
  readonly accepts: readonly Route[];
  /** The `client_id`s that the block registers, which no other attestor has. Left out: none. */
  readonly clientIds?: readonly string[];
  /** What is wrong with the options only because of our defaults. */
  readonly faults: readonly { readonly path: readonly string[]; readonly message: string }[];
  /** Files without which `create` fails. */
  readonly files: readonly PlannedFile[];
}

export interface PlannedFile {
  readonly path: readonly string[];
  readonly file: string;
  /** What is wrong with what it holds, in words without any of it; null: nothing. Left out: it has to be there, and no more. */
  readonly fault?: (text: string) => string | null;
}

/** One entry of `attestors/index.ts`. */
export interface AttestorType<Options = unknown> {
  /** The `type` of the configuration. */
  readonly type: string;
  /** Kinds that its selectors may have, such as `k8s:ns`: a rule that names another is refused at load. */
  readonly selectorKinds: readonly string[];
  /** The one of them that names the machine a workload runs on, such as `k8s:node`. Left out: nothing tells it. */
  readonly nodeKind?: string;
  /** The kinds that a block adds to these by its options. Left out by types whose kinds are always the same. */
  mappedKinds?(options: Options): readonly string[];
  /** Kinds of which no workload has two selectors, for `counterseal policy lint`. Left out: none is known to be so. */
  readonly singleKinds?: readonly string[];
  /** What is wrong with a selector in a rule that no workload can have, and what to write; null: nothing. Left out: all may be had. */
  selectorFault?(selector: string): string | null;
  /**
   * What would pin a grant to workloads with these selectors, in words that go before "would pin it", where all that names them may
   * become somebody else's, as names do. Null: there is nothing to tell. For `counterseal policy lint`; left out: nothing is told.
   */
  pinFor?(selectors: readonly string[], options: Options): string | null;
  /** The host refuses a delegator's evidence where a workload has to ask. Left out by types that attest workloads only. */
  role?(options: Options): Role;
  /** Whether a delegator's `scope` limits what is granted to who acts for it. Left out: it does not. */
  limitsScope?(options: Options): boolean;
  /** Of the evidence that it takes beside JWTs. */
  readonly forms?: readonly EvidenceForm[];
  /** Names that its facts may have, such as `posture.kubelet`: a condition that reads another is refused at load. */
  readonly facts: readonly string[];
  /** Those of them that a block with these options can supply, for `counterseal policy lint`. Left out where options make no difference. */
  suppliedFacts?(options: Options): readonly string[];
  /** The highest assurance that a block with these options can give, for `counterseal policy lint`. Left out: nothing is told. */
  highestAssurance?(options: Options): Assurance;
  /** Validates the block of the configuration, less `type`; the source of its JSON Schema. */
  readonly options: z.ZodType<Options>;
  /** The same at load and at start. @param issuer our issuer identifier: the default audience of evidence */
  plan(options: Options, issuer: string): AttestorPlan;
  /** Called by the host only where `plan` has no faults. */
  create(name: string, options: Options, host: AttestorHost): Promise<Attestor>;
  /**
   * For `counterseal doctor`: tries step by step what the attestor needs of its platform, and changes nothing there. What is
   * wrong is a finding, never an error; no finding has a token or a key. Left out by types that need nothing.
   */
  examine?(name: string, options: Options, host: AttestorHost): AsyncIterable<Finding>;
}

/** What one step of an examination came to. */
export type Finding = { readonly step: string } & (
  | { readonly outcome: 'ok'; readonly message: string }
  /** `fix`: what the operator does next. */
  | { readonly outcome: 'failed'; readonly message: string; readonly fix: string }
  /** `message`: why. */
  | { readonly outcome: 'skipped'; readonly message: string }
);

/**
 * A selector from its parts: `selector('k8s', 'ns', 'agents')` is `k8s:ns:agents`. `%` and `:` are percent-encoded in
 * every part but the last, so that no value can pass for another kind.
 */
export function selector(...parts: readonly [string, string, ...string[]]): string {
  const last = parts.length - 1;
  return parts.map((part, index) => (index === last ? part : encodePart(part))).join(':');
}

function encodePart(part: string): string {
  return part.includes('%') || part.includes(':') ? part.replaceAll('%', '%25').replaceAll(':', '%3A') : part;
}
