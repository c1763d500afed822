/** What the host hands to each attestor; the only doors out of a plug-in. */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type {
  Attestor,
  AttestorHost,
  AttestorType,
  Clock,
  FollowCall,
  KeySetStatus,
  KeySource,
} from '../attestors/attestor.js';
import type { Nonces } from './challenge/nonces.js';
import { createKeySet, type HostKeySet } from './jwt/key-set.js';
import { keyLoader } from './jwt/sources.js';
import { verifyJwt } from './jwt/verify.js';
import { createOutbound, type Outbound } from './outbound.js';
import type { Revocation } from './revocation/revocation.js';

export interface HostOptions {
  readonly now: Clock;
  readonly issuer: string;
  readonly environment: string;
  readonly trustDomain: string;
  readonly outbound: Outbound;
  readonly revocation: Pick<Revocation, 'ended' | 'instances'>;
  readonly nonces: { check(...nonce: Parameters<Nonces['check']>): unknown };
  readonly path: (relative: string) => string;
  readonly warn: (message: string) => void;
  /** Left out: nothing is traced. */
  readonly follow?: FollowCall | undefined;
}

export interface Host {
  readonly now: Clock;
  /** For those that are no attestors. */
  readonly outbound: Pick<Outbound, 'send'>;
  forAttestor(name: string): AttestorHost;
  /** State of each attestor's keys, by attestor. */
  keyStatus(): Readonly<Record<string, readonly KeySetStatus[]>>;
  close(): Promise<void>;
}

/** What of a configuration the way out needs. */
interface OutboundRoom {
  readonly outbound: { readonly ca?: { readonly file: string } | undefined; readonly allow: readonly string[] };
  readonly literalHosts: ReadonlySet<string>;
}

/** What of a configuration a host needs. */
export interface HostRoom extends OutboundRoom {
  readonly issuer: string;
  readonly environment: string;
  readonly trustDomain: string;
  /** Absolute: relative paths are relative to it. */
  readonly directory: string;
}

/** @throws Error when the certificates of `outbound.ca` cannot be used */
export async function openHost(
  room: HostRoom,
  around: Pick<HostOptions, 'follow' | 'nonces' | 'now' | 'revocation' | 'warn'>,
): Promise<Host> {
  const { issuer, environment, trustDomain, directory } = room;
  return createHost({
    issuer,
    environment,
    trustDomain,
    outbound: await openOutbound(room, around.follow),
    path: (relative) => resolve(directory, relative),
    ...around,
  });
}

/** @throws Error when the certificates of `outbound.ca` cannot be used */
export async function openOutbound({ outbound, literalHosts }: OutboundRoom, follow?: FollowCall): Promise<Outbound> {
  const ca = outbound.ca === undefined ? {} : { ca: await readFile(outbound.ca.file, 'utf8') };
  return createOutbound({ ...ca, allow: outbound.allow, literalHosts, follow });
}

export function createHost(options: HostOptions): Host {
  const { now, issuer, environment, trustDomain, path, outbound, revocation, follow = () => undefined } = options;
  const keySets = new Map<string, HostKeySet[]>();
  return Object.freeze({
    now,
    outbound,
    keyStatus: () => Object.fromEntries([...keySets].map(([name, sets]) => [name, sets.map((keys) => keys.status())])),
    async close() {
      for (const keys of [...keySets.values()].flat()) keys.close();
      await outbound.close();
    },
    forAttestor(name: string): AttestorHost {
      const warn = (message: string) => options.warn(`attestor ${name}: ${message}`);
      return Object.freeze<AttestorHost>({
        now,
        issuer,
        environment,
        path,
        warn,
        keySet(source: KeySource, { maxStale }) {
          const keys = createKeySet({ ...keyLoader(source, { outbound, path }), now, maxStale, warn });
          keySets.set(name, [...(keySets.get(name) ?? []), keys]);
          return keys;
        },
        verifyJwt: (jwt, keys, expect) => verifyJwt(jwt, keys as HostKeySet, expect, now()),
        checkNonce: (tokenType, nonce) => options.nonces.check(tokenType, nonce),
        send: (url, request) => outbound.send(url, request),
        follow,
        ended: (instance, reason) => revocation.ended(name, instance, reason),
        instances: () => revocation.instances(name),
        spiffeId: (...segments) => `spiffe://${trustDomain}/${segments.map(spiffeSegment).join('/')}`,
      });
    },
  });
}

/** @throws Error for what `plan` finds wrong with the options, and whatever `create` throws */
export async function createAttestor(
  name: string,
  { type, options }: { readonly type: AttestorType; readonly options: unknown },
  host: AttestorHost,
): Promise<Attestor> {
  const [fault] = type.plan(options, host.issuer).faults;
  if (fault !== undefined) throw new Error(`attestors.${name}.${fault.path.join('.')}: ${fault.message}`);
  return type.create(name, options, host);
}

/**
 * A value that SPIFFE does not allow as a path segment (SPIFFE-ID §2.2: also `.` and `..`), or that could be taken for
 * an encoded one, is written `b64-` and base64url.
 */
function spiffeSegment(value: string): string {
  const plain = /^[A-Za-z0-9._-]+$/.test(value) && !value.startsWith('b64-') && value !== '.' && value !== '..';
  return plain ? value : `b64-${Buffer.from(value, 'utf8').toString('base64url')}`;
}
