/** What the host hands to each attestor; the only doors out of a plug-in. */
import type { AttestorHost, Clock, KeySource } from '../attestors/attestor.js';
import { createKeySet, type HostKeySet } from './jwt/key-set.js';
import { keyLoader } from './jwt/sources.js';
import { verifyJwt } from './jwt/verify.js';
import type { Outbound } from './outbound.js';
import type { Revocation } from './revocation/revocation.js';

export interface HostOptions {
  readonly now: Clock;
  readonly issuer: string;
  readonly environment: string;
  readonly trustDomain: string;
  readonly outbound: Outbound;
  readonly revocation: Pick<Revocation, 'ended' | 'instances'>;
  readonly path: (relative: string) => string;
  readonly warn: (message: string) => void;
}

export interface Host {
  readonly now: Clock;
  forAttestor(name: string): AttestorHost;
  /** State of each attestor's keys, by attestor. */
  keyStatus(): Readonly<Record<string, unknown>>;
  close(): Promise<void>;
}

export function createHost(options: HostOptions): Host {
  const { now, issuer, environment, trustDomain, path, outbound, revocation } = options;
  const keySets = new Map<string, HostKeySet[]>();
  return Object.freeze({
    now,
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
        ended: (instance, reason) => revocation.ended(name, instance, reason),
        instances: () => revocation.instances(name),
        spiffeId: (...segments) => `spiffe://${trustDomain}/${segments.map(spiffeSegment).join('/')}`,
      });
    },
  });
}

/**
 * A value that SPIFFE does not allow as a path segment (SPIFFE-ID §2.2: also `.` and `..`), or that could be taken for
 * an encoded one, is written `b64-` and base64url.
 */
function spiffeSegment(value: string): string {
  const plain = /^[A-Za-z0-9._-]+$/.test(value) && !value.startsWith('b64-') && value !== '.' && value !== '..';
  return plain ? value : `b64-${Buffer.from(value, 'utf8').toString('base64url')}`;
}
