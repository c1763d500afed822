/** The tests that the example package brings, run as its author runs them: from its folder, on the public exports. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import { createTestHost, ourIssuer } from '../support/attestor-host.js';
import { installExample } from '../support/plugin-folder.js';

const folder = await mkdtemp(join(tmpdir(), 'counterseal-example-'));
const example = await installExample(folder);

after(() => rm(folder, { recursive: true }));
await import(pathToFileURL(join(example, 'test/machine-key.test.js')).href);

describe('examples/attestor-plugin: on the machine', () => {
  const run = (...args: readonly string[]) =>
    promisify(execFile)(process.execPath, [join(example, 'machine-key.js'), ...args], { cwd: folder });

  it('makes a key that only its owner reads, prints the line of its public half, and never overwrites one', async () => {
    const { stdout } = await run('enrol', '--machine', 'build-1', '--key', 'key.pem');
    const { publicKey } = (parse(stdout) as Record<string, { publicKey: { x: string } }>)['build-1'] ?? assert.fail();
    const key = await readFile(join(folder, 'key.pem'), 'utf8');
    assert.equal(createPublicKey(key).export({ format: 'jwk' }).x, publicKey.x);
    assert.equal((await stat(join(folder, 'key.pem'))).mode & 0o777, 0o600);
    await assert.rejects(run('enrol', '--machine', 'build-1', '--key', 'key.pem'), /EEXIST/);
    assert.equal(await readFile(join(folder, 'key.pem'), 'utf8'), key);
  });

  it('says how it is used', async () => {
    for (const args of [[], ['constructor'], ['enrol'], ['token', '--issuer', 'x']]) {
      await assert.rejects(run(...args), /machine-key enrol --machine NAME --key FILE/);
    }
  });

  it('does not start with a private key, one of another kind, or what is none', async () => {
    const { attestorType } = await import(pathToFileURL(join(example, 'index.js')).href);
    const { host, close } = createTestHost(() => 1_800_000_000, folder);
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ type: 'spki', format: 'pem' });
    const ed25519 = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' });
    for (const [pem, told] of [
      [ed25519, /is no public key in PEM: name the .pub.pem file, and leave the private key on the machine/],
      [rsa, /is no Ed25519 key/],
      ['', /is no public key in PEM/],
    ] as const) {
      await writeFile(join(folder, 'some.pem'), pem);
      const block = attestorType.options.parse({ machines: { a: { publicKey: 'some.pem' } } });
      await assert.rejects(attestorType.create('machines', block, host), told);
    }
    const { faults } = attestorType.plan(
      attestorType.options.parse({ machines: { a: { publicKey: { kty: 'OKP', crv: 'Ed25519', x: '!'.repeat(43) } } } }),
      ourIssuer,
    );
    assert.deepEqual(faults, [{ path: ['machines', 'a', 'publicKey'], message: 'x is no Ed25519 public key' }]);
    await close();
  });
});
