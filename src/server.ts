/** Builds the rooms from a configuration, opens the listeners, and closes everything in the reverse order. */
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Attestor } from '../attestors/attestor.js';
import { clientSecretType, idJagType } from '../attestors/token-types.js';
import { createHealthListener, createPublicListener } from './app.js';
import { createAttestor, type Host, openHost, openOutbound } from './attestor-host.js';
import { openAudit } from './audit/open.js';
import { createDpop } from './binding/dpop.js';
import { openNonces } from './challenge/nonces.js';
import type { Configuration } from './config/configuration.js';
import { watchPolicy } from './config/reload.js';
import { seesCertificates } from './config/sections/listeners.js';
import { isShared } from './config/sections/store.js';
import { createChallenge } from './endpoints/challenge.js';
import { createHealth, type ServiceHealth } from './endpoints/health.js';
import { introspectionEndpoint, revocationEndpoint, revocationList, tokenEndpoint } from './endpoints/metadata.js';
import { createAttest } from './exchange/attest.js';
import { createBehaviour } from './exchange/behaviour.js';
import { needsNonce } from './exchange/binding.js';
import { createDelegate } from './exchange/chain.js';
import { challengeTypes, formsOf } from './exchange/evidence.js';
import { createLookUp } from './exchange/look-up.js';
import { createPipeline, type Observe } from './exchange/pipeline.js';
import { createExternal } from './external/authzen.js';
import { openGeoDatabase } from './geo/database.js';
import type { EvidenceAlert } from './introspection/caller.js';
import { readActive } from './introspection/introspect.js';
import { createIntrospection } from './introspection/introspection.js';
import { createReadOwnToken } from './introspection/own-token.js';
import { createRevoke } from './introspection/revoke.js';
import { createLimits } from './limits/limits.js';
import { type Listener, openListener } from './listener.js';
import { loadTested } from './policy-cases/tested.js';
import { createPostureSources } from './posture-sources/sources.js';
import { openRevocation } from './revocation/revocation.js';
import { createRooms, type Rooms } from './rooms.js';
import { openSigner } from './signing/open.js';
import { openStore } from './store/open.js';
import type { WatchRoom } from './store/redis-watch.js';
import { createInstruments } from './telemetry/instruments.js';
import { createMeasuredStore, type MeasureRoundTrip } from './telemetry/measured-store.js';
import { openTraces } from './telemetry/open-traces.js';

export interface Service {
  /** `http://HOST:PORT` or `https://HOST:PORT`, with the port that was really taken. */
  readonly publicUrl: string;
  readonly healthUrl: string;
  /**
   * As `drain` has it: says that it stops, goes on accepting for a while, lets what is in flight finish, flushes the records.
   * @throws Error that says what was cut off or lost; everything is closed nevertheless
   */
  close(): Promise<void>;
}

export interface Surroundings {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly stdout: NodeJS.WritableStream;
  /** A line for operators, about what is wrong. */
  readonly warn: (message: string) => void;
  /** And about what is as it should be. Default: as `warn`. */
  readonly info?: (message: string) => void;
  /** Milliseconds between two looks at files that may change, default 1,000. */
  readonly lookEvery?: number;
  /** Ends the start: it throws GivenUp then. */
  readonly signal?: AbortSignal;
  /** Default: the health listener of the configuration. */
  readonly openHealth?: (health: ServiceHealth) => Promise<OpenHealth>;
}

export interface OpenHealth {
  readonly url: string;
  close(): Promise<void>;
}

/** Milliseconds that a request to the health listener has to finish. */
const healthDrain = 1_000;

/**
 * @param configuration of `loadTested`, so that its policy has passed its tests
 * @throws Error when something that is needed at start cannot be had; what was opened is closed again
 */
export async function serve(configuration: Configuration, around: Surroundings): Promise<Service> {
  const rooms = createRooms(around);
  try {
    return await open(configuration, around, rooms);
  } catch (error) {
    await rooms.close();
    throw error;
  }
}

async function open(configuration: Configuration, around: Surroundings, rooms: Rooms): Promise<Service> {
  const { now, warn, lookEvery = 1_000 } = around;
  const tlsRoom = { now: () => now() / 1000, warn, lookEvery };
  const health = createHealth();
  const awaited: { store: string | null } = { store: null };
  health.starting(() => [...(awaited.store === null ? [] : [awaited.store]), ...rooms.waitsFor()]);
  const waitsFor = (what: string | null) => {
    awaited.store = what;
  };
  // First, so that it can be asked how far the start is, and closed last.
  const { url: healthUrl } = await rooms.open(async () => {
    if (around.openHealth !== undefined) return around.openHealth(health);
    const { url, close } = await openListener(createHealthListener(health, warn), configuration.health, tlsRoom);
    return { url, close: async () => void (await close(healthDrain)) };
  });
  const ground = await openGround(configuration, { ...around, waitsFor }, rooms);
  const { issuer, listen } = configuration;
  const { audit, challenge, host, instruments, limits, signer, store, attestors } = ground;
  const { answering, policy, isRefused } = await openExchange(configuration, around, rooms, ground);
  const takes = (type: string) => attestors.some(({ accepts }) => accepts.some(({ tokenType }) => tokenType === type));
  const answer = createPublicListener({
    ...{ issuer, signer, challenge, limits, warn, ...answering },
    trustedProxies: listen.trustedProxies,
    clientCertificateHeader: listen.clientCertificateHeader,
    seesCertificates: seesCertificates(listen),
    tokenTypes: () => policy().tokenTypes,
    takesSecrets: takes(clientSecretType),
    takesIdJags: configuration.drafts['id-jag'] !== undefined && takes(idJagType),
  });
  const { drain } = configuration;
  const listener = await rooms.open(async () => {
    const listening = await openListener(answer, configuration.listen, tlsRoom);
    return { ...listening, close: () => drainWithin(listening, drain) };
  });
  health.ready({
    policy: () => ({ revision: policy().revision, refused: isRefused() }),
    instruments,
    keys: host.keyStatus,
    signingKeys: signer.publicKeys,
    signingKeyAges: () => (signer.keys?.() ?? []).map(({ since, ...key }) => ({ ...key, age: host.now() - since })),
    tls: listener.tls,
    store: () => store.status?.() ?? null,
    suppressed: audit.suppressed,
    auditFailures: audit.failures,
    watched: () => Object.fromEntries(attestors.map(({ name, watched }) => [name, watched?.() ?? []])),
  });
  let closing: Promise<void> | undefined;
  const close = async () => {
    health.stopping();
    listener.announceEnd();
    await sleep(drain.announce * 1000);
    await rooms.close();
  };
  return Object.freeze<Service>({
    publicUrl: listener.url,
    healthUrl,
    close() {
      closing ??= close();
      return closing;
    },
  });
}

type Ground = Awaited<ReturnType<typeof openGround>>;

/** What every request stands on: what is kept, what signs, who attests. */
async function openGround(configuration: Configuration, around: Surroundings & WatchRoom, rooms: Rooms) {
  const { now, warn, info = warn, lookEvery } = around;
  const seconds = () => now() / 1000;
  const pins = new Map([...configuration.attestors].map(([name, { pin }]) => [name, pin]));
  const instruments = createInstruments([...pins].flatMap(([name, pin]) => (pin === 'none' ? [] : [name])));
  const traces = await openTracesOf(configuration, around, rooms);
  const bareStore = await rooms.open(() => openStore(configuration.store, around));
  const measure: MeasureRoundTrip = (...roundTrip) => {
    instruments.roundTrip(...roundTrip);
    traces?.roundTrip(...roundTrip);
  };
  const store = createMeasuredStore(bareStore, traces === undefined ? instruments.roundTrip : measure);
  const storeIsShared = isShared(configuration.store);
  const follow = traces?.follow;
  const wayOut = () => openOutbound(configuration, follow);
  const signing = { store, storeIsShared, now, warn, lookEvery, openOutbound: wayOut };
  const signer = await rooms.open(() => openSigner(configuration.signing, signing));
  const audit = await rooms.open(() => openAudit(configuration.audit, around));
  const revocation = await rooms.open(() => openRevocation({ log: store.log('revocation'), now: seconds, warn, info }));
  const nonces = await rooms.open(() => openNonces(store, seconds, { lookEvery }));
  const host = await rooms.open(() => openHost(configuration, { follow, nonces, now: seconds, revocation, warn }));
  const attestors = await createAttestors(configuration, host, rooms);
  const forms = formsOf([...configuration.attestors.values()].map(({ type }) => type));
  const { issuer, trustDomain } = configuration;
  const delegators = delegatorsOf(configuration);
  const { now: clock } = host;
  const observe = instruments.rateLimited;
  const limits = await rooms.open(async () => createLimits(configuration.limits, { store, now, warn, observe }));
  const attesting = { attestors, delegators, pins, forms, nonces, limits, issuer, trustDomain };
  const attest = createAttest({ ...attesting, now: clock, store });
  const tokenTypes = challengeTypes(attestors, forms);
  const challenge = tokenTypes.size === 0 ? null : createChallenge({ nonces, tokenTypes, warn });
  const dpopAt = (url: string) => createDpop({ url, nonces, store, now: clock });
  return { instruments, traces, store, signer, audit, revocation, host, attestors, attest, challenge, dpopAt, limits };
}

/** Before what it follows. @returns undefined when nothing is traced */
async function openTracesOf(configuration: Configuration, { warn }: Surroundings, rooms: Rooms) {
  const { directory, outbound, store, telemetry } = configuration;
  const { traces } = telemetry;
  const path = (relative: string) => resolve(directory, relative);
  return traces && rooms.open(() => openTraces(traces, { path, ca: outbound.ca, storeType: store.type, warn }));
}

/** What answers: the policy, what it asks, and the pipeline. */
async function openExchange(configuration: Configuration, around: Surroundings, rooms: Rooms, ground: Ground) {
  const { now, warn, info = warn, lookEvery = 1_000 } = around;
  const { instruments, traces, store, signer, audit, revocation, host, attestors, attest, dpopAt, limits } = ground;
  const { policy, clients, isRefused } = await rooms.open(async () =>
    watchPolicy(configuration, { load: loadTested, warn, info, lookEvery }),
  );
  const { drafts, environment, geo, issuer, region = null } = configuration;
  const { send } = host.outbound;
  const path = (relative: string) => resolve(configuration.directory, relative);
  const external = createExternal({ send, path, now: host.now, warn });
  const source = createPostureSources(configuration.postureSources, { now: host.now, send, warn });
  const lookUp = createLookUp({ external, source });
  const behaviour = createBehaviour({ store, nodeKinds: nodeKindsOf(configuration) });
  const locate = geo && (await rooms.open(() => openGeoDatabase(geo.database, { now: host.now, warn }))).locate;
  const readOwnToken = createReadOwnToken({ issuer, signer, now: host.now });
  const active = { attestorNames: new Set(configuration.attestors.keys()), readOwnToken, revocation };
  const observe: Observe = (trail, times) => {
    instruments.exchange(trail, times);
    traces?.observe(trail, times);
  };
  const delegate = createDelegate({
    ...{ attest, issuer, depth: configuration.delegation.depth, authoritative: authoritativeOf(configuration) },
    people: delegatorsOf(configuration),
    rejected: limits.rejected,
    async readActive(token) {
      await revocation.refresh();
      return readActive(active, token, policy().resources);
    },
  });
  const judging = { attest, delegate, dpop: dpopAt(tokenEndpoint(issuer)), behaviour, lookUp, locate, policy };
  const telling = { observe, beginTrace: traces?.begin, audit, deployment: { environment, region } };
  const pipeline = createPipeline({ issuer, signer, ...judging, ...telling, drafts, revocation, now, warn });
  const authenticating = {
    ...{ attest, drafts, revocation, warn },
    needsNonce: () => needsNonce(policy(), null),
    alarm({ attestor, subject, reason, detail }: EvidenceAlert) {
      instruments.alert(attestor, reason);
      warn(`${reason}: evidence of ${subject}: ${detail}`);
    },
  };
  const reading = { ...authenticating, issuer, signer, now: host.now };
  const introspection =
    clients().length === 0
      ? null
      : createIntrospection({
          ...{ ...reading, attestors, clients, observe: instruments.introspection },
          dpop: { introspect: dpopAt(introspectionEndpoint(issuer)), revocations: dpopAt(revocationList(issuer)) },
        });
  const dpop = dpopAt(revocationEndpoint(issuer));
  const revoke = createRevoke({ ...reading, dpop, info, observe: instruments.revocation });
  return { answering: { pipeline, introspection, revoke }, policy, isRefused };
}

/** What is in flight gets three quarters of the time that is left, and what comes after it, such as the records, the last. */
async function drainWithin(listener: Listener, { announce, deadline }: Configuration['drain']): Promise<void> {
  const within = (deadline - announce) * 0.75;
  const cutOff = await listener.close(within * 1000);
  if (cutOff > 0) throw new Error(`requests that took longer than ${within} s were cut off: ${cutOff}`);
}

/** All at once: one whose platform does not answer must not hold up the others. */
async function createAttestors({ attestors }: Configuration, host: Host, rooms: Rooms): Promise<readonly Attestor[]> {
  const created = await Promise.allSettled(
    [...attestors].map(([name, attestor]) => rooms.open(() => createAttestor(name, attestor, host.forAttestor(name)))),
  );
  return created.map((each) => {
    if (each.status === 'rejected') throw each.reason;
    return each.value;
  });
}

/** As the configuration has it: no plug-in can say otherwise of itself. */
function delegatorsOf({ attestors }: Configuration): ReadonlySet<string> {
  const delegators = [...attestors].filter(([, { type, options }]) => type.role?.(options) === 'delegator');
  return new Set(delegators.map(([name]) => name));
}

/** Whose tokens limit the scope of those who act for people. */
function authoritativeOf({ attestors }: Configuration): ReadonlySet<string> {
  return new Set([...attestors].flatMap(([name, { type, options }]) => (type.limitsScope?.(options) ? [name] : [])));
}

function nodeKindsOf({ attestors }: Configuration): ReadonlyMap<string, string> {
  return new Map([...attestors].flatMap(([name, { type }]) => (type.nodeKind ? [[name, type.nodeKind]] : [])));
}
