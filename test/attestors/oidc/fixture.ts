/** An attestor of type oidc over a stand-in issuer, on a clock that stands still until it is set. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import type { Attestation, Attestor } from '../../../attestors/attestor.js';
import { oidc } from '../../../attestors/oidc/index.js';
import { type Claims, type ClusterIssuer, createClusterIssuer } from '../../../examples/quickstart/cluster-issuer.js';
import { blocksOf } from '../../config/sample.js';
import { callWith, createTestHost, jwtEvidence, ourIssuer, type TestHost } from '../../support/attestor-host.js';

export const issuerUrl = 'https://ci.example';
export const start = 1_795_000_000;

export interface Fixture {
  readonly signer: ClusterIssuer;
  readonly attestor: Attestor;
  readonly host: TestHost;
  now: number;
  /** A token of the issuer for us, with claims changed, or left out when undefined. */
  token(changes?: Claims): string;
  attest(changes?: Claims): Promise<Attestation>;
  close(): Promise<void>;
}

let shared: Promise<ClusterIssuer> | undefined;

/** Signs whatever it is given: what makes it a cluster is not used. */
export function sharedSigner(): Promise<ClusterIssuer> {
  shared ??= createClusterIssuer({ issuer: issuerUrl, algorithm: 'ES256', now: () => start });
  return shared;
}

/** What every token of an issuer has. */
export const standard = (issuer: string, audience: string = ourIssuer): Claims => ({
  iss: issuer,
  aud: audience,
  sub: 'repo:acme/api:ref:refs/heads/main',
  jti: 'example-id',
  iat: start - 5,
  nbf: start - 5,
  exp: start + 300,
});

/** @param block beside `issuer`, unless it has a preset; `keys` are in the file jwks.json unless it says otherwise; as a SPIFFE bundle in bundle.json */
export async function createFixture(
  block: Readonly<Record<string, unknown>> = {},
  signer?: ClusterIssuer,
): Promise<Fixture> {
  const signs = signer ?? (await sharedSigner());
  const folder = await mkdtemp(join(tmpdir(), 'counterseal-oidc-'));
  await writeFile(join(folder, 'jwks.json'), JSON.stringify(signs.jwks()));
  const bundle = { keys: signs.jwks().keys.map((key) => ({ ...key, use: 'jwt-svid' })) };
  await writeFile(join(folder, 'bundle.json'), JSON.stringify(bundle));
  const host = createTestHost(() => fixture.now, folder);
  const options = oidc.options.parse({
    ...(block.preset === undefined && { issuer: issuerUrl }),
    keys: { jwksFile: 'jwks.json' },
    ...block,
  });
  const fixture: { -readonly [Key in keyof Fixture]: Fixture[Key] } = {
    signer: signs,
    host,
    now: start,
    attestor: undefined as unknown as Attestor,
    token: (changes) => signs.sign({ ...standard(options.issuer ?? issuerUrl, options.audience), ...changes }),
    attest: async (changes) => fixture.attestor.attest(jwtEvidence(fixture.token(changes)), callWith()),
    async close() {
      await fixture.attestor.close();
      await host.close();
      await rm(folder, { recursive: true });
    },
  };
  fixture.attestor = await oidc.create('ci', options, host.host);
  return fixture;
}

export type Block = Readonly<Record<string, unknown>> & { readonly issuer?: string; readonly audience?: string };

/** Those of README.md, by name. */
export function readmeBlocks(): ReadonlyMap<string, Block> {
  const texts = blocksOf('attestors/oidc/README.md');
  return new Map(
    texts.flatMap((text) => Object.entries((parse(text) as { attestors: Record<string, Block> }).attestors)),
  );
}
