/** A host for the commands that look at attestors without serving. */
import { type Host, type HostRoom, openHost } from '../attestor-host.js';

/** @throws Error when the certificates of `outbound.ca` cannot be used */
export function openQuietHost(room: HostRoom): Promise<Host> {
  return openHost(room, {
    now: () => Date.now() / 1000,
    // Nothing is issued here, so nobody holds tokens.
    revocation: { ended: () => {}, instances: () => [] },
    // Nor are nonces: those of the metadata service here are our own.
    nonces: { check: () => {} },
    // Whatever went wrong is in the findings.
    warn: () => {},
  });
}
