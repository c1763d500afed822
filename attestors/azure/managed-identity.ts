/** Tokens of managed identities: whose issuer is of which tenant, and what they prove. */
import { Rejected } from '../../src/errors.js';
import { type AttestorHost, type KeySet, selector, type UnverifiedJwt } from '../attestor.js';
import { type AzureOptions, audienceOf } from './options.js';
import { type Principal, readPrincipal, type Version, versions } from './principal.js';
import { selectorsOfResource } from './resource.js';

export interface VerifiedPrincipal extends Principal {
  readonly claims: Readonly<Record<string, unknown>>;
  readonly exp: number;
}

export interface ManagedIdentity {
  /** @throws Rejected, Unavailable */
  verify(jwt: UnverifiedJwt): Promise<VerifiedPrincipal>;
  close(): void;
}

interface Issuer {
  readonly issuer: string;
  readonly tenant: string;
  readonly version: Version;
}

/** Seconds. Azure gives tokens for 24 hours and five minutes, and keeps them for all that ask on the machine. */
const maxLifetime = 25 * 3600;

export const issuersOf = ({ tenants }: AzureOptions): readonly Issuer[] =>
  Object.keys(tenants).flatMap((tenant) =>
    versions.map((version) => ({ issuer: version.issuer(tenant), tenant, version })),
  );

export async function openManagedIdentity(block: AzureOptions, host: AttestorHost): Promise<ManagedIdentity> {
  const { keys } = block.managedIdentity;
  const open = (source: Parameters<AttestorHost['keySet']>[0]) => host.keySet(source, { maxStale: keys.maxStale });
  const shared =
    'jwksUri' in keys ? open({ uri: keys.jwksUri }) : 'jwksFile' in keys ? open({ file: keys.jwksFile }) : undefined;
  const issuers = new Map(
    issuersOf(block).map((each) => [each.issuer, { ...each, keys: shared ?? open({ issuer: each.issuer }) }]),
  );
  const keySets = new Set<KeySet>([...issuers.values()].map((each) => each.keys));
  await Promise.all([...keySets].map((each) => each.ready()));
  const audience = audienceOf(block, host.issuer);
  return Object.freeze<ManagedIdentity>({
    async verify(jwt) {
      const found = typeof jwt.claims.iss === 'string' ? issuers.get(jwt.claims.iss) : undefined;
      if (found === undefined) throw new Rejected('jwt_issuer', 'iss: expected an issuer of a configured tenant.');
      const { issuer, tenant, version } = found;
      const expect = { issuer, audience, otherAudiences: 'refuse', maxLifetime, algorithms: ['RS256'] } as const;
      const { claims, exp } = await host.verifyJwt(jwt, found.keys, expect);
      if (host.now() >= exp) throw new Rejected('jwt_expired', 'The token expired while the keys were loaded.');
      return Object.freeze({ ...readPrincipal(claims, tenant, version), claims, exp });
    },
    close() {
      for (const each of keySets) each.close();
    },
  });
}

export const selectorsOfPrincipal = (principal: Principal): readonly string[] => [
  selector('azure', 'tenant', principal.tenant),
  selector('azure', 'oid', principal.oid),
  selector('azure', 'client', principal.client),
  ...selectorsOfResource(principal.resource),
];
