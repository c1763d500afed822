import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Refusal, Unavailable } from '../../src/errors.js';
import { createKeySet } from '../../src/jwt/key-set.js';
import { keyLoader } from '../../src/jwt/sources.js';
import type { Outbound } from '../../src/outbound.js';
import { keys } from '../support/tokens.js';

const { signal } = new AbortController();
const outbound: Outbound = {
  getJson: async (url) => ({ url }),
  send: () => assert.fail('nothing is sent'),
  close: async () => {},
};

describe('keyLoader', () => {
  let folder = '';
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'counterseal-keys-'));
  });
  after(() => rm(folder, { recursive: true }));
  const loader = (file: string) => keyLoader({ file }, { outbound, path: (relative) => join(folder, relative) });

  it('reads a file, relative to the configuration, again at each load', async () => {
    const { name, load } = loader('jwks.json');
    assert.equal(name, 'jwks.json');
    for (const value of [{ keys: [1] }, { keys: [2] }]) {
      await writeFile(join(folder, 'jwks.json'), JSON.stringify(value));
      assert.deepEqual(await load(signal), value);
    }
  });

  describe('a key set of a file', () => {
    const oldKey = keys.RS256;
    const newKey = keys.ES256;

    /** As the kubelet mounts a ConfigMap: the file is a link into a folder that is a link, and that one is exchanged. */
    async function mount(version: string, key: (typeof keys)[keyof typeof keys]) {
      const at = (name: string) => join(folder, name);
      await mkdir(at(version));
      await writeFile(join(at(version), 'mounted.json'), JSON.stringify({ keys: [key.jwk] }));
      await symlink(version, at('..next'));
      await rename(at('..next'), at('..data'));
    }

    async function start() {
      const state = { time: 1000, warnings: [] as string[] };
      await rm(join(folder, 'mounted.json'), { force: true });
      await symlink('..data/mounted.json', join(folder, 'mounted.json'));
      const warn = (message: string) => state.warnings.push(message);
      const set = createKeySet({ ...loader('mounted.json'), now: () => state.time, maxStale: 3600, warn });
      await set.ready();
      const outcome = async (kid: string) => {
        try {
          return (await set.find(kid)).kid;
        } catch (error) {
          return error instanceof Refusal ? error.reason : error;
        }
      };
      return { state, outcome };
    }

    it('takes a changed file within a second, however long nobody asked: an added key, and one that is gone', async () => {
      await mount('..1', oldKey);
      const { state, outcome } = await start();
      assert.equal(await outcome(oldKey.kid), oldKey.kid);
      await mount('..2', newKey);
      assert.equal(await outcome(newKey.kid), newKey.kid);
      assert.equal(await outcome(oldKey.kid), 'jwt_unknown_key');

      await mount('..3', oldKey);
      state.time += 1.01;
      // That it was looked for in vain does not keep it out.
      assert.equal(await outcome(oldKey.kid), oldKey.kid);
      await mount('..4', newKey);
      state.time += 250;
      assert.equal(await outcome(oldKey.kid), 'jwt_unknown_key');
    });

    it('keeps its keys while the file cannot be read', async () => {
      await mount('..5', oldKey);
      const { state, outcome } = await start();
      await unlink(join(folder, '..data'));
      state.time += 10;
      assert.equal(await outcome(oldKey.kid), oldKey.kid);
      assert.match(state.warnings.join(), /mounted\.json cannot be read \(ENOENT\)/);
      state.time += 3600;
      assert.equal(await outcome(oldKey.kid), 'keys_unavailable');
    });
  });

  it('a missing file is unavailable, and named', async () => {
    await assert.rejects(loader('missing.json').load(signal), (error: Error) => {
      return error instanceof Unavailable && error.reason === 'key_file' && /missing\.json .*ENOENT/.test(error.detail);
    });
  });

  it('a file that is no JSON is unavailable, and its text is not quoted', async () => {
    await writeFile(join(folder, 'key.pem'), '-----BEGIN PRIVATE KEY-----canary');
    await assert.rejects(loader('key.pem').load(signal), (error: Error) => {
      return error instanceof Unavailable && /not JSON/.test(error.detail) && !/BEGIN|canary/.test(error.message);
    });
  });

  it('fetches a URI by the only way out', async () => {
    const { name, load } = keyLoader(
      { uri: 'https://issuer.example/jwks' },
      { outbound, path: (relative) => relative },
    );
    assert.equal(name, 'https://issuer.example/jwks');
    assert.deepEqual(await load(signal), { url: 'https://issuer.example/jwks' });
  });

  it('takes a source that was handed in as it is', async () => {
    const source = { name: 'the API server', load: async () => ({ keys: [] }) };
    assert.deepEqual(keyLoader(source, { outbound, path: (relative) => relative }), source);
  });
});
