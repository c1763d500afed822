/** google-auth-library, unmodified, with an `external_account` JSON: its four sources, when it asks, and when it asks again. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { ExternalAccountClient } from 'google-auth-library';
import { googleForm } from '../../attestors/aws/caller-identity/google.js';
import { account } from '../attestors/aws/fixture.js';
import { region, sessionOf, stsHost } from '../attestors/aws/signing.js';
import { startSts } from '../attestors/aws/sts-server.js';
import {
  calendar,
  claimsOf,
  clusterUrl,
  jwtType,
  payroll,
  startService,
  type TestService,
} from '../support/service.js';
import { startUpstream } from '../support/upstream.js';

/** What it asks for when nothing else is said. */
const cloudPlatform = 'https://www.googleapis.com/auth/cloud-platform';

describe('google-auth-library', () => {
  let service: TestService;
  before(async () => {
    const resources = `
  ${calendar}: { scope: [read:calendar, write:events], lifetime: 10m }
  ${payroll}: { scope: ["${cloudPlatform}"], lifetime: 5m }`;
    const rules = `
  calendar-agent:
    workload: { attestor: prod-eu, selectors: ["k8s:sa:calendar-agent"] }
    grant: { resource: "${calendar}", scope: [read:calendar, write:events] }
  payroll:
    workload: { attestor: prod-eu, selectors: ["k8s:sa:calendar-agent"] }
    grant: { resource: "${payroll}", scope: ["${cloudPlatform}"] }`;
    service = await startService({ resources, rules });
  });
  after(() => service.close());

  function client(scopes: string[] | null, options: Record<string, unknown> = {}) {
    const made = ExternalAccountClient.fromJSON({
      type: 'external_account',
      audience: calendar,
      subject_token_type: jwtType,
      token_url: `${service.url}/token`,
      credential_source: { file: `${service.folder}/token`, format: { type: 'text' } },
      ...options,
    } as Parameters<typeof ExternalAccountClient.fromJSON>[0]);
    assert.ok(made);
    if (scopes !== null) made.scopes = scopes;
    return made;
  }

  /** What the library reads of the environment, for as long as it takes. */
  async function within<Result>(environment: Readonly<Record<string, string>>, act: () => Promise<Result>) {
    const before = Object.keys(environment).map((name) => [name, process.env[name]] as const);
    Object.assign(process.env, environment);
    try {
      return await act();
    } finally {
      for (const [name, value] of before) {
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
      }
    }
  }

  const exchanges = async () => (await service.records()).length;

  it('exchanges the token file, newline and all', async () => {
    await writeFile(`${service.folder}/token`, `${await service.token()}\n`);
    const { token } = await client(['read:calendar']).getAccessToken();
    const claims = claimsOf(token);
    assert.deepEqual([claims.aud, claims.scope], [calendar, 'read:calendar']);
  });

  it('exchanges what a URL gives it for its headers', async () => {
    const token = await service.token();
    const source = await startUpstream(({ headers }, response) => {
      const isAsked = headers['x-identity-request'] === 'true';
      response.writeHead(isAsked ? 200 : 403, { 'content-type': 'application/json', connection: 'close' });
      response.end(JSON.stringify({ token: `${token}\n` }));
    });
    const format = { type: 'json', subject_token_field_name: 'token' };
    const url = `http://127.0.0.1:${source.port}/identity`;
    const headers = { 'X-Identity-Request': 'true' };
    try {
      const account = client(['read:calendar'], { credential_source: { url, headers, format } });
      assert.equal(claimsOf((await account.getAccessToken()).token).aud, calendar);
    } finally {
      await source.close();
    }
  });

  it('exchanges what a command prints, where the environment allows commands', async () => {
    const id_token = `${await service.token()}\n`;
    const printed = `${service.folder}/printed.json`;
    await writeFile(printed, JSON.stringify({ version: 1, success: true, token_type: jwtType, id_token }));
    const account = () =>
      client(['read:calendar'], { credential_source: { executable: { command: `/bin/cat ${printed}` } } });
    const allowing = { GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES: '1' };
    const { token } = await within(allowing, () => account().getAccessToken());
    assert.equal(claimsOf(token).aud, calendar);
  });

  it('exchanges a request that it signs for AWS, where its audience is the resource’s and the attestor’s', async () => {
    const session = sessionOf(account, 'worker');
    const sts = await startSts(() => Date.now() / 1000, [session]);
    const own = await startService({
      earlierStore: true,
      attestors: `
  aws-main:
    type: aws
    accounts: { "${account}": { environment: production } }
    audience: "${calendar}"
    callerIdentity: { regions: [${region}], endpoints: { ${stsHost}: "${sts.url}" }, googleCompat: true }`,
      rules: `
  worker:
    workload: { attestor: aws-main, selectors: ["aws:role:worker"] }
    grant: { resource: "${calendar}", scope: [read:calendar] }`,
    });
    const environment = {
      AWS_REGION: region,
      AWS_ACCESS_KEY_ID: session.accessKeyId,
      AWS_SECRET_ACCESS_KEY: session.secretAccessKey,
      AWS_SESSION_TOKEN: session.sessionToken ?? '',
    };
    const source = {
      environment_id: 'aws1',
      regional_cred_verification_url: 'https://sts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15',
    };
    try {
      const external = client(['read:calendar'], {
        ...{ token_url: `${own.url}/token`, subject_token_type: googleForm.tokenType, credential_source: source },
      });
      const { token } = await within(environment, () => external.getAccessToken());
      const { aud, attestation } = claimsOf(token);
      assert.deepEqual([aud, (attestation as { assurance: string }).assurance], [calendar, 'low']);
    } finally {
      await own.close();
      await sts.close();
    }
  });

  it('asks anew for each call when 300 s or less are left: its resources have a lifetime of 10m', async () => {
    await writeFile(`${service.folder}/token`, await service.token());
    for (const [audience, times] of [
      [payroll, 3],
      [calendar, 1],
    ] as const) {
      const before = await exchanges();
      const account = client(audience === payroll ? null : ['read:calendar'], { audience });
      for (let call = 0; call < 3; call++) await account.getAccessToken();
      assert.equal((await exchanges()) - before, times, audience);
    }
  });

  it('without scopes asks for Google’s, which is a scope like any other, and impersonates nobody', async () => {
    await writeFile(`${service.folder}/token`, await service.token());
    const account = client(null, { audience: payroll });
    assert.equal(claimsOf((await account.getAccessToken()).token).scope, cloudPlatform);
    assert.equal(account.getServiceAccountEmail(), null);
    await assert.rejects(client(null).getAccessToken(), /invalid_scope/);
  });

  it('asks four times while a dependency of ours does not answer, and once when it is refused', async () => {
    const keys = await startUpstream((_, response) => response.writeHead(500, { connection: 'close' }).end());
    const own = await startService({
      attestors: `
  prod-eu: { type: kubernetes, issuer: "${clusterUrl}", keys: { jwksUri: "http://127.0.0.1:${keys.port}/jwks" } }`,
    });
    try {
      for (const [audience, scopes, expected] of [
        [calendar, ['read:calendar'], [503, 503, 503, 503]],
        ['https://other.example/mcp#fragment', ['read:calendar'], [400]],
      ] as const) {
        const before = (await own.records()).length;
        await writeFile(`${own.folder}/token`, await own.token());
        const credential_source = { file: `${own.folder}/token` };
        const account = client([...scopes], { token_url: `${own.url}/token`, credential_source, audience });
        await assert.rejects(account.getAccessToken());
        const errors = (await own.records()).slice(before).map(({ error }) => error);
        const told = expected.map((status) => (status === 503 ? 'temporarily_unavailable' : 'invalid_target'));
        assert.deepEqual(errors, told);
      }
    } finally {
      await own.close();
      await keys.close();
    }
  });

  it('keeps the token for its lifetime: one exchange for many calls', async () => {
    await writeFile(`${service.folder}/token`, await service.token());
    const account = client(['read:calendar']);
    const before = (await service.records()).length;
    const first = await account.getAccessToken();
    const second = await account.getAccessToken();
    assert.equal(first.token, second.token);
    assert.equal((await service.records()).length, before + 1);
  });

  it('sends its client_id as Basic with an empty secret: accepted when it is the subject', async () => {
    await writeFile(`${service.folder}/token`, await service.token());
    const subject = 'spiffe://example.com/prod-eu/ns/agents/sa/calendar-agent';
    const { token } = await client(['read:calendar'], { client_id: subject }).getAccessToken();
    assert.equal(claimsOf(token).client_id, subject);
  });

  it('shows the person our error and its description', async () => {
    await writeFile(`${service.folder}/token`, await service.token());
    await assert.rejects(client([cloudPlatform]).getAccessToken(), /invalid_scope/);
  });
});
