/** What a decision is made from. Plain frozen data: the record holds all of it, so the decision can be made again. */
import type { Assurance, UnknownCause } from '../../attestors/attestor.js';
import type { AuthorizationDetails } from '../authorization-details/details.js';
import type { TokenType } from './token-type.js';

/** Null: the attestor gave something that is none of these. */
export type FactValue = boolean | number | string | readonly string[] | null;

/** As JSON has it. */
export type ClaimValue =
  | boolean
  | number
  | string
  | null
  | readonly ClaimValue[]
  | { readonly [name: string]: ClaimValue };

export interface ObservedFact {
  readonly value: FactValue;
  /** Seconds since the epoch. */
  readonly observedAt: number;
}

export interface WorkloadFacts {
  readonly attestor: string;
  /** Null while unknown. */
  readonly environment: string | null;
  readonly selectors: readonly string[];
  /**
   * Why something is not known: selector kinds of which it is not known whether the workload has one, `environment`, and names of facts such as
   * `posture.edr.healthy` and `external.KEY`.
   */
  readonly unknown: Readonly<Record<string, UnknownCause>>;
  /** A token that is bound to no pod matches only rules that say `podless: true`. */
  readonly podless: boolean;
  /** What the node and the pod are like, of the names that the policy reads: `kubelet`, `ready`, … Others are left out. Of a source that was asked, all: `edr.healthy`. */
  readonly posture: Readonly<Record<string, ObservedFact>>;
  /** Of the names and paths that the policy reads. Null: the evidence does not have it. One that is left out is not known, and so are all without this. */
  readonly claims?: Readonly<Record<string, ClaimValue>>;
  readonly assurance: Assurance;
  /** Seconds since the epoch: when the platform made the evidence, by its own word. Null: it does not say. */
  readonly evidenceIssuedAt: number | null;
  /** Seconds since the epoch: nothing that is granted may outlive it. */
  readonly vouchesUntil: number;
}

/** Of a request with an actor: for whom the workload asks, and through whom. */
export interface DelegatorFacts {
  /** Who vouched for it. */
  readonly attestor: string;
  readonly subject: string;
  /** Of the names that the policy reads, as those of the workload. Left out where a token of ours was shown, which does not have them: all unknown. */
  readonly claims?: Readonly<Record<string, ClaimValue>>;
  /** The resource that the token is for, where a token of ours was shown. Null: evidence of the attestor was. */
  readonly resource: string | null;
  /** Subjects of the workloads that acted before this one, newest first. */
  readonly actors: readonly string[];
  /** Nothing beyond it is granted. Null: what was shown does not limit the scope. */
  readonly scope: readonly string[] | null;
  /** Of a token of ours: nothing beyond them is granted. Left out: they do not limit it. */
  readonly authorizationDetails?: AuthorizationDetails;
  /** Whether its token says with `may_act` that this workload may act for it. */
  readonly mayAct: boolean;
  /** The least of the delegator's and of those that acted before. */
  readonly assurance: Assurance;
  /** Seconds since the epoch: nothing that is granted may outlive it. */
  readonly vouchesUntil: number;
}

export interface NetworkFacts {
  /** Where the request came from, proxies that are trusted left out. Null: not known. */
  readonly ip: string | null;
  /** ISO 3166-1, such as `DE`. Null: not known. Left out: the policy does not read it. */
  readonly country?: string | null;
  /** ISO 3166-2, such as `DE-BY`. As `country`. */
  readonly subdivision?: string | null;
}

/** What a policy decision point said. */
export interface ExternalAnswer {
  readonly decision: boolean;
  /** What it said beside, such as a reason. Null: nothing, or too much for a record. */
  readonly context: ClaimValue;
}

/** To what a token can be bound: base64url of SHA-256, as `cnf` has it (RFC 7800 §3.1). */
export interface Binding {
  /** The thumbprint of the key of the request's DPoP proof (RFC 9449 §6.1). Left out: there was none. */
  readonly dpop?: string;
  /** Of the client's certificate (RFC 8705 §3.1). Left out: it showed none. */
  readonly mtls?: string;
}

export interface Facts {
  /** The clock is a fact. Seconds since the epoch. */
  readonly now: number;
  readonly workload: WorkloadFacts;
  /** Left out: the workload asks for itself. */
  readonly delegator?: DelegatorFacts;
  readonly network: NetworkFacts;
  /** What the client has shown to hold. Left out: nothing. */
  readonly binding?: Binding;
  /** What the workload did before, of the names that the policy reads: `exchangesPerHour`, … One that is left out is not known. */
  readonly behaviour?: Readonly<Record<string, boolean | number>>;
  /** What policy decision points said, by the key of the lookup. One that is left out was not asked, or did not answer. */
  readonly external?: Readonly<Record<string, ExternalAnswer>>;
}

/** What was asked for, as far as a decision reads it. */
export interface Asked {
  /** Null: no target was named. */
  readonly resource: string | null;
  /** Null: no scope was named, so all that is granted is meant. */
  readonly scope: readonly string[] | null;
  /** Left out: an access token. */
  readonly tokenType?: TokenType;
  /** Left out: none were named, so all that are granted are meant. */
  readonly authorizationDetails?: AuthorizationDetails;
}

/** All that a decision is made on beside the policy. */
export interface Inputs {
  readonly facts: Facts;
  readonly asked: Asked;
}
