/** The way of a request, its stages in order. Every grant type takes it, so no restriction can hold on one and not on another. */
import { randomUUID } from 'node:crypto';
import { isIP } from 'node:net';
import type { Attestation } from '../../attestors/attestor.js';
import type { AuditLog } from '../audit/log.js';
import type { Dpop } from '../binding/dpop.js';
import { type Fault, isOfEvidence, Refusal } from '../errors.js';
import type { Policy } from '../policy/compile.js';
import { decide } from '../policy/decide.js';
import type { Decision, Granted } from '../policy/decision.js';
import { type Revocation, refuseRevokedToken } from '../revocation/revocation.js';
import type { Attest } from './attest.js';
import type { Behaviour } from './behaviour.js';
import { bindingOf, verifyProof } from './binding.js';
import type { Delegate } from './chain.js';
import { checkClient, type Drafts } from './client.js';
import { askedOf, type Delegation, type Link, linksOf } from './delegation.js';
import { type FactsRoom, gatherFacts } from './facts.js';
import type { LookUp } from './look-up.js';
import { type Issued, type MintRoom, mint } from './mint.js';
import { readBody, readRequest, type TokenRequest } from './request.js';
import { errorResponse, tokenResponse } from './response.js';
import { createTimeline, type StageTime } from './timeline.js';
import type { Trace } from './trace.js';
import { type Deployment, recordOf, type Trail } from './trail.js';
import type { WireRequest, WireResponse } from './wire.js';

export interface Rooms extends MintRoom {
  readonly attest: Attest;
  readonly dpop: Dpop;
  readonly delegate: Delegate;
  readonly behaviour: Behaviour;
  readonly lookUp: LookUp;
  readonly locate?: FactsRoom['locate'];
  readonly revocation: Pick<Revocation, 'note' | 'refresh' | 'isRevoked'>;
  /** The one in force. */
  readonly policy: () => Policy;
  readonly audit: AuditLog;
  readonly deployment: Deployment;
  readonly drafts: Drafts;
  /** Milliseconds since the epoch, with a fraction. */
  readonly now: () => number;
  /** For faults of our own. */
  readonly warn: (message: string) => void;
  readonly observe: Observe;
  /** Left out: nothing is traced. */
  readonly beginTrace?: ((traceparent: string | undefined) => Trace | undefined) | undefined;
}

/** Is told of each exchange when it has ended. Must not throw. */
export type Observe = (trail: Trail, times: readonly StageTime[]) => void;

export type Pipeline = (wire: WireRequest) => Promise<WireResponse>;

export function createPipeline(rooms: Rooms): Pipeline {
  return async (wire) => {
    const trail: Trail = {
      decisionId: randomUUID(),
      arrivedAt: rooms.now(),
      address: wire.address,
      policy: rooms.policy(),
      timeline: createTimeline(),
      trace: rooms.beginTrace?.(wire.traceparent),
    };
    const { trace } = trail;
    const response = await (trace === undefined
      ? answer(rooms, wire, trail)
      : trace.within(() => answer(rooms, wire, trail)));
    rooms.observe(trail, trail.timeline.finish());
    return response;
  };
}

async function answer(rooms: Rooms, wire: WireRequest, trail: Trail): Promise<WireResponse> {
  try {
    await exchange(rooms, wire, trail);
    trail.timeline.enter('audit');
    await rooms.audit.append(recordOf(trail, rooms.deployment, rooms.now()));
    trail.timeline.enter('response');
    const { issued, policy, request } = trail;
    if (issued === undefined || request === undefined) throw new Error('the exchange ended without a token');
    const isNonceWanted = policy.resources.get(issued.granted.resource)?.dpopNonce === true;
    return tokenResponse(issued, request.namesTokenType, isNonceWanted ? rooms.dpop.nonce() : null);
  } catch (error) {
    return refuse(rooms, wire, trail, asRefusal(error, trail, rooms));
  }
}

/** request → attest → facts (with behaviour, and what others are asked) → decide → count → mint → note. Each stage leaves what it made on the trail, for the record. */
async function exchange(rooms: Rooms, wire: WireRequest, trail: Trail): Promise<void> {
  trail.form = readBody(wire);
  const spoken = { drafts: rooms.drafts, issued: trail.policy.tokenTypes };
  const request = readRequest(trail.form, wire.authorization, spoken);
  trail.request = request;
  trail.timeline.enter('attest');
  const verifying = verifyProof(rooms.dpop, wire, trail.policy, request.asked);
  // Awaited only when there is one: a bearer's request costs no turn.
  const proof = verifying && (await verifying);
  const binding = bindingOf(proof, wire);
  const routed = (attestor: string) => {
    trail.attestor = attestor;
  };
  const verified = (known: Attestation) => {
    trail.attestation = known;
  };
  const by = { address: wire.address, thumbprint: proof?.thumbprint };
  const { evidence, audience } = request.asker;
  const attestation = await rooms.attest(evidence, trail.decisionId, { ...by, routed, verified, audience });
  trail.attestation = attestation;
  if (proof !== undefined) await rooms.dpop.claim(proof, trail.decisionId);
  checkClient(request.client, attestation, request.grantType);
  if (request.delegator !== null) {
    trail.delegation = await rooms.delegate(request.delegator, attestation, {
      ...by,
      requestId: trail.decisionId,
      grantType: request.grantType,
      routed(attestor) {
        trail.delegatorAttestor = attestor;
      },
    });
    trail.request = { ...request, asked: askedOf(request.asked, trail.delegation) };
  }
  const { delegation } = trail;
  const { asked } = trail.request;
  trail.timeline.enter('facts');
  const { policy, decisionId } = trail;
  const reads = policy.attestors.get(attestation.attestor)?.reads ?? [];
  const gathered = gatherFacts(attestation, {
    now: rooms.now() / 1000,
    ip: isIP(wire.address) === 0 ? null : wire.address,
    binding,
    reads,
    locate: rooms.locate,
    delegation,
  });
  const inquiry = { attestation, facts: gathered, asked, decisionId };
  // Awaited only when the store, or somebody else, was asked.
  const read = rooms.behaviour.read(policy, inquiry);
  const known = read instanceof Promise ? await read : read;
  const found = rooms.lookUp(policy, { ...inquiry, facts: known });
  const facts = found instanceof Promise ? await found : found;
  trail.facts = facts;
  trail.timeline.enter('decide');
  trail.decision = decide(policy, facts, asked);
  const counted = rooms.behaviour.count(policy, { ...inquiry, facts }, trail.decision);
  if (counted !== undefined) ({ facts: trail.facts, decision: trail.decision } = await counted);
  trail.timeline.enter('mint');
  const issued = await mint(rooms, grantedBy(trail.decision), attestation, facts.now, delegation);
  const noted = noteHolders(rooms, issued, attestation, delegation);
  // Awaited only when it has to be: a pair that the log has costs no turn.
  if (noted !== undefined) await noted;
  if (delegation !== undefined) await refusePassedOn(rooms, delegation);
  trail.issued = issued;
}

/** A token leaves only when it could be revoked, whoever of its chain ends. */
function noteHolders(
  { revocation }: Rooms,
  { issuedAt, expiresAt, granted }: Issued,
  attestation: Attestation,
  delegation: Delegation | undefined,
): Promise<unknown> | undefined {
  const { resource } = granted;
  const note = ({ attestor, instance, subject }: Link, attestedAt: number) =>
    revocation.note({ attestor, instance, subject, attestedAt, issuedAt, expiresAt, resource });
  if (delegation === undefined) return note(attestation, attestation.attestedAt);
  const before = linksOf(delegation).map(async (link) => note(link, delegation.attestedAt));
  return Promise.all([(async () => note(attestation, attestation.attestedAt))(), ...before]);
}

/** A token of ours that was passed on may have been revoked while the next one was being made, whose `iat` is later than that. @throws Rejected `token_revoked` */
async function refusePassedOn({ revocation }: Rooms, delegation: Delegation): Promise<void> {
  const { attestedAt: issuedAt, tokens } = delegation;
  const [id, ...ancestors] = tokens;
  if (id === undefined) return;
  await revocation.refresh();
  refuseRevokedToken(revocation, { id, ancestors, issuedAt, links: linksOf(delegation) });
}

function grantedBy(decision: Decision): Granted {
  if (decision.granted !== null) return decision.granted;
  throw new Refusal(decision.fault ?? 'internal', decision.reason, decision.detail);
}

/** The record comes before the answer; a refusal that cannot be recorded is a 503 like everything else. */
async function refuse(rooms: Rooms, wire: WireRequest, trail: Trail, refusal: Refusal): Promise<WireResponse> {
  trail.refusal = refusal;
  const isRecorded = await recordRefusal(rooms, wire, trail, refusal);
  trail.timeline.enter('response');
  return errorResponse(trail.refusal, isRecorded ? trail.decisionId : null, wire.authorization !== undefined);
}

async function recordRefusal(rooms: Rooms, wire: WireRequest, trail: Trail, refusal: Refusal): Promise<boolean> {
  if (refusal.fault === 'audit_unavailable') return false;
  // Without verified evidence anybody can send as much as they like, and beyond a limit whoever is over it: beyond a budget it is counted, not written.
  const isOfAnybody = trail.attestation === undefined || refusal.fault === 'rate_limited';
  if (isOfAnybody && !rooms.audit.admit(wire.address)) return false;
  trail.timeline.enter('audit');
  try {
    await rooms.audit.append(recordOf(trail, rooms.deployment, rooms.now(), refusal));
    return true;
  } catch (error) {
    trail.refusal = asRefusal(error, trail, rooms);
    return false;
  }
}

function asRefusal(error: unknown, trail: Trail, rooms: Rooms): Refusal {
  if (error instanceof Refusal) {
    if (isOfEvidence(error) && trail.request !== undefined) {
      return new Refusal(asGrantSays(error.fault, trail.request), error.reason, error.detail);
    }
    if (error.fault === 'internal') rooms.warn(`${nameOf(trail)}: ${error.message}`);
    return error;
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  rooms.warn(`${nameOf(trail)}: ${stack}`);
  return new Refusal('internal', 'internal', error instanceof Error ? error.name : 'unknown', { cause: error });
}

/** Only token exchange lets the client name the type of its evidence. */
const asGrantSays = (fault: Fault, { asker }: TokenRequest): Fault =>
  asker.fault === 'evidence_rejected' ? fault : asker.fault;

const nameOf = ({ decisionId, trace }: Trail) =>
  trace === undefined ? `decision ${decisionId}` : `decision ${decisionId}, trace ${trace.traceId}`;
