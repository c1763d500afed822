/** The example package in a whole service: challenge, response, token; and what must not become one. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { enrol, respond, exchange as runClient } from '../../examples/attestor-plugin/client.js';
import { installExample } from '../support/plugin-folder.js';
import { type Answer, calendar, claimsOf, issuer, startService, type TestService } from '../support/service.js';

const tokenType = 'urn:example:params:token-type:machine-key';
const build = enrol();
const backup = generateKeyPairSync('ed25519');

/** Another type that takes nonces. */
const other = `
const tokenType = 'urn:example:other';
const accepts = [{ tokenType, issuer: 'a', audience: 'b' }];
export const attestorType = {
  type: 'other', selectorKinds: [], facts: [], forms: [{ tokenType, challenge: true, parse() {} }],
  options: { safeParse: (data) => ({ success: true, data }) },
  plan: () => ({ accepts, faults: [], files: [] }),
  create: async (name) => ({ name, accepts, attest() {}, close: async () => {} }),
};`;

describe('a module in the service: machine-key', () => {
  let service: TestService;
  let now = Date.now();

  before(async () => {
    const { kty, crv, x } = build.publicKey;
    service = await startService({
      now: () => now,
      prepare: async (folder) => {
        await installExample(folder);
        await writeFile(join(folder, 'other.mjs'), other);
        await writeFile(join(folder, 'backup.pub.pem'), backup.publicKey.export({ type: 'spki', format: 'pem' }));
      },
      attestors: `
  machines:
    module: counterseal-machine-key
    machines:
      build-1: { publicKey: { kty: ${kty}, crv: ${crv}, x: "${x}" }, labels: { team: release } }
      backup: { publicKey: backup.pub.pem, labels: { team: storage } }
  other: { module: ./other.mjs }
  prod-eu: { type: kubernetes, issuer: "https://kubernetes.default.svc", keys: { jwksFile: jwks.json } }`,
      resources: `
  ${calendar}: { scope: [read:calendar] }`,
      rules: `
  release:
    workload: { attestor: machines, selectors: ["machine:label:team:release"] }
    grant: { resource: "${calendar}", scope: [read:calendar] }`,
    });
  });
  after(() => service.close());

  async function challenge(type = tokenType): Promise<string> {
    const response = await fetch(`${service.url}/challenge`, {
      method: 'POST',
      body: new URLSearchParams({ subject_token_type: type }),
    });
    assert.equal(response.status, 200);
    return ((await response.json()) as { nonce: string }).nonce;
  }
  const claims = async (changes: object = {}) => ({
    audience: issuer,
    machine: 'build-1',
    nonce: await challenge(),
    ...changes,
  });
  const exchange = (token: string): Promise<Answer> =>
    service.exchange({ subject_token: token, subject_token_type: tokenType });

  async function refused(token: string, reason: string): Promise<void> {
    const { status, body } = await exchange(token);
    assert.deepEqual([status, body.error], [400, 'invalid_request'], reason);
    assert.equal((await service.lastRecord()).reason, reason);
  }

  it('exchanges the response to a challenge for a token', async () => {
    const { status, body } = await exchange(respond(await claims(), build.privateKey));
    assert.equal(status, 200, JSON.stringify(body));
    const { sub, scope, attestation } = claimsOf(body.access_token);
    assert.deepEqual([sub, scope], ['spiffe://example.com/machines/machine/build-1', 'read:calendar']);
    const { attestor, assurance, environment } = attestation as Record<string, unknown>;
    assert.deepEqual([attestor, assurance, environment], ['machines', 'medium', 'production']);
  });

  it('does so for the package’s own client', async () => {
    const { privateKey } = build;
    const how = { url: service.url, audience: issuer, machine: 'build-1', privateKey, resource: calendar };
    const { access_token } = (await runClient(how)) as Answer['body'];
    assert.equal(claimsOf(access_token).aud, calendar);
  });

  it('decides by the labels of the machine: one whose key is in a PEM file has no rule', async () => {
    const token = respond(await claims({ machine: 'backup' }), backup.privateKey);
    assert.equal((await exchange(token)).body.error, 'invalid_target');
  });

  it('refuses a response that was redeemed', async () => {
    const token = respond(await claims(), build.privateKey);
    assert.equal((await exchange(token)).status, 200);
    await refused(token, 'nonce_used');
  });

  it('gives one token to 100 that redeem a response at once (node-oidc-provider, fosite: replay checks that look first)', async () => {
    const token = respond(await claims(), build.privateKey);
    const answers = await Promise.all(Array.from({ length: 100 }, () => exchange(token)));
    assert.equal(answers.filter(({ status }) => status === 200).length, 1);
    assert.equal(answers.filter(({ status }) => status === 400).length, 99);
  });

  it('refuses a nonce that this service did not give out, and one that has ended', async () => {
    await refused(respond(await claims({ nonce: 'a'.repeat(32) }), build.privateKey), 'nonce_unknown');
    const late = respond(await claims(), build.privateKey);
    now += 301_000;
    await refused(late, 'nonce_expired');
  });

  it('refuses a nonce that was given out for evidence of another type (Keycloak CVE-2026-4282)', async () => {
    const nonce = await challenge('urn:example:other');
    await refused(respond(await claims({ nonce }), build.privateKey), 'nonce_unknown');
  });

  it('refuses another audience, an unknown machine and the key of another one', async () => {
    await refused(respond(await claims({ audience: 'https://o.example' }), build.privateKey), 'audience_not_ours');
    await refused(respond(await claims({ machine: 'build-9' }), build.privateKey), 'machine_unknown');
    await refused(respond(await claims({ machine: 'backup' }), build.privateKey), 'machine_key_signature');
  });

  it('refuses bytes that were changed, wherever, and goes on', async () => {
    const token = respond(await claims(), build.privateKey);
    for (let at = 0; at < token.length; at += 7) {
      const changed = `${token.slice(0, at)}${token[at] === 'A' ? 'B' : 'A'}${token.slice(at + 1)}`;
      assert.equal((await exchange(changed)).status, 400, String(at));
    }
    assert.equal((await exchange(token)).status, 200);
  });

  it('puts neither responses nor signatures into records or warnings', async () => {
    const token = respond(await claims(), build.privateKey);
    await exchange(token);
    await exchange(`${token.slice(0, -2)}AA`);
    const text = `${await service.auditText()}${service.warnings.join('\n')}`;
    for (const part of token.split('.')) assert.ok(!text.includes(part));
  });
});

describe('a module in the service: one that fails', () => {
  /** What it is told to throw or to give stands in the token. */
  const careless = `
  import { Rejected } from 'counterseal/attestor';
  const tokenType = 'urn:example:careless';
  const accepts = [{ tokenType, issuer: 'a', audience: 'b' }];
  const parse = (token) => {
    if (token === 'form') throw new Error('inner-secret');
    return { issuer: 'a', audience: 'b', content: token };
  };
  const attest = async ({ content }) => {
    if (content === 'error') throw new Error('inner-secret');
    if (content === 'null') throw null;
    if (content === 'rejected') throw new Rejected('careless', 'inner-secret');
    return { attestor: 'one', subject: 'spiffe://example.com/prod-eu/ns/agents/sa/calendar-agent' };
  };
  export const attestorType = {
    type: 'careless', selectorKinds: [], facts: [], forms: [{ tokenType, challenge: false, parse }],
    options: { safeParse: (data) => ({ success: true, data }) },
    plan: () => ({ accepts, faults: [], files: [] }),
    create: async (name) => ({ name, accepts, attest, close: async () => {} }),
  };`;
  let service: TestService;
  before(async () => {
    service = await startService({
      prepare: async (folder) => {
        await installExample(folder);
        await writeFile(join(folder, 'careless.mjs'), careless);
      },
      attestors: `
  one: { module: ./careless.mjs }
  prod-eu: { type: kubernetes, issuer: "https://kubernetes.default.svc", keys: { jwksFile: jwks.json } }`,
    });
  });
  after(() => service.close());

  for (const [subject_token, status, error, reason] of [
    ['form', 500, 'server_error', 'internal'],
    ['error', 500, 'server_error', 'internal'],
    ['null', 500, 'server_error', 'internal'],
    ['impostor', 500, 'server_error', 'attestation_broken'],
    ['rejected', 400, 'invalid_request', 'careless'],
  ] as const) {
    it(`answers ${status} for ${subject_token}, in our words`, async () => {
      const answer = await service.exchange({ subject_token, subject_token_type: 'urn:example:careless' });
      assert.deepEqual([answer.status, answer.body.error], [status, error]);
      assert.ok(!JSON.stringify(answer.body).includes('inner-secret'));
      assert.equal((await service.lastRecord()).reason, reason);
    });
  }

  it('goes on with the evidence of others', async () => {
    assert.equal((await service.exchange()).status, 200);
  });
});
