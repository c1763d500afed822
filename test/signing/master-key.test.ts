/** Keys at rest: encrypted under the master key, and refused when it is another, or when anything was changed. */
import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { calculateJwkThumbprint } from 'jose';
import { readFirstKey } from '../../src/signing/local-key.js';
import { type MasterKey, readMasterKey, seal, unseal } from '../../src/signing/master-key.js';
import type { RingKeeperRoom } from '../../src/signing/ring-keeper.js';
import type { SigningAlgorithm } from '../../src/signing/signer.js';
import { createMemoryStore } from '../../src/store/memory.js';
import type { Store } from '../../src/store/store.js';
import { createFolder, type TestFolder } from '../support/folder.js';
import { day, keeperOf, localSigner } from '../support/signer.js';

const placeOf = (algorithm: SigningAlgorithm) => ['signing-key', algorithm] as const;

describe('signing keys at rest', () => {
  let folder: TestFolder;
  let store: Store;
  let [one, other]: MasterKey[] = [];
  before(async () => {
    folder = await createFolder();
    const text = () => randomBytes(32).toString('base64');
    await folder.write({ one: `\n ${text()}\r\n`, other: text() });
    [one, other] = [await readMasterKey(join(folder.path, 'one')), await readMasterKey(join(folder.path, 'other'))];
  });
  after(() => folder.remove());
  beforeEach(() => {
    store = createMemoryStore();
  });
  afterEach(() => store.close());

  const under = (current = one, previous: MasterKey | null = null) => ({
    masterKeys: { current: current ?? assert.fail(), previous },
  });
  const textOf = async (algorithm: SigningAlgorithm = 'ES256') => (await store.get(placeOf(algorithm)))?.value ?? '';
  async function start(changes: Partial<RingKeeperRoom> = {}, ...algorithms: SigningAlgorithm[]) {
    const signer = await localSigner(algorithms.length > 0 ? algorithms : ['ES256'], store, changes);
    await signer.close();
    return signer.publicKeys();
  }
  /** Refused with this, and nothing in the store was changed. */
  async function isRefused(changes: Partial<RingKeeperRoom>, pattern: RegExp) {
    const before = await textOf();
    await assert.rejects(start(changes), (error: Error) => {
      assert.match(error.message, pattern);
      return true;
    });
    assert.equal(await textOf(), before);
  }

  it('are encrypted as a whole: the store has no member of any key, and a start with the same master key has them', async () => {
    const keys = await start(under());
    const text = await textOf();
    assert.deepEqual(Object.keys(JSON.parse(text)), ['format', 'sealed']);
    assert.doesNotMatch(text, /kty|"d"|active/);
    for (const { kid, x } of keys) assert.ok(!text.includes(String(kid)) && !text.includes(String(x)));
    assert.deepEqual(await start(under()), keys);
  });

  it('are encrypted each time with another nonce', () => {
    const seals = Array.from({ length: 100 }, () => seal('a', one ?? assert.fail(), 'b'));
    assert.equal(new Set(seals.map(({ nonce }) => nonce)).size, 100);
    for (const sealed of seals) assert.equal(unseal(sealed, one ?? assert.fail(), 'b'), 'a');
  });

  it('refuse a start with another master key, with none, and with none of two', async () => {
    await start(under());
    await isRefused(
      under(other),
      /ES256 .* under another master key .* Give every replica the same file.* Nothing was changed/,
    );
    await isRefused({}, /ES256 .* are encrypted: name the file .* signing\.masterKey\.file/);
  });

  it('of two first starts at once with different master keys are those of one, and the other is refused', async () => {
    for (let round = 0; round < 5; round++) {
      const fresh = createMemoryStore();
      const starts = await Promise.allSettled(
        [one, other].map((key) => localSigner(['ES256', 'EdDSA'], fresh, under(key))),
      );
      const [won] = starts.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
      assert.deepEqual(starts.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
      await won?.close();
      await fresh.close();
    }
  });

  it('refuse a start when a byte of them was changed, and say what to do', async () => {
    await start(under());
    const { format, sealed } = JSON.parse(await textOf());
    for (const member of ['nonce', 'ciphertext']) {
      const bytes = Buffer.from(sealed[member], 'base64url');
      bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
      const changed = { ...sealed, [member]: bytes.toString('base64url') };
      await store.put(placeOf('ES256'), JSON.stringify({ format, sealed: changed }));
      await isRefused(under(), /ES256 in the store are damaged\. Restore the store from a backup/);
    }
    const short = { ...sealed, ciphertext: sealed.ciphertext.slice(0, 8) };
    await store.put(placeOf('ES256'), JSON.stringify({ format, sealed: short }));
    await isRefused(under(), /damaged/);
  });

  it('of one algorithm are none of another', async () => {
    await start(under(), 'ES256', 'EdDSA');
    await store.put(placeOf('ES256'), await textOf('EdDSA'));
    await isRefused(under(), /damaged/);
  });

  it('that a later version wrote are left to that version', async () => {
    await store.put(placeOf('ES256'), '{"format":2,"keys":[]}');
    await isRefused(under(), /written by a later version/);
  });

  it('that were not encrypted are, from the first start with a master key on', async () => {
    const keys = await start();
    assert.match(await textOf(), /"d":/);
    assert.deepEqual(await start(under()), keys);
    assert.doesNotMatch(await textOf(), /"d":/);
    await isRefused({}, /are encrypted/);
  });

  it('that are not encrypted in a store of others are none of ours', async () => {
    const jwk = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' });
    for (const write of [() => start(), () => store.put(placeOf('ES256'), JSON.stringify(jwk))]) {
      await write();
      await isRefused({ ...under(), takePlain: false }, /are not encrypted, so anybody who can write there/);
    }
  });

  it('under the previous master key are read, and encrypted under the new one from the next start on', async () => {
    const keys = await start(under(one));
    assert.deepEqual(await start(under(other, one)), keys);
    await isRefused(under(one), /another master key/);
    assert.deepEqual(await start(under(one, other)), keys, 'and back');
    assert.deepEqual(await start(under(one)), keys);
  });

  it('under either of two master keys are read while replicas that run have them the other way round', async () => {
    const [before, after] = [keeperOf(store, under(one, other)), keeperOf(store, under(other, one))];
    const { ring } = await before.open('ES256');
    const { version } = await after.open('ES256');
    for (const keeper of [before, after]) {
      assert.deepEqual(await keeper.keep('ES256', ring), { ring, version }, 'nobody writes it anew');
    }
  });

  for (const [what, text] of Object.entries({
    'is empty': '',
    'is too short': randomBytes(31).toString('base64'),
    'is too long': randomBytes(33).toString('base64'),
    'is hexadecimal': randomBytes(32).toString('hex'),
    'is bytes': randomBytes(32).toString('latin1'),
    'has white space within': `${'A'.repeat(20)} ${'A'.repeat(23)}=`,
  })) {
    it(`refuse a master key that ${what}, without quoting it`, async () => {
      await folder.write({ wrong: Buffer.from(text, 'latin1') });
      await assert.rejects(readMasterKey(join(folder.path, 'wrong')), {
        message: 'a master key is 32 random bytes in base64: make one with `openssl rand -base64 32`',
      });
    });
  }

  describe('a first key', () => {
    const pem = (key: KeyObject, type: 'pkcs8' | 'sec1' | 'pkcs1') => key.export({ format: 'pem', type } as never);
    const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
    const ed = generateKeyPairSync('ed25519').privateKey;
    async function read(text: string | Buffer, ...algorithms: SigningAlgorithm[]) {
      await folder.write({ 'first.pem': text });
      return readFirstKey(join(folder.path, 'first.pem'), algorithms);
    }

    for (const [algorithm, key, type] of [
      ['ES256', ec, 'pkcs8'],
      ['ES256', ec, 'sec1'],
      ['RS256', rsa, 'pkcs8'],
      ['RS256', rsa, 'pkcs1'],
      ['EdDSA', ed, 'pkcs8'],
    ] as const) {
      it(`is the first active one for ${algorithm}, as ${type}, where the store has none, and only there`, async () => {
        const firstKey = await read(pem(key, type), 'EdDSA', 'RS256', 'ES256');
        assert.equal(firstKey.algorithm, algorithm);
        const [active] = await start({ firstKey }, algorithm);
        assert.equal(active?.kid, await calculateJwkThumbprint(key.export({ format: 'jwk' })));
        const keeper = keeperOf(store, { firstKey, now: () => Date.now() / 1000 + 30 * day });
        const { ring } = await keeper.open(algorithm);
        assert.notEqual(ring.active.kid, active?.kid);
        assert.equal(ring.retired[0]?.kid, active?.kid);
        const [, ...others] = await start({ firstKey }, ...(['ES256', 'EdDSA'] as const));
        assert.equal(others.filter(({ kid }) => kid === active?.kid).length, algorithm === 'RS256' ? 0 : 1);
      });
    }

    for (const [what, text] of [
      ['for an algorithm that is not listed', pem(rsa, 'pkcs8')],
      ['on another curve', pem(generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey, 'pkcs8')],
    ] as const) {
      it(`is refused ${what}, with those that would be taken`, async () => {
        await assert.rejects(read(text, 'ES256', 'EdDSA'), {
          message:
            'the key is for none of signing.algorithms, which take an EC key on P-256 (ES256), an Ed25519 key (EdDSA)',
        });
      });
    }

    for (const [what, text] of [
      ['a public key', generateKeyPairSync('ed25519').publicKey.export({ format: 'pem', type: 'spki' })],
      ['no PEM', 'canary'],
      ['encrypted', ec.export({ format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: 'canary' })],
    ] as const) {
      it(`is refused when it is ${what}`, async () => {
        const message = 'a first key is a private key in PEM, without a passphrase';
        await assert.rejects(read(text, 'ES256'), { message });
      });
    }
  });
});
