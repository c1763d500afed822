/**
 * examples/federation, as it stands: each cloud's own file (trust policy, provider, federated credential) decides about a token that the
 * service of the example has issued. Stand-ins do what the clouds document; nothing here has spoken to a cloud.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ExternalAccountClient } from 'google-auth-library';
import { createRemoteJWKSet, type JWTPayload, jwtVerify } from 'jose';
import { parse } from 'yaml';
import { loadConfiguration } from '../../src/config/load.js';
import { lintPolicy } from '../../src/policy-tools/lint.js';
import { root } from '../support/command-line.js';
import { jwtType, postForm, startService, type TestService } from '../support/service.js';
import { freePort, startUpstream, type Upstream } from '../support/upstream.js';

const folder = join(root, 'examples/federation');
const textOf = (file: string) => readFileSync(join(folder, file), 'utf8');

interface Example {
  readonly resources: Readonly<Record<string, object>>;
  readonly rules: object;
  readonly signing?: object;
}

/** The example's service, with a cluster of ours, at a place that the stand-ins can reach. */
async function startExample(cloud: string): Promise<{ service: TestService; issuer: string; audience: string }> {
  const { resources, rules, signing } = parse(textOf(`${cloud}/counterseal.yaml`)) as Example;
  const port = await freePort();
  const issuer = `http://127.0.0.1:${port}`;
  const service = await startService({
    ...{ issuer, port: String(port) },
    resources: JSON.stringify(resources),
    rules: JSON.stringify(rules),
    ...(signing && { more: `signing: ${JSON.stringify(signing)}` }),
  });
  return { service, issuer, audience: Object.keys(resources)[0] ?? '' };
}

/** What all of them do: OpenID Connect Discovery §4, then the key set. */
async function verify(issuer: string, token: string, algorithms: string[]): Promise<JWTPayload> {
  const response = await fetch(`${issuer}/.well-known/openid-configuration`);
  const metadata = (await response.json()) as Record<string, unknown>;
  assert.equal(metadata.issuer, issuer);
  for (const field of ['response_types_supported', 'subject_types_supported', 'id_token_signing_alg_values_supported'])
    assert.ok(Array.isArray(metadata[field]), field);
  const keys = createRemoteJWKSet(new URL(String(metadata.jwks_uri)));
  const requiredClaims = ['iss', 'sub', 'aud', 'iat', 'exp'];
  const { payload } = await jwtVerify(token, keys, { issuer, algorithms, requiredClaims });
  assert.equal(typeof payload.aud, 'string', 'one audience');
  return payload;
}

const statementsOf = (policy: string) =>
  (JSON.parse(policy) as { Statement: { Condition: { StringEquals: Record<string, string> } }[] }).Statement;

/** IAM User Guide, “Create an OpenID Connect (OIDC) identity provider in IAM” and its condition keys. */
async function assumesRole(issuer: string, token: string): Promise<boolean> {
  const claims: Record<string, unknown> = await verify(issuer, token, [
    'RS256',
    'RS384',
    'RS512',
    'ES256',
    'ES384',
    'ES512',
  ]);
  const provider = issuer.replace(/^https?:\/\//, '');
  const policy = textOf('aws/trust-policy.json').replaceAll('sts.example.com', provider);
  return statementsOf(policy).some(({ Condition: { StringEquals } }) =>
    Object.entries(StringEquals).every(([key, value]) => {
      const [named, claim = ''] = [key.slice(0, key.lastIndexOf(':')), key.slice(key.lastIndexOf(':') + 1)];
      return named === provider && claims[claim] === value;
    }),
  );
}

/** “Configure workload identity federation with other identity providers”: the provider of the pool. */
async function isPrincipal(issuer: string, token: string, provider: string): Promise<string> {
  const claims = await verify(issuer, token, ['RS256', 'ES256']);
  assert.ok([provider, `https:${provider}`].includes(String(claims.aud)), 'the audiences that are allowed by default');
  const { exp = 0, iat = 0 } = claims;
  assert.ok(exp - iat <= 86_400 && iat <= Date.now() / 1000);
  const { attributeMapping, attributeCondition } = JSON.parse(textOf('google/provider.json')) as {
    attributeMapping: Record<string, string>;
    attributeCondition: string;
  };
  assert.deepEqual(
    [attributeMapping['google.subject'], attributeCondition],
    ['assertion.sub', "assertion.attestation.environment == 'production'"],
  );
  const { environment } = claims.attestation as { environment: string };
  assert.equal(environment, 'production');
  assert.ok(Buffer.byteLength(String(claims.sub)) <= 127, 'google.subject');
  return String(claims.sub);
}

/** “Important considerations and restrictions for federated identity credentials”: three values, each exactly; RS256 alone. */
async function isIdentity(issuer: string, token: string): Promise<boolean> {
  const claims = await verify(issuer, token, ['RS256']);
  const credential = JSON.parse(textOf('azure/federated-credential.json')) as {
    subject: string;
    audiences: string[];
  };
  assert.ok(credential.subject.length <= 600 && credential.audiences.length === 1);
  return claims.sub === credential.subject && claims.aud === credential.audiences[0];
}

const asked = (subject_token: string, audience: string, changes = {}) => ({
  ...{ grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange', subject_token_type: jwtType, subject_token },
  ...{ audience, requested_token_type: jwtType, ...changes },
});

describe('examples/federation', function () {
  this.timeout(60_000);
  const cases = {
    aws: assumesRole,
    google: async (issuer: string, token: string, audience: string) =>
      (await isPrincipal(issuer, token, audience)) !== '',
    azure: isIdentity,
  };
  for (const [cloud, accepts] of Object.entries(cases)) {
    describe(cloud, () => {
      let service: TestService;
      let issuer = '';
      let audience = '';
      before(async () => {
        ({ service, issuer, audience } = await startExample(cloud));
      });
      after(() => service.close());
      const pod = (serviceAccount = 'report-job') => service.token({ namespace: 'reports', serviceAccount });
      const ask = async (changes = {}) => postForm(`${service.url}/token`, asked(await pod(), audience, changes));

      it('is a configuration that can be taken, and lint has notes at most', async () => {
        const file = join(folder, cloud, 'counterseal.yaml');
        const configuration = await loadConfiguration(file);
        assert.deepEqual(
          (await lintPolicy(configuration, file)).filter(({ level }) => level !== 'note'),
          [],
        );
        assert.equal(configuration.issuer, 'https://sts.example.com');
      });

      it('the job’s token is accepted there, by discovery, keys and claims', async () => {
        const { status, body } = await ask();
        assert.deepEqual([status, body.token_type], [200, 'N_A']);
        assert.equal(await accepts(issuer, String(body.access_token), audience), true);
      });

      it('nobody else gets one, and the job gets no access token in its place', async () => {
        const stranger = asked(await pod('another-job'), audience);
        assert.equal((await postForm(`${service.url}/token`, stranger)).body.error, 'invalid_target');
        const requested_token_type = 'urn:ietf:params:oauth:token-type:access_token';
        assert.equal((await ask({ requested_token_type })).body.error, 'invalid_target');
      });
    });
  }

  describe('google-auth-library, unmodified, with credential.json', () => {
    let service: TestService;
    let google: Upstream;
    let issuer = '';
    let audience = '';
    const seen: string[] = [];
    const { GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES: allowed } = process.env;
    before(async () => {
      ({ service, issuer, audience } = await startExample('google'));
      process.env.GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES = '1';
      google = await startUpstream((request, response) => {
        let body = '';
        request.on('data', (chunk) => {
          body += chunk;
        });
        request.on('end', async () => {
          const form = new URLSearchParams(body);
          assert.equal(form.get('audience'), audience);
          seen.push(await isPrincipal(issuer, form.get('subject_token') ?? '', audience));
          response.setHeader('Content-Type', 'application/json');
          const issued_token_type = 'urn:ietf:params:oauth:token-type:access_token';
          response.end(
            JSON.stringify({ access_token: 'ya29.x', issued_token_type, token_type: 'Bearer', expires_in: 3600 }),
          );
        });
      });
    });
    after(async () => {
      if (allowed === undefined) delete process.env.GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES;
      await google.close();
      await service.close();
    });

    it('runs the command, and exchanges at Google what it prints', async () => {
      const tokenFile = join(service.folder, 'pod-token');
      await writeFile(tokenFile, await service.token({ namespace: 'reports', serviceAccount: 'report-job' }));
      const credential = JSON.parse(textOf('google/credential.json'));
      const { executable } = credential.credential_source;
      const run = `${process.execPath} --import=tsx ${join(root, 'src/main.ts')}`;
      executable.command = `${executable.command
        .replace(/^counterseal /, `${run} `)
        .replace('https://sts.example.com', issuer)} --token-file ${tokenFile}`;
      const client = ExternalAccountClient.fromJSON({
        ...credential,
        token_url: `http://127.0.0.1:${google.port}/v1/token`,
      });
      assert.ok(client);
      assert.equal((await client.getAccessToken()).token, 'ya29.x');
      assert.deepEqual(seen, ['spiffe://example.com/prod-eu/ns/reports/sa/report-job']);
    });
  });
});
