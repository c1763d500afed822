/** `counterseal keys`, on a store that the service may have open. */
import assert from 'node:assert/strict';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { calculateJwkThumbprint, decodeProtectedHeader } from 'jose';
import { loadConfiguration } from '../../src/config/load.js';
import { type KeyRow, listKeys, renderKey, rotateKeys } from '../../src/keys/keys.js';
import { readFirstKey } from '../../src/signing/local-key.js';
import { openEmbeddedStore } from '../../src/store/embedded.js';
import { yaml } from '../config/sample.js';
import { finish } from '../support/command-line.js';
import { createFolder, type TestFolder } from '../support/folder.js';
import { startService } from '../support/service.js';
import { keeperOf } from '../support/signer.js';

const warn = (message: string) => assert.fail(message);

describe('counterseal keys', function () {
  this.timeout(30_000);
  let folder: TestFolder;
  let config: string;
  beforeEach(async () => {
    folder = await createFolder();
    config = join(folder.path, 'c.yaml');
    const more = 'store: { type: embedded, path: store }\nsigning: { algorithms: [ES256, EdDSA] }';
    await folder.write({ 'c.yaml': yaml({ more }), 'jwks.json': '{"keys":[]}' });
  });
  afterEach(() => folder.remove());

  /** @param ago seconds since the service was started first */
  async function makeKeys(ago: number, path = folder.path): Promise<void> {
    const store = await openEmbeddedStore({ path: join(path, 'store') });
    const keeper = keeperOf(store, { now: () => Math.floor(Date.now() / 1000) - ago });
    for (const algorithm of ['ES256', 'EdDSA'] as const) await keeper.open(algorithm);
    await store.close();
  }
  const list = async () => listKeys(await loadConfiguration(config), warn);
  const kids = (rows: readonly KeyRow[], state: string) =>
    rows.filter((row) => row.state === state).map(({ kid }) => kid);

  it('list says what each key does and what happens next, for people and as JSON, and nothing private', async () => {
    await makeKeys(3600);
    const { code, stdout } = await finish('keys', 'list', '--config', config);
    assert.equal(code, 0);
    const time = '\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\dZ';
    const [active, next, ...others] = stdout.trimEnd().split('\n');
    assert.match(active ?? '', new RegExp(`^ES256  active   [\\w-]{43}  signs since 1h, until ${time}$`));
    assert.match(
      next ?? '',
      new RegExp(`^ES256  next     [\\w-]{43}  published since 1h, signs from ${time}, or by rotate from ${time}$`),
    );
    assert.deepEqual(
      others.map((line) => line.split(/ +/).slice(0, 2)),
      [
        ['EdDSA', 'active'],
        ['EdDSA', 'next'],
      ],
    );
    const asJson = await finish('keys', 'list', '--config', config, '--json');
    const rows = JSON.parse(asJson.stdout) as KeyRow[];
    assert.deepEqual(rows, await list());
    assert.deepEqual(new Set(rows.flatMap((row) => Object.keys(row))), new Set(rowMembers));
    assert.equal(Date.parse(rows[0]?.until ?? '') - Date.parse(rows[0]?.activated ?? ''), 30 * 86_400_000);
  });
  const rowMembers = ['algorithm', 'kid', 'state', 'published', 'activated', 'retired', 'revoked', 'until', 'ready'];

  it('rotate makes the next keys sign at once where they are ready, and tells when where they are not', async () => {
    await makeKeys(3600);
    const before = await list();
    const { code, stdout } = await finish('keys', 'rotate', '--config', config);
    assert.equal(code, 0, stdout);
    assert.match(stdout, /^ES256 {2}[\w-]{43} signs now, on every replica within 5 s\nEdDSA {2}[\w-]{43} signs now/);
    const after = await list();
    assert.deepEqual(kids(after, 'active'), kids(before, 'next'));
    assert.deepEqual(kids(after, 'retired'), kids(before, 'active'));
    assert.match(
      renderKey(after[2] ?? assert.fail(), Date.now()),
      /^ES256 {2}retired {2}\S+ {2}retired since \d+s, leaves \/jwks \d{4}-/,
    );
    const again = await finish('keys', 'rotate', '--config', config);
    assert.equal(again.code, 1);
    assert.match(again.stdout, /^ES256 {2}[\w-]{43} goes on: .* cannot sign before \d{4}-\S+Z\nEdDSA /);
    assert.deepEqual(await list(), after);
  });

  it('revoke takes keys out of several rings at once, says what follows, and changes nothing the second time', async () => {
    await makeKeys(3600);
    const before = await list();
    const [active, next, other] = before.map(({ kid }) => kid);
    const gone = [active, next, other].map(String);
    const { code, stdout } = await finish('keys', 'revoke', ...gone, '--config', config);
    assert.equal(code, 0, stdout);
    const after = await list();
    assert.deepEqual(new Set(kids(after, 'revoked')), new Set(gone));
    const [es, ed] = kids(after, 'active');
    assert.equal(ed, before[3]?.kid);
    assert.match(
      stdout,
      new RegExp(
        `^ES256  ${active} is revoked: within 5 s it is in no /jwks\nES256  ${next} is revoked: .*\n` +
          `ES256  ${es} signs now, on every replica within 5 s; whoever caches /jwks may not know it before \\d{4}-\\S+Z\n` +
          `EdDSA  ${other} is revoked: .*\nEdDSA  ${ed} signs now, on every replica within 5 s\n$`,
      ),
    );
    assert.match(
      renderKey(after[2] ?? assert.fail(), Date.now()),
      /^ES256 {2}revoked {2}\S+ {2}revoked since \d+s, for good$/,
    );
    const again = await finish('keys', 'revoke', ...gone, '--config', config);
    assert.deepEqual([again.code, again.stdout], [0, stdout]);
    assert.deepEqual(await list(), after);
  });

  it('revoke changes nothing when the store does not have one of the keys', async () => {
    await makeKeys(3600);
    const before = await list();
    const { code, stderr } = await finish('keys', 'revoke', String(before[0]?.kid), 'other', '--config', config);
    assert.equal(code, 1);
    assert.equal(
      stderr,
      'counterseal: The store has no signing key other: see counterseal keys list. Nothing was changed.\n',
    );
    assert.deepEqual(await list(), before);
  });

  it('revoke takes a kid that begins with a dash, and says so when the configuration would begin with that key again', async () => {
    const generate = () => generateKeyPairSync('ed25519').privateKey;
    let first = generate();
    while (!(await calculateJwkThumbprint(first.export({ format: 'jwk' }))).startsWith('-')) first = generate();
    const kid = await calculateJwkThumbprint(first.export({ format: 'jwk' }));
    const more =
      'store: { type: embedded, path: store }\nsigning: { algorithms: [EdDSA], firstKey: { file: first.pem } }';
    await folder.write({
      'c.yaml': yaml({ more }),
      'first.pem': first.export({ format: 'pem', type: 'pkcs8' }),
    });
    const store = await openEmbeddedStore({ path: join(folder.path, 'store') });
    const firstKey = await readFirstKey(join(folder.path, 'first.pem'), ['EdDSA']);
    await keeperOf(store, { firstKey }).open('EdDSA');
    await store.close();
    const { code, stdout, stderr } = await finish('keys', 'revoke', kid, '--config', config);
    assert.equal(code, 0, stderr);
    assert.ok(stdout.startsWith(`EdDSA  ${kid} is revoked`), stdout);
    assert.match(stderr, /^counterseal: signing\.firstKey is one of these keys: exchange it/);
    assert.deepEqual(kids(await list(), 'revoked'), [kid]);
  });

  it('are refused in one sentence where a service keeps the keys', async () => {
    const more =
      'signing: { type: aws-kms, region: eu-central-1, keys: [{ id: 1234abcd-12ab-34cd-56ef-1234567890ab }] }';
    await folder.write({ 'c.yaml': yaml({ more }) });
    for (const command of [['list'], ['rotate'], ['revoke', 'kid']]) {
      const { code, stderr } = await finish('keys', ...command, '--config', config);
      assert.equal(code, 1);
      const what = 'The signing keys are not in the store: whoever keeps them rotates and revokes them.';
      assert.equal(stderr, `counterseal: ${what}\n`);
    }
  });

  it('list shows the one key of a store of version 0.1, and changes nothing', async () => {
    const store = await openEmbeddedStore({ path: join(folder.path, 'store') });
    for (const [algorithm, type] of [
      ['ES256', 'ec'],
      ['EdDSA', 'ed25519'],
    ] as const) {
      const { privateKey } = generateKeyPairSync(type as 'ec', { namedCurve: 'P-256' });
      await store.put(['signing-key', algorithm], JSON.stringify(privateKey.export({ format: 'jwk' })));
    }
    const before = await store.get(['signing-key', 'ES256']);
    const rows = await list();
    assert.deepEqual(
      rows.map(({ state, until }) => [state, until]),
      [
        ['active', null],
        ['active', null],
      ],
    );
    assert.match(renderKey(rows[0] ?? assert.fail(), Date.now()), /signs since \ds, until there is a next one$/);
    assert.deepEqual(await store.get(['signing-key', 'ES256']), before);
    await store.close();
  });

  it('are refused in one sentence where the service has not run yet', async () => {
    for (const command of [['list'], ['rotate'], ['revoke', 'kid']]) {
      const { code, stderr } = await finish('keys', ...command, '--config', config);
      assert.equal(code, 1);
      assert.equal(
        stderr,
        'counterseal: The store has no signing keys for ES256 yet: the first start of the service makes them.\n',
      );
    }
  });

  it('rotates under a service that runs and encrypts its keys, which then signs with the new key', async () => {
    const service = await startService({
      more: 'signing: { masterKey: { file: master.key } }',
      prepare: async (path) => {
        await makeKeys(3600, path);
        await writeFile(join(path, 'master.key'), randomBytes(32).toString('base64'));
      },
    });
    try {
      const configuration = await loadConfiguration(join(service.folder, 'counterseal.yaml'));
      const next = kids(await listKeys(configuration, warn), 'next');
      const rotated = await rotateKeys(configuration, warn);
      assert.deepEqual(rotated, [{ algorithm: 'ES256', active: next[0], notBefore: null }]);
      const kid = async () => decodeProtectedHeader(String((await service.exchange()).body.access_token)).kid;
      while ((await kid()) !== next[0]) await pause(50);
    } finally {
      await service.close();
    }
  });
});
