/** An attestor of type azure over a stand-in for Microsoft Entra, on a clock that stands still until it is set. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Attestation, Attestor } from '../../../attestors/attestor.js';
import { azure } from '../../../attestors/azure/index.js';
import { type Claims, type ClusterIssuer, createClusterIssuer } from '../../../examples/quickstart/cluster-issuer.js';
import { callWith, createTestHost, jwtEvidence, type TestHost } from '../../support/attestor-host.js';

export const start = 1_795_000_000;
export const audience = 'api://counterseal';
export const tenant = '72f988bf-86f1-41af-91ab-2d7cd011db47';
export const otherTenant = '0e1fd24e-1111-4a1c-8e64-9d0a2b3c4d5e';
export const subscription = '8d10da13-8125-4ba9-a717-bf7490507b3d';
export const oid = '5a2c3f10-9a6b-4d47-8d5f-2f1c5f0e6a11';
export const client = '1b2c3d4e-5f60-4718-92a3-b4c5d6e7f809';

const group = `/subscriptions/${subscription}/resourcegroups/Agents`;
/** Written as Azure does: in mixed case. */
export const ids = Object.freeze({
  vm: `${group}/providers/Microsoft.Compute/virtualMachines/calendar-0`,
  otherVm: `${group}/providers/Microsoft.Compute/virtualMachines/calendar-1`,
  uniform: `${group}/providers/Microsoft.Compute/virtualMachineScaleSets/calendar`,
  uniformInstance: `${group}/providers/Microsoft.Compute/virtualMachineScaleSets/calendar/virtualMachines/3`,
  flexible: `${group}/providers/Microsoft.Compute/virtualMachines/calendar_7e3c1f2a`,
  site: `${group}/providers/Microsoft.Web/sites/calendar`,
  identity: `${group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/calendar`,
});

export const v1Issuer = (of: string) => `https://sts.windows.net/${of}/`;
export const v2Issuer = (of: string) => `https://login.microsoftonline.com/${of}/v2.0`;

/** As a v1 token has them, of a VM's system-assigned identity. */
export const v1 = (now = start): Claims => ({
  aud: audience,
  iss: v1Issuer(tenant),
  iat: now - 300,
  nbf: now - 300,
  exp: now + 86_400,
  aio: 'E2ZgYNh1',
  appid: client,
  appidacr: '2',
  idp: v1Issuer(tenant),
  idtyp: 'app',
  oid,
  rh: '0.AAAA',
  sub: oid,
  tid: tenant,
  uti: 'uQkFFLFg0E',
  ver: '1.0',
  xms_mirid: ids.vm,
});

/** The same as a v2 token. */
export const v2 = (now = start): Claims => {
  const { appid, appidacr, idp, idtyp, ...rest } = v1(now);
  return { ...rest, iss: v2Issuer(tenant), azp: client, azpacr: '2', ver: '2.0' };
};

let shared: Promise<ClusterIssuer> | undefined;

/** Signs whatever it is given, as Entra does: RS256, keys without `alg`, `x5t` and `x5c` beside. */
export function entra(): Promise<ClusterIssuer> {
  shared ??= createClusterIssuer({ issuer: v1Issuer(tenant), algorithm: 'RS256', now: () => start });
  return shared;
}

export async function entraKeys(): Promise<string> {
  const keys = (await entra()).jwks().keys.map(({ alg, ...key }) => ({ ...key, x5t: key.kid, x5c: ['MIIDBTCCAe2g'] }));
  return JSON.stringify({ keys });
}

export interface Fixture {
  readonly attestor: Attestor;
  readonly host: TestHost;
  readonly folder: string;
  now: number;
  /** A token of `v1`, with claims changed, or left out when undefined. */
  token(changes?: Claims): string;
  attest(changes?: Claims): Promise<Attestation>;
  close(): Promise<void>;
}

/** @param block beside `tenants` and `audience`; `keys` are in a file unless it says otherwise */
export async function createFixture(block: Readonly<Record<string, unknown>> = {}): Promise<Fixture> {
  const signer = await entra();
  const folder = await mkdtemp(join(tmpdir(), 'counterseal-azure-'));
  await writeFile(join(folder, 'jwks.json'), await entraKeys());
  const host = createTestHost(() => fixture.now, folder);
  const options = azure.options.parse({
    tenants: { [tenant]: {} },
    audience,
    managedIdentity: { keys: { jwksFile: 'jwks.json' } },
    ...block,
  });
  const fixture: { -readonly [Key in keyof Fixture]: Fixture[Key] } = {
    host,
    folder,
    now: start,
    attestor: undefined as unknown as Attestor,
    token: (changes) => signer.sign({ ...v1(), ...changes }, { x5t: 'thumbprint' }),
    attest: async (changes) => fixture.attestor.attest(jwtEvidence(fixture.token(changes)), callWith()),
    async close() {
      await fixture.attestor.close();
      await host.close();
      await rm(folder, { recursive: true });
    },
  };
  fixture.attestor = await azure.create('azure-main', options, host.host);
  return fixture;
}
