/** From a signed GetCallerIdentity request to an attestation. */
import { Rejected } from '../../../src/errors.js';
import { type Attestation, type AttestorHost, type Route, selector } from '../../attestor.js';
import { inOrder, untold } from '../../selectors.js';
import { quote, type RoleSession, readRoleSession } from '../arn.js';
import { instanceKinds, roleSelectors, subjectOf } from '../identity.js';
import { checkCaller, selectorsOfInstance } from '../instance-identity/document.js';
import type { VerifiedInstance, VerifyInstance } from '../instance-identity/verify.js';
import type { SignedRequest } from './signed-request.js';
import { askSts, type CallerIdentity, type Endpoint, notGenuine } from './sts.js';

/** Seconds for which STS honours a signature, whatever the request says. */
export const honoured = 900;
/** Seconds by which the clock of whoever signed may be ahead. */
const skew = 60;
/** Seconds, for a request that is bound to no audience: it may have been made for, and seen by, somebody else. */
const maxAgeUnbound = 60;

const nothing = Object.freeze({});
const alwaysUntold = ['aws:arn', 'aws:org', 'aws:ou', 'aws:principal-tag'];
const unknownOfRole = untold(...alwaysUntold, ...instanceKinds);
const unknownOfInstance = untold(...alwaysUntold);

export interface CallerIdentityRoom {
  readonly attestor: string;
  readonly host: AttestorHost;
  readonly accepts: readonly Route[];
  /** Environments, by account. */
  readonly accounts: ReadonlyMap<string, string>;
  /** By STS host. */
  readonly endpoints: ReadonlyMap<string, Endpoint>;
  /** Seconds. */
  readonly maxAge: number;
  /** Seconds. */
  readonly vouchesFor: number;
  readonly nonce: 'optional' | 'required';
  /** Undefined: no instance identity documents are accepted. */
  readonly verifyInstance: VerifyInstance | undefined;
}

interface VerifiedCaller {
  readonly identity: CallerIdentity;
  readonly session: RoleSession & { readonly roleId: string };
  readonly environment: string;
  /** Undefined: the evidence has no instance identity document. */
  readonly instance: VerifiedInstance | undefined;
}

/** @throws Rejected, Unavailable */
export async function attestCallerIdentity(
  request: SignedRequest,
  room: CallerIdentityRoom,
  signal: () => AbortSignal,
): Promise<Attestation> {
  const { nonce, isBound, signedAt } = request;
  const endpoint = endpointOf(request, room);
  if (nonce === undefined && room.nonce === 'required') {
    throw new Rejected('nonce_missing', 'The signed request has no x-counterseal-nonce of POST /challenge.');
  }
  if (nonce !== undefined) room.host.checkNonce(request.route.tokenType, nonce);
  checkAge(signedAt, isBound ? room.maxAge : Math.min(maxAgeUnbound, room.maxAge), room.host.now());
  const instance = await verifyInstance(request, room);
  const identity = await askSts(request, endpoint, room.host, signal());
  const session = readSession(identity, request);
  const environment = room.accounts.get(session.account);
  if (environment === undefined) {
    throw new Rejected('account_untrusted', `The account ${quote(session.account)} is none of accounts.`);
  }
  if (instance !== undefined) checkCaller(instance, session);
  return attestationOf(request, { identity, session, environment, instance }, room);
}

function attestationOf(
  { nonce, isBound, evidenceId, signedAt }: SignedRequest,
  { identity, session, environment, instance }: VerifiedCaller,
  room: CallerIdentityRoom,
): Attestation {
  const attestedAt = room.host.now();
  const expiresAt = signedAt + honoured;
  if (attestedAt >= expiresAt) throw new Rejected('aws_expired', 'The signed request expired while STS was asked.');
  const { partition, account, roleId, session: name } = session;
  const ofRole = [...roleSelectors(session), selector('aws', 'role-id', roleId)];
  return Object.freeze<Attestation>({
    attestor: room.attestor,
    subject: subjectOf(room.host, room.attestor, session),
    instance: `session:${partition}:${account}:${roleId}:${name}`,
    environment,
    selectors: inOrder(instance === undefined ? ofRole : [...ofRole, ...selectorsOfInstance(instance)]),
    unknownSelectors: instance === undefined ? unknownOfRole : unknownOfInstance,
    claims: Object.freeze(
      instance === undefined ? { ...identity } : { ...identity, instance_identity_document: instance.claims },
    ),
    facts: nothing,
    evidenceId,
    singleUse: true,
    ...(nonce === undefined ? {} : { nonce }),
    assurance: isBound ? 'medium' : 'low',
    issuedAt: signedAt,
    attestedAt,
    expiresAt,
    vouchesUntil: attestedAt + room.vouchesFor,
  });
}

/** The host has chosen by the same route; but here it is what the signature is believed for. */
function endpointOf({ sts, route }: SignedRequest, { accepts, endpoints }: CallerIdentityRoom): Endpoint {
  const isOurs = ({ tokenType, issuer, audience }: Route) =>
    tokenType === route.tokenType && issuer === route.issuer && audience === route.audience;
  const endpoint = accepts.some(isOurs) ? endpoints.get(sts.host) : undefined;
  if (endpoint !== undefined) return endpoint;
  throw new Rejected('aws_route', `No such requests are accepted by ${sts.host} for ${quote(route.audience)}.`);
}

/** Before STS is asked: nothing is asked for what is refused anyway. */
async function verifyInstance(
  { instanceIdentity }: SignedRequest,
  { verifyInstance: verify }: CallerIdentityRoom,
): Promise<VerifiedInstance | undefined> {
  if (instanceIdentity === undefined) return undefined;
  if (verify !== undefined) return verify(instanceIdentity);
  throw new Rejected(
    'instance_identity_not_accepted',
    'The evidence has an instanceIdentity, and no callerIdentity.instanceIdentity is configured: leave it out.',
  );
}

function checkAge(signedAt: number, maxAge: number, now: number): void {
  const age = Math.round(now - signedAt);
  if (age >= maxAge)
    throw new Rejected('aws_expired', `The request was signed ${age} s ago; less than ${maxAge} s are accepted.`);
  if (age < -skew) throw new Rejected('aws_not_yet', `The request was signed ${-age} s in the future.`);
}

/** @throws Rejected for who is no role @throws Unavailable `sts_answer` where the parts of the answer disagree: STS gives no such one */
function readSession({ Account, Arn, UserId }: CallerIdentity, { sts }: SignedRequest): VerifiedCaller['session'] {
  const session = readRoleSession(Arn);
  const [, roleId] = /^(AROA[A-Z0-9]{12,124}):/.exec(UserId) ?? [];
  if (Account !== session.account || sts.partition !== session.partition) {
    throw notGenuine(sts.host, 'Account and Arn of one account, in the partition of the region');
  }
  if (roleId === undefined || UserId !== `${roleId}:${session.session}`) {
    throw notGenuine(sts.host, 'UserId of a role’s id and the session in Arn');
  }
  return { ...session, roleId };
}
