/** `counterseal revoke`, on a store that the service has open. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { hostname, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { finish } from '../support/command-line.js';
import { accessToken, getRevocations, introspect, revoke, startWithClients } from '../support/introspection.js';
import { claimsOf, type TestService } from '../support/service.js';

const agent = 'spiffe://example.com/prod-eu/ns/agents/sa/calendar-agent';
const instanceOf = (token: string) => (claimsOf(token).attestation as { instance: string }).instance;

describe('counterseal revoke', function () {
  this.timeout(60_000);
  let service: TestService;
  let config: string;
  before(async () => {
    service = await startWithClients();
    config = join(service.folder, 'counterseal.yaml');
  });
  after(() => service.close());
  const isActive = async (token: string) => (await introspect(service, { token })).body.active;
  const run = (...options: readonly string[]) => finish('revoke', '--config', config, ...options);

  it('one token, by its jti: at once, once, and the service’s log says by whom and why', async () => {
    const [token, other] = [await accessToken(service), await accessToken(service)];
    const id = String(claimsOf(token).jti);
    const first = await run('--token-id', id, '--reason', 'seen in a\nticket');
    assert.deepEqual(first, { code: 0, stdout: `token ${id}: revoked\n`, stderr: '' });
    assert.deepEqual([await isActive(token), await isActive(other)], [false, true]);
    const by = `${userInfo().username}@${hostname()}`;
    assert.ok(service.warnings.includes(`revocation: token ${id} is revoked by ${by}: seen in a\\u000aticket`));
    assert.equal(((await getRevocations(service)).body.tokens as unknown[]).length, 1);
    assert.equal((await run('--token-id', id)).stdout, `token ${id}: was revoked before\n`);
    await revoke(service, { token });
    assert.equal(((await getRevocations(service)).body.tokens as unknown[]).length, 1);
  });

  it('a subject: what it was issued until now, of all its pods; what it is issued later is active', async () => {
    const tokens = [await accessToken(service, { pod: 'one' }), await accessToken(service, { pod: 'two' })];
    const { code, stdout } = await run('--subject', agent);
    assert.equal(code, 0);
    assert.match(
      stdout,
      /^subject spiffe:\S+: tokens that were issued until 20\S+Z are revoked; it may hold some for https:\/\/calendar\S+\n$/,
    );
    assert.deepEqual([await isActive(tokens[0] ?? ''), await isActive(tokens[1] ?? '')], [false, false]);
    assert.equal(((await getRevocations(service)).body.subjects as unknown[]).length, 1);
    await pause(1_000);
    assert.equal(await isActive(await accessToken(service, { pod: 'one' })), true);
  });

  it('an instance: its tokens, and it gets none any more, on any endpoint; other pods of it do', async () => {
    const [token, other] = [await accessToken(service, { pod: 'one' }), await accessToken(service, { pod: 'two' })];
    const { code, stdout } = await run('--instance', `prod-eu/${instanceOf(token)}`, '--reason', 'broken into');
    assert.equal(code, 0);
    assert.match(stdout, /^instance prod-eu\/\S+: its tokens are revoked, and it gets none until 20\S+; it may hold/);
    assert.deepEqual([await isActive(token), await isActive(other)], [false, true]);
    await pause(1_000);
    const subject_token = await service.token({ pod: 'one' });
    const { status, body } = await service.exchange({ subject_token });
    assert.deepEqual([status, body.error], [400, 'invalid_request']);
    const { reason, detail } = await service.lastRecord();
    assert.equal(reason, 'instance_revoked');
    assert.match(detail ?? '', /is revoked until 20/);
    assert.equal((await revoke(service, { token: other, client_assertion: subject_token })).status, 401);
    assert.equal(await isActive(other), true);
    assert.equal((await service.exchange({ subject_token: await service.token({ pod: 'two' }) })).status, 200);
  });

  it('says so when nothing is known that it could revoke', async () => {
    const { code, stdout } = await run('--subject', `${agent}-2`);
    assert.equal(code, 0);
    assert.match(stdout, /none is known that has not expired: is it spelled as in its tokens\?\n$/);
  });

  for (const [what, message, ...options] of [
    ['nothing', 'name one of --token-id, --instance and --subject'],
    ['two things', 'name one of', '--subject', agent, '--instance', 'prod-eu/x'],
    ['an id that is none', '--token-id is no jti of ours', '--token-id', 'eyJhbGciOiJub25lIn0.secret.x'],
    ['a subject of another trust domain', '--subject begins with spiffe://example.com/', '--subject', 'spiffe://x/y'],
    ['an instance without its attestor', '--instance is ATTESTOR/INSTANCE', '--instance', 'pod:1'],
    ['an attestor that there is not', 'did you mean prod-eu?', '--instance', 'prod-ue/pod:1'],
  ] as const) {
    it(`${what}: exit 1, and nothing is revoked`, async () => {
      const { code, stdout, stderr } = await run(...options);
      assert.deepEqual([code, stdout], [1, '']);
      assert.ok(stderr.includes(message) && stderr.trimEnd().endsWith('nothing was revoked'), stderr);
      assert.equal(stderr.includes('secret'), false);
    });
  }

  it('a store in memory: exit 1, because the service would not hear of it', async () => {
    const other = join(service.folder, 'memory.yaml');
    const text = await readFile(config, 'utf8');
    await writeFile(other, text.replace(/^store: .*$/m, 'store: { type: memory }'));
    const { code, stderr } = await finish('revoke', '--config', other, '--subject', agent);
    assert.equal(code, 1);
    assert.match(stderr, /store\.type is memory/);
  });
});
