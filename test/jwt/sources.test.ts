import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Unavailable } from '../../src/errors.js';
import { keyLoader } from '../../src/jwt/sources.js';
import type { Outbound } from '../../src/outbound.js';

const { signal } = new AbortController();
const outbound: Outbound = { getJson: async (url) => ({ url }), close: async () => {} };

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
