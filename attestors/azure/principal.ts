/** Whom a verified token of Microsoft Entra names: a managed identity, and where it asked for the token. */
import { Rejected } from '../../src/errors.js';
import { guid, kindOf, parseResource, type Resource } from './resource.js';

export interface Principal {
  readonly tenant: string;
  readonly oid: string;
  /** The application id of the identity. */
  readonly client: string;
  /** That the token was asked on; of a federated one, the user-assigned identity itself, as nothing says where it was asked. */
  readonly resource: Resource;
  /** Whether the identity belongs to that resource alone. */
  readonly isSystemAssigned: boolean;
}

type Claims = Readonly<Record<string, unknown>>;

/** Versions of tokens, by the issuers that have them: the same claim has another name in each. */
export const versions = Object.freeze([
  Object.freeze({ ver: '1.0', client: 'appid', issuer: (tenant: string) => `https://sts.windows.net/${tenant}/` }),
  Object.freeze({
    ver: '2.0',
    client: 'azp',
    issuer: (tenant: string) => `https://login.microsoftonline.com/${tenant}/v2.0`,
  }),
]);
export type Version = (typeof versions)[number];

/** @throws Rejected `tenant_mismatch`, `claim_malformed`, `not_an_application`, `resource_malformed`, `resource_mismatch` */
export function readPrincipal(claims: Claims, tenant: string, version: Version): Principal {
  if (claims.tid !== tenant) {
    throw new Rejected('tenant_mismatch', `tid: expected ${tenant}, the tenant of the issuer; found another.`);
  }
  if (claims.ver !== version.ver) {
    throw new Rejected('claim_malformed', `ver: expected ${version.ver}, which tokens of this issuer have.`);
  }
  const oid = readGuid(claims, 'oid');
  checkApplication(claims, oid);
  const identity = parseResource('xms_mirid', claims.xms_mirid);
  const isSystemAssigned = kindOf(identity) !== 'user-assigned';
  const asked = claims.xms_az_rid === undefined ? identity : parseResource('xms_az_rid', claims.xms_az_rid);
  checkAgreement(identity, asked, isSystemAssigned);
  const client = readGuid(claims, version.client);
  return Object.freeze({ tenant, oid, client, resource: asked, isSystemAssigned });
}

function readGuid(claims: Claims, name: string): string {
  const value = claims[name];
  const lower = typeof value === 'string' ? value.toLowerCase() : '';
  if (!guid.test(lower)) throw new Rejected('claim_malformed', `${name}: expected a GUID.`);
  return lower;
}

/** `idtyp` is an optional claim; without it, an application is told from a person by its `sub`, which is its `oid`. */
function checkApplication({ idtyp, scp, sub }: Claims, oid: string): void {
  const isApplication = idtyp === undefined ? typeof sub === 'string' && sub.toLowerCase() === oid : idtyp === 'app';
  if (scp === undefined && isApplication) return;
  throw new Rejected(
    'not_an_application',
    'The token is not of an application alone: expected idtyp "app", or sub equal to oid, and no scp.',
  );
}

/** A system-assigned identity is used on its own resource only; a user-assigned one is no place to ask on. */
function checkAgreement(identity: Resource, asked: Resource, isSystemAssigned: boolean): void {
  const agree = isSystemAssigned
    ? asked.id === identity.id || asked.id.startsWith(`${identity.id}/virtualmachines/`)
    : asked.id === identity.id || kindOf(asked) !== 'user-assigned';
  if (agree) return;
  throw new Rejected(
    'resource_mismatch',
    'xms_az_rid, the resource that the token was asked on, is not one of the identity in xms_mirid.',
  );
}
