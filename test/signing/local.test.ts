import { strict as assert } from 'node:assert';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { Unavailable } from '../../src/errors.js';
import { createLocalSigner } from '../../src/signing/local.js';
import type { SigningAlgorithm } from '../../src/signing/signer.js';
import { createMemoryStore } from '../../src/store/memory.js';
import type { Store } from '../../src/store/store.js';
import { describeSigner } from '../conformance/signer.js';

describeSigner('local', async () => {
  const store = createMemoryStore();
  return { open: (algorithms) => createLocalSigner({ algorithms, store }), dispose: () => store.close() };
});

describe('the local signer', () => {
  let store: Store;
  beforeEach(() => {
    store = createMemoryStore();
  });
  afterEach(() => store.close());

  const start = (...algorithms: SigningAlgorithm[]) => createLocalSigner({ algorithms, store });
  const jwkOf = ({ privateKey }: { privateKey: KeyObject }) => privateKey.export({ format: 'jwk' });

  it('keeps one key an algorithm in the store, and makes the key of an added algorithm beside them', async () => {
    const before = await start('ES256');
    const after = await start('ES256', 'EdDSA');
    assert.deepEqual(after.publicKeys()[0], before.publicKeys()[0]);
    assert.equal(after.publicKeys().length, 2);
    const stored = JSON.parse((await store.get(['signing-key', 'ES256']))?.value ?? '');
    assert.equal(stored.crv, 'P-256');
    assert.equal(typeof stored.d, 'string');
  });

  it('makes RSA keys of 2,048 bits', async () => {
    const [key] = (await start('RS256')).publicKeys();
    assert.equal(Buffer.from(key?.n ?? '', 'base64url').length, 256);
  });

  it('refuses to start without an algorithm', async () => {
    await assert.rejects(start(), /at least one algorithm/);
  });

  it('is unavailable after close', async () => {
    const signer = await start('ES256');
    await signer.close();
    await assert.rejects(signer.sign('at+jwt', {}), Unavailable);
  });

  const one = jwkOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }));
  const other = jwkOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }));
  const rsa = jwkOf(generateKeyPairSync('rsa', { modulusLength: 2048 }));
  const otherRsa = jwkOf(generateKeyPairSync('rsa', { modulusLength: 2048 }));
  const damaged: Record<string, [SigningAlgorithm, unknown]> = {
    'that is no JSON': ['ES256', 'canary-private-key'],
    'that is JSON of something else': ['ES256', null],
    'without its private member': ['ES256', { ...one, d: undefined }],
    'whose halves do not belong together': ['ES256', { ...one, d: other.d }],
    'on another curve': ['ES256', jwkOf(generateKeyPairSync('ec', { namedCurve: 'P-384' }))],
    'of another type': ['EdDSA', one],
    'of the type for key agreement': ['EdDSA', jwkOf(generateKeyPairSync('x25519'))],
    'that is too short': ['RS256', jwkOf(generateKeyPairSync('rsa', { modulusLength: 1024 }))],
    "with another RSA key's modulus": ['RS256', { ...rsa, n: otherRsa.n }],
  };
  for (const [what, [algorithm, value]] of Object.entries(damaged)) {
    it(`refuses to start on a stored key ${what}, says what to do, and quotes nothing of it`, async () => {
      const text = typeof value === 'string' ? value : JSON.stringify(value);
      await store.put(['signing-key', algorithm], text);
      await assert.rejects(start(algorithm), (error: Error) => {
        assert.match(error.message, new RegExp(`${algorithm}.*Restore the store from a backup`));
        assert.doesNotMatch(`${error.stack} ${error.cause}`, /canary/);
        return true;
      });
      assert.equal((await store.get(['signing-key', algorithm]))?.value, text, 'the stored key is left as it is');
    });
  }

  it("rejects with the store's own error when the store cannot be read", async () => {
    await store.close();
    await assert.rejects(start('ES256'), /store is closed/);
  });
});
