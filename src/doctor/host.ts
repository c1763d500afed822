/** A host for the commands that look at attestors without serving. */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { createHost, type Host } from '../attestor-host.js';
import type { Configuration } from '../config/configuration.js';
import { createOutbound } from '../outbound.js';

/** What of a configuration such a host needs. */
export type Room = Pick<
  Configuration,
  'issuer' | 'environment' | 'trustDomain' | 'directory' | 'outbound' | 'literalHosts'
>;

/** @throws Error when the certificates of `outbound.ca` cannot be used */
export async function openHost(room: Room): Promise<Host> {
  const { issuer, environment, trustDomain, directory, outbound, literalHosts } = room;
  const ca = outbound.ca === undefined ? {} : { ca: await readFile(outbound.ca.file, 'utf8') };
  return createHost({
    now: () => Date.now() / 1000,
    issuer,
    environment,
    trustDomain,
    outbound: createOutbound({ ...ca, allow: outbound.allow, literalHosts }),
    path: (relative) => resolve(directory, relative),
    // Whatever went wrong is in the findings.
    warn: () => {},
  });
}
