/** What every signer keeps to. A signer's own test file makes one and calls `describeSigner`. */
import { strict as assert } from 'node:assert';
import { calculateJwkThumbprint, createLocalJWKSet, decodeProtectedHeader, type JWK, jwtVerify } from 'jose';
import { type Signer, type SigningAlgorithm, signingAlgorithms } from '../../src/signing/signer.js';

export interface SignerUnderTest {
  /** Opens a signer over the keys of this test; a second one may be opened at once, or after the first was closed. */
  open(algorithms: readonly SigningAlgorithm[]): Promise<Signer>;
  /** Lets every algorithm get another key, and resolves when the open signers sign with it. */
  rotate?(): Promise<void>;
  /** Closes whatever is open and removes the keys. */
  dispose(): Promise<void>;
}

const publicMembers: Record<SigningAlgorithm, readonly string[]> = {
  ES256: ['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y'],
  RS256: ['alg', 'e', 'kid', 'kty', 'n', 'use'],
  EdDSA: ['alg', 'crv', 'kid', 'kty', 'use', 'x'],
};

/** @param algorithms those that this signer can do */
export interface SignerKind {
  /** Default: all. */
  readonly algorithms?: readonly SigningAlgorithm[];
  /** Whether it exchanges keys by itself: then it is given `rotate`. */
  readonly rotates?: boolean;
}

export function describeSigner(
  name: string,
  factory: () => Promise<SignerUnderTest>,
  { algorithms = signingAlgorithms, rotates = false }: SignerKind = {},
): void {
  describe(`${name} as a signer`, () => {
    let under: SignerUnderTest;
    let signer: Signer;

    beforeEach(async () => {
      under = await factory();
      signer = await under.open(algorithms);
    });
    afterEach(() => under.dispose());

    /** The key that signs, as it is published. */
    const keyOf = async (algorithm: SigningAlgorithm, of = signer): Promise<JWK> => {
      const { kid: signing } = decodeProtectedHeader(await of.sign('at+jwt', {}, algorithm));
      const [key, ...more] = of.publicKeys().filter(({ kid }) => kid === signing);
      assert.ok(key);
      assert.deepEqual(more, []);
      return key;
    };
    const verify = (token: string, of = signer) => jwtVerify(token, createLocalJWKSet({ keys: [...of.publicKeys()] }));

    for (const algorithm of algorithms) {
      it(`${algorithm}: makes tokens that verify through publicKeys, with exactly typ, alg and kid in the header`, async () => {
        const claims = { iss: 'https://sts.example', sub: 'spiffe://example/ü€😀', nested: { list: [1, 'a', null] } };
        const token = await signer.sign('at+jwt', claims, algorithm);
        assert.match(token, /^[\w-]+\.[\w-]+\.[\w-]+$/);
        const { payload, protectedHeader } = await verify(token);
        assert.deepEqual(payload, claims);
        assert.deepEqual(protectedHeader, { typ: 'at+jwt', alg: algorithm, kid: (await keyOf(algorithm)).kid });
      });

      it(`${algorithm}: names its keys by the RFC 7638 thumbprint, each once, and publishes no private member`, async () => {
        const keys = signer.publicKeys().filter(({ alg }) => alg === algorithm);
        assert.ok(keys.includes(await keyOf(algorithm)));
        assert.equal(new Set(keys.map(({ kid }) => kid)).size, keys.length);
        for (const key of keys) {
          assert.equal(key.kid, await calculateJwkThumbprint(key));
          assert.equal(key.use, 'sig');
          assert.deepEqual(Object.keys(key).sort(), publicMembers[algorithm]);
        }
      });

      it(`${algorithm}: makes 200 tokens at once that all verify, each over its own claims`, async () => {
        const tokens = await Promise.all(
          Array.from({ length: 200 }, (_, n) => signer.sign('at+jwt', { jti: String(n) }, algorithm)),
        );
        const verified = await Promise.all(tokens.map((token) => verify(token)));
        assert.deepEqual(
          verified.map(({ payload }) => payload.jti),
          tokens.map((_, n) => String(n)),
        );
      });

      it(`${algorithm}: finishes on close what was begun, and rejects what comes later`, async () => {
        const pending = Array.from({ length: 50 }, () => signer.sign('at+jwt', {}, algorithm));
        let settled = 0;
        for (const token of pending) token.finally(() => settled++);
        await signer.close();
        await new Promise((resolve) => process.nextTick(resolve));
        assert.equal(settled, pending.length);
        for (const token of await Promise.all(pending)) await verify(token);
        await assert.rejects(signer.sign('at+jwt', {}, algorithm), /closed/);
      });
    }

    it('keeps headers of different types apart', async () => {
      for (const typ of ['at+jwt', 'token-introspection+jwt', 'at+jwt']) {
        assert.equal(decodeProtectedHeader(await signer.sign(typ, {})).typ, typ);
      }
    });

    it('takes the first algorithm when none is named', async () => {
      const [first] = signer.algorithms;
      assert.deepEqual(signer.algorithms, algorithms);
      assert.equal(decodeProtectedHeader(await signer.sign('at+jwt', {})).alg, first);
    });

    it('rejects an algorithm that it was not made for', async () => {
      await assert.rejects(signer.sign('at+jwt', {}, 'none' as SigningAlgorithm), /none/);
      const only = algorithms.slice(0, 1);
      const narrow = await under.open(only);
      assert.deepEqual(
        narrow.publicKeys(),
        signer.publicKeys().filter(({ alg }) => alg === only[0]),
      );
      for (const other of signingAlgorithms.filter((algorithm) => !only.includes(algorithm))) {
        await assert.rejects(narrow.sign('at+jwt', {}, other), new RegExp(other));
      }
    });

    it('signs the claims as they are when it is called', async () => {
      const claims = { sub: 'before' };
      const pending = signer.sign('at+jwt', claims);
      claims.sub = 'after';
      assert.equal((await verify(await pending)).payload.sub, 'before');
    });

    it('fails a token alone whose claims are no JSON', async () => {
      const tokens = await Promise.allSettled([
        signer.sign('at+jwt', { jti: '0' }),
        signer.sign('at+jwt', { jti: 1n }),
        signer.sign('at+jwt', { jti: '2' }),
      ]);
      assert.deepEqual(
        tokens.map(({ status }) => status),
        ['fulfilled', 'rejected', 'fulfilled'],
      );
    });

    it('hands out keys that nobody can change', () => {
      assert.ok(Object.isFrozen(signer.publicKeys()));
      for (const key of signer.publicKeys()) assert.ok(Object.isFrozen(key));
    });

    const itRotates = rotates ? it : () => {};
    itRotates(
      'signs after a rotation with keys published before it; what was signed before still verifies',
      async () => {
        assert.ok(under.rotate);
        const published = signer.publicKeys();
        const tokens = await Promise.all(algorithms.map((algorithm) => signer.sign('at+jwt', {}, algorithm)));
        await under.rotate();
        for (const token of tokens) await verify(token);
        const kids = new Set(tokens.map((token) => decodeProtectedHeader(token).kid));
        for (const algorithm of algorithms) {
          const token = await signer.sign('at+jwt', {}, algorithm);
          assert.ok(!kids.has(decodeProtectedHeader(token).kid), 'the key has changed');
          await jwtVerify(token, createLocalJWKSet({ keys: [...published] }));
          await verify(token);
        }
      },
    );

    it('has the same keys after a restart', async () => {
      const token = await signer.sign('at+jwt', { jti: 'before' });
      await signer.close();
      const again = await under.open(algorithms);
      assert.deepEqual(again.publicKeys(), signer.publicKeys());
      assert.equal((await verify(token, again)).payload.jti, 'before');
      assert.equal((await verify(await again.sign('at+jwt', { jti: 'after' }))).payload.jti, 'after');
    });
  });

  describe(`${name} as several signers`, () => {
    it('that start at once on no keys agree on them', async () => {
      const under = await factory();
      const signers = await Promise.all(Array.from({ length: 5 }, () => under.open(algorithms)));
      const [first] = signers;
      assert.ok(first);
      for (const signer of signers) {
        assert.deepEqual(signer.publicKeys(), first.publicKeys());
        for (const algorithm of algorithms) {
          const keys = createLocalJWKSet({ keys: [...first.publicKeys()] });
          await jwtVerify(await signer.sign('at+jwt', {}, algorithm), keys);
        }
      }
      await under.dispose();
    });
  });
}
