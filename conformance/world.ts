/** What the requests of one case are made of, and what it has learned. */
import type { Endpoint } from './case.js';
import { showEvidence } from './evidence.js';
import type { Answer } from './http.js';
import { generateKey, type SigningKey } from './jws.js';
import type { Listener } from './listener.js';
import { type EvidenceSource, type GrantName, grantNames, type Profile } from './profile.js';
import type { Redact } from './redact.js';
import type { Server } from './server.js';
import type { Variant } from './variants.js';

export interface World {
  readonly profile: Profile;
  readonly server: Server;
  readonly redact: Redact;
  readonly keys: Keys;
  /** Where wrong evidence leads; of this case alone. */
  readonly trap: string;
  /** Of the steps before, the newest last. */
  readonly answers: Answer[];
  /** What was sent once, to be sent again. */
  readonly kept: Map<string, string>;
  /** The newest that the server gave for DPoP proofs (RFC 9449 §8). */
  nonce: string | undefined;
  wasTrapReached(): boolean;
}

/** Made once for all cases: an RSA key takes a while. */
export interface Keys {
  /** Nobody knows it. */
  readonly stranger: SigningKey;
  /** Of the client, for DPoP proofs. */
  readonly proof: SigningKey;
  /** Of the same kind. */
  readonly other: SigningKey;
}

export const createKeys = ({ evidence }: Profile): Keys =>
  Object.freeze({
    stranger: generateKey('key' in evidence ? evidence.key.alg : 'ES256'),
    proof: generateKey('ES256'),
    other: generateKey('ES256'),
  });

export interface WorldRooms {
  readonly profile: Profile;
  readonly server: Server;
  readonly redact: Redact;
  readonly keys: Keys;
  readonly listener: Listener;
}

export function createWorld({ listener, ...rooms }: WorldRooms): World {
  const trap = listener.makeUrl();
  return {
    ...rooms,
    trap,
    answers: [],
    kept: new Map(),
    nonce: undefined,
    wasTrapReached: () => listener.wasReached(trap),
  };
}

/** @throws Error when it is nowhere named */
export async function endpointOf({ server }: World, endpoint: Endpoint): Promise<string> {
  const url = await server.endpoint(endpoint);
  if (url === undefined) throw new Error(`neither the profile nor the metadata names the ${endpoint} endpoint`);
  return url;
}

/** The grant of cases that are not about one: the first that the server supports. */
export function firstGrant({ profile }: World): GrantName {
  const found = grantNames.find((grant) => profile.supports.has(grant));
  if (found === undefined) throw new Error('the profile supports no grant');
  return found;
}

/** Of a member of the newest answer that has it; of tokens, mostly. */
export function memberOf({ answers }: World, name: string): string {
  const found = answers.findLast(({ json }) => typeof json?.[name] === 'string')?.json?.[name];
  if (typeof found !== 'string') throw new Error(`no answer of this case has had ${name}`);
  return found;
}

export async function evidenceOf(world: World, source: EvidenceSource, variant: Variant): Promise<string> {
  const { keys, trap, profile } = world;
  const tokenEndpoint = await endpointOf(world, 'token');
  const evidence = await showEvidence(source, variant, {
    stranger: keys.stranger,
    trap,
    tokenEndpoint,
    deadline: profile.deadline,
  });
  world.redact.learn(evidence);
  return evidence;
}
