/** An attestor of type aws over a stand-in for the account's issuer, on a clock that stands still until it is set. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Attestation, Attestor } from '../../../attestors/attestor.js';
import { aws } from '../../../attestors/aws/index.js';
import { type Claims, type ClusterIssuer, createClusterIssuer } from '../../../examples/quickstart/cluster-issuer.js';
import { callWith, createTestHost, jwtEvidence, ourIssuer, type TestHost } from '../../support/attestor-host.js';

export const account = '111122223333';
export const issuerUrl = 'https://a1faa616-d595-447d-bdfd-64b774ab199c.tokens.sts.global.api.aws';
export const start = 1_795_000_000;
export const namespace = 'https://sts.amazonaws.com/';

export interface Fixture {
  readonly attestor: Attestor;
  readonly host: TestHost;
  now: number;
  /** A token of the issuer for us, with claims changed, or left out when undefined; `session` is changed likewise. */
  token(changes?: Claims, session?: Claims): string;
  attest(changes?: Claims, session?: Claims): Promise<Attestation>;
  close(): Promise<void>;
}

let shared: Promise<ClusterIssuer> | undefined;

/** Signs whatever it is given: what makes it a cluster is not used. */
export function sharedSigner(): Promise<ClusterIssuer> {
  shared ??= createClusterIssuer({ issuer: issuerUrl, algorithm: 'ES384', now: () => start });
  return shared;
}

/** As the IAM User Guide shows it under "Understanding token claims". */
export const webIdentityClaims = (issuer: string, now: number, session: Claims = {}): Claims => ({
  iss: issuer,
  aud: ourIssuer,
  sub: `arn:aws:iam::${account}:role/DataProcessingRole`,
  iat: now - 5,
  exp: now + 295,
  jti: 'xyz123-def456-ghi789-jkl012',
  [namespace]: {
    aws_account: account,
    source_region: 'us-east-1',
    org_id: 'o-abc1234567',
    ou_path: 'o-a1b2c3d4e5/r-ab12/ou-ab12-11111111/ou-ab12-22222222/',
    principal_tags: { environment: 'production', team: 'data-engineering', 'cost:center': 'engineering' },
    lambda_source_function_arn: `arn:aws:lambda:us-east-1:${account}:function:process-data`,
    request_tags: { 'job-id': 'canary-2024-001', team: 'canary' },
    ...session,
  },
});

/** @param block beside `accounts`, which it may replace */
export async function createFixture(block: Readonly<Record<string, unknown>> = {}): Promise<Fixture> {
  const signer = await sharedSigner();
  const folder = await mkdtemp(join(tmpdir(), 'counterseal-aws-'));
  await writeFile(join(folder, 'jwks.json'), JSON.stringify(signer.jwks()));
  const host = createTestHost(() => fixture.now, folder);
  const options = aws.options.parse({
    accounts: { [account]: { issuer: issuerUrl } },
    webIdentity: { keys: { jwksFile: 'jwks.json' } },
    ...block,
  });
  const fixture: { -readonly [Key in keyof Fixture]: Fixture[Key] } = {
    host,
    now: start,
    attestor: undefined as unknown as Attestor,
    token: (changes, session) => signer.sign({ ...webIdentityClaims(issuerUrl, fixture.now, session), ...changes }),
    attest: async (...changes) => fixture.attestor.attest(jwtEvidence(fixture.token(...changes)), callWith()),
    async close() {
      await fixture.attestor.close();
      await host.close();
      await rm(folder, { recursive: true });
    },
  };
  fixture.attestor = await aws.create('aws-main', options, host.host);
  return fixture;
}
