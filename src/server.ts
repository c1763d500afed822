/** Builds the rooms from a configuration, opens the listeners, and closes everything in the reverse order. */
import { resolve } from 'node:path';
import type { Attestor } from '../attestors/attestor.js';
import { createHealthListener, createPublicListener } from './app.js';
import { createAttestor, type Host, openHost } from './attestor-host.js';
import { openAudit } from './audit/open.js';
import { openNonces } from './challenge/nonces.js';
import type { Configuration } from './config/configuration.js';
import { watchPolicy } from './config/reload.js';
import { isShared } from './config/sections/store.js';
import { createChallenge } from './endpoints/challenge.js';
import { createAttest } from './exchange/attest.js';
import { createBehaviour } from './exchange/behaviour.js';
import { challengeTypes, formsOf } from './exchange/evidence.js';
import { createLookUp } from './exchange/look-up.js';
import { createPipeline } from './exchange/pipeline.js';
import { createExternal } from './external/authzen.js';
import { openGeoDatabase } from './geo/database.js';
import { createIntrospection } from './introspection/introspection.js';
import { openListener } from './listener.js';
import { loadTested } from './policy-cases/tested.js';
import { createPostureSources } from './posture-sources/sources.js';
import { openRevocation } from './revocation/revocation.js';
import { openSigner } from './signing/open.js';
import { openStore } from './store/open.js';

export interface Service {
  /** `http://HOST:PORT`, with the port that was really taken. */
  readonly publicUrl: string;
  readonly healthUrl: string;
  /** Stops accepting, lets what is in flight finish, flushes the records. */
  close(): Promise<void>;
}

export interface Surroundings {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly stdout: NodeJS.WritableStream;
  /** A line for operators. */
  readonly warn: (message: string) => void;
  /** As `watchPolicy` and `createLocalSigner` have it. */
  readonly lookEvery?: number;
}

/**
 * @param configuration of `loadTested`, so that its policy has passed its tests
 * @throws Error when something that is needed at start cannot be had; what was opened is closed again
 */
export async function serve(configuration: Configuration, around: Surroundings): Promise<Service> {
  const closers: (() => Promise<void>)[] = [];
  const close = async () => {
    for (const closer of closers.splice(0).reverse()) await closer();
  };
  try {
    return await open(configuration, around, closers, close);
  } catch (error) {
    await close();
    throw error;
  }
}

async function open(
  configuration: Configuration,
  around: Surroundings,
  closers: (() => Promise<void>)[],
  close: () => Promise<void>,
): Promise<Service> {
  const closing = <T extends { close(): Promise<void> }>(room: T): T => {
    closers.push(() => room.close());
    return room;
  };
  const { issuer } = configuration;
  const { now, warn, lookEvery } = around;
  const store = closing(await openStore(configuration.store, around.now));
  const storeIsShared = isShared(configuration.store);
  const signer = closing(await openSigner(configuration.signing, { store, storeIsShared, now, warn, lookEvery }));
  const audit = closing(await openAudit(configuration.audit, around));
  const revocation = closing(await openRevocation({ log: store.log('revocation'), now: () => now() / 1000, warn }));
  const nonces = await openNonces(store, () => now() / 1000);
  const host = closing(await openHost(configuration, { nonces, now: () => now() / 1000, revocation, warn }));
  const attestors = await createAttestors(configuration, host, closing);
  const forms = formsOf([...configuration.attestors.values()].map(({ type }) => type));
  const { trustDomain } = configuration;
  const delegators = delegatorsOf(configuration);
  const attest = createAttest({ attestors, delegators, forms, nonces, trustDomain, now: host.now, store });
  const tokenTypes = challengeTypes(attestors, forms);
  const challenge = tokenTypes.size === 0 ? null : createChallenge({ nonces, tokenTypes, warn });
  const { policy, clients, isRefused } = closing(watchPolicy(configuration, { load: loadTested, warn, lookEvery }));
  const deployment = { environment: configuration.environment, region: configuration.region ?? null };
  const { send } = host.outbound;
  const path = (relative: string) => resolve(configuration.directory, relative);
  const external = createExternal({ send, path, now: host.now, warn });
  const source = createPostureSources(configuration.postureSources, { now: host.now, send, warn });
  const lookUp = createLookUp({ external, source });
  const behaviour = createBehaviour({ store, nodeKinds: nodeKindsOf(configuration) });
  const { geo } = configuration;
  const locate = geo && closing(await openGeoDatabase(geo.database, { now: host.now, warn })).locate;
  const rooms = { issuer, signer, attest, behaviour, lookUp, locate, policy, revocation, audit, deployment, now, warn };
  const pipeline = createPipeline(rooms);
  const introspection =
    clients().length === 0
      ? null
      : createIntrospection({ issuer, signer, attest, clients, revocation, now: host.now, warn, attestors });
  const health = createHealthListener(
    {
      policy: () => ({ revision: policy().revision, refused: isRefused() }),
      keys: host.keyStatus,
      suppressed: audit.suppressed,
      watched: () => Object.fromEntries(attestors.map(({ name, watched }) => [name, watched?.() ?? []])),
    },
    warn,
  );
  const listener = createPublicListener({
    ...{ issuer, signer, pipeline, introspection, challenge, warn },
    trustedProxies: configuration.listen.trustedProxies,
  });
  const { url: healthUrl } = closing(await openListener(health, configuration.health));
  const { url: publicUrl } = closing(await openListener(listener, configuration.listen));
  return Object.freeze({ publicUrl, healthUrl, close });
}

/** All at once: one whose platform does not answer must not hold up the others. */
async function createAttestors(
  { attestors }: Configuration,
  host: Host,
  closing: (attestor: Attestor) => Attestor,
): Promise<readonly Attestor[]> {
  const created = await Promise.allSettled(
    [...attestors].map(([name, attestor]) => createAttestor(name, attestor, host.forAttestor(name))),
  );
  // What did start is closed again when another did not.
  const started = created.flatMap((each) => (each.status === 'fulfilled' ? [closing(each.value)] : []));
  for (const each of created) if (each.status === 'rejected') throw each.reason;
  return started;
}

/** As the configuration has it: no plug-in can say otherwise of itself. */
function delegatorsOf({ attestors }: Configuration): ReadonlySet<string> {
  const delegators = [...attestors].filter(([, { type, options }]) => type.role?.(options) === 'delegator');
  return new Set(delegators.map(([name]) => name));
}

function nodeKindsOf({ attestors }: Configuration): ReadonlyMap<string, string> {
  return new Map([...attestors].flatMap(([name, { type }]) => (type.nodeKind ? [[name, type.nodeKind]] : [])));
}
