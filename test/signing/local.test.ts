import { strict as assert } from 'node:assert';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { Unavailable } from '../../src/errors.js';
import type { Signer, SigningAlgorithm } from '../../src/signing/signer.js';
import { createMemoryStore } from '../../src/store/memory.js';
import type { Store } from '../../src/store/store.js';
import { describeSigner } from '../conformance/signer.js';
import { day, localSigner } from '../support/signer.js';

describeSigner(
  'local',
  async () => {
    const store = createMemoryStore();
    let time = 1_800_000_000;
    const now = () => time;
    const open: Signer[] = [];
    return {
      async open(algorithms) {
        const signer = await localSigner(algorithms, store, { now });
        open.push(signer);
        return signer;
      },
      async rotate() {
        // Longer than keys may go unread, so that the next signature reads them.
        time += 31 * day;
      },
      async dispose() {
        await Promise.all(open.map((signer) => signer.close()));
        await store.close();
      },
    };
  },
  { rotates: true },
);

describe('the local signer', () => {
  let store: Store;
  let open: Signer[];
  beforeEach(() => {
    store = createMemoryStore();
    open = [];
  });
  afterEach(async () => {
    await Promise.all(open.map((signer) => signer.close()));
    await store.close();
  });

  const start = async (...algorithms: SigningAlgorithm[]) => {
    const signer = await localSigner(algorithms, store);
    open.push(signer);
    return signer;
  };
  const jwkOf = ({ privateKey }: { privateKey: KeyObject }) => privateKey.export({ format: 'jwk' });

  it('publishes for each algorithm the key that signs and the next one, and adds those of an added algorithm', async () => {
    const before = await start('ES256');
    assert.deepEqual(
      before.keys?.().map(({ state }) => state),
      ['active', 'next'],
    );
    const after = await start('ES256', 'EdDSA');
    assert.deepEqual(after.publicKeys().slice(0, 2), before.publicKeys());
    assert.deepEqual(
      after.publicKeys().map(({ alg }) => alg),
      ['ES256', 'ES256', 'EdDSA', 'EdDSA'],
    );
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
