import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLocalJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import { Unavailable } from '../../src/errors.js';
import { createOutbound } from '../../src/outbound.js';
import type { Signer, SigningAlgorithm } from '../../src/signing/signer.js';
import { createVaultSigner, type VaultSigning } from '../../src/signing/vault.js';
import { describeSigner } from '../conformance/signer.js';
import { startVault, type TestVault, type VaultOptions } from '../support/vault.js';

const types = { ES256: 'ecdsa-p256', RS256: 'rsa-2048', EdDSA: 'ed25519' } as const;
const wayOut = () => createOutbound({ allow: [], literalHosts: new Set(['127.0.0.1']) });

async function tokenFolder(text = 'hvs.canary-vault-token\n') {
  const folder = await mkdtemp(join(tmpdir(), 'counterseal-vault-'));
  await writeFile(join(folder, 'token'), text);
  return { folder, file: join(folder, 'token') };
}

describeSigner('vault', async () => {
  const vault = await startVault();
  const { folder, file } = await tokenFolder();
  for (const [algorithm, type] of Object.entries(types)) vault.rotate(algorithm, type);
  const opened: Signer[] = [];
  return {
    async open(algorithms) {
      const keys = algorithms.map((algorithm) => ({ name: algorithm, algorithm }));
      const signer = await createVaultSigner(
        { type: 'vault', url: vault.url, mount: 'transit', auth: { tokenFile: file }, keys },
        { outbound: wayOut(), now: Date.now, warn: () => {}, deadline: 30_000 },
      );
      opened.push(signer);
      return signer;
    },
    async dispose() {
      for (const signer of opened) await signer.close();
      await vault.close();
      await rm(folder, { recursive: true });
    },
  };
});

describe('the vault signer', () => {
  let vault: TestVault;
  let place: Awaited<ReturnType<typeof tokenFolder>>;
  let now: number;
  let warnings: string[];
  const opened: Signer[] = [];

  const begin = async (options: VaultOptions = {}, token?: string) => {
    await end();
    vault = await startVault({ now: () => now, ...options });
    place = await tokenFolder(token);
    vault.rotate('counterseal');
  };
  const end = async () => {
    for (const signer of opened.splice(0)) await signer.close();
    await vault?.close();
    if (place !== undefined) await rm(place.folder, { recursive: true, force: true });
  };
  beforeEach(() => {
    now = Date.parse('2026-11-22T12:00:00Z');
    warnings = [];
    return begin();
  });
  after(() => end());

  const start = async (changes: Partial<VaultSigning> & { algorithm?: SigningAlgorithm } = {}, bounds = {}) => {
    const { algorithm = 'ES256', ...rest } = changes;
    const keys = [{ name: 'counterseal', algorithm }];
    const signing = {
      type: 'vault',
      url: vault.url,
      mount: 'transit',
      auth: { tokenFile: place.file },
      keys,
      ...rest,
    } as const;
    const room = {
      outbound: wayOut(),
      now: () => now,
      warn: (line: string) => warnings.push(line),
      lookEvery: 20,
      ...bounds,
    };
    const signer = await createVaultSigner(signing, room);
    opened.push(signer);
    return signer;
  };
  const kidOf = async (signer: Signer) => decodeProtectedHeader(await signer.sign('at+jwt', {})).kid;
  const until = async (holds: () => boolean | Promise<boolean>) => {
    for (let tries = 0; !(await holds()); tries++) {
      assert.ok(tries < 200, 'it does not come to pass');
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  const signs = (request: { path: string }) => request.path.startsWith('/v1/transit/sign/');

  describe('versions', () => {
    it('publishes a new one at once, and signs with it when it has been published for seven minutes', async () => {
      const signer = await start();
      const [first] = signer.publicKeys();
      vault.rotate('counterseal');
      await until(() => signer.publicKeys().length === 2);
      const [, second] = signer.publicKeys();
      assert.equal(await kidOf(signer), first?.kid);
      now += 419_000;
      const looks = vault.requests.length;
      await until(() => vault.requests.length > looks + 2);
      assert.equal(await kidOf(signer), first?.kid);
      now += 1_000;
      await until(async () => (await kidOf(signer)) === second?.kid);
      assert.equal(signer.publicKeys().length, 2, 'the old one stays published');
    });

    it('in a process that starts anew uses the same version as one that has run for long', async () => {
      const running = await start();
      vault.rotate('counterseal');
      const started = await start();
      assert.equal(await kidOf(started), await kidOf(running));
    });

    it('stops publishing those before min_decryption_version, and signs with none before min_encryption_version', async () => {
      const signer = await start();
      vault.rotate('counterseal');
      await until(() => signer.publicKeys().length === 2);
      const key = vault.keys.get('counterseal');
      assert.ok(key);
      key.minEncryptionVersion = 2;
      const second = signer.publicKeys()[1]?.kid;
      await until(() =>
        kidOf(signer).then(
          (kid) => kid === second,
          () => false,
        ),
      );
      key.minDecryptionVersion = 2;
      await until(() => signer.publicKeys().length === 1);
      assert.equal(signer.publicKeys()[0]?.kid, second);
    });

    it('hands out the same list for as long as nothing changes', async () => {
      const signer = await start();
      const before = signer.publicKeys();
      const asked = vault.requests.length;
      await until(() => vault.requests.length > asked + 2);
      assert.equal(signer.publicKeys(), before);
    });

    it('goes on with those that it knows while Vault cannot be asked for them, and tells so once', async () => {
      const signer = await start();
      vault.instead = (request) =>
        signs(request) ? undefined : { status: 503, body: { errors: ['Vault is sealed'] } };
      const asked = vault.requests.length;
      await until(() => vault.requests.length > asked + 4);
      await jwtVerify(await signer.sign('at+jwt', {}), createLocalJWKSet({ keys: [...signer.publicKeys()] }));
      assert.equal(warnings.length, 1);
      assert.match(
        warnings[0] ?? '',
        /asked for its keys, gave no usable answer: .*503, not 200: the server is sealed/,
      );
      vault.instead = () => undefined;
      await until(() => warnings.length === 2);
      assert.match(warnings[1] ?? '', /answers again/);
    });

    it('does not take a version that is not what the algorithm wants', async () => {
      const signer = await start();
      vault.keys.delete('counterseal');
      vault.rotate('counterseal', 'ecdsa-p384');
      await until(() => warnings.length === 1);
      assert.match(warnings[0] ?? '', /does not fit ES256, which takes an EC key on P-256/);
      assert.equal(signer.publicKeys().length, 1);
      await assert.rejects(signer.sign('at+jwt', {}), { reason: 'vault_signature' });
    });
  });

  describe('at start', () => {
    const refused = async (message: RegExp, changes = {}) => {
      await assert.rejects(start(changes), (error: Error) => {
        assert.match(error.message, message);
        assert.doesNotMatch(`${error.stack} ${error.cause}`, /canary/);
        return true;
      });
    };

    it('refuses a key that is not there', () =>
      refused(/transit\/keys\/other.*404.*name of the key/, { keys: [{ name: 'other', algorithm: 'ES256' }] }));
    it('refuses a key of another type', () =>
      refused(/does not fit RS256, which takes an RSA key/, { algorithm: 'RS256' }));
    it('refuses a token that is not good', async () => {
      await writeFile(place.file, 'hvs.canary-of-another');
      await refused(/403.*check the token, the namespace/);
    });
    it('refuses a token file that is not there', async () => {
      await rm(place.file);
      await refused(/cannot be read from .*token \(ENOENT\)/);
    });
    it('refuses another namespace', () => refused(/404.*check url, namespace/, { namespace: 'team-b' }));
    it('refuses a server that is not there', async () => {
      const { url } = vault;
      await vault.close();
      await refused(/outbound|ECONNREFUSED/, { url });
    });
    it('refuses a policy that lets it read keys but not sign', async () => {
      vault.instead = (request) =>
        signs(request) ? { status: 403, body: { errors: ['1 error: canary'] } } : undefined;
      await refused(/transit\/sign\/counterseal answers with status 403/);
    });
    it('refuses a redirect, and does not follow it', async () => {
      const target = await startVault();
      vault.instead = ({ path }) => ({ status: 307, body: '', headers: { location: `${target.url}${path}` } });
      await refused(/status 307, not 200: redirects are not followed/);
      assert.deepEqual(target.requests, []);
      await target.close();
    });
    for (const [what, data] of Object.entries({
      'no JSON': 'canary',
      'no data': {},
      'no keys': { data: { supports_signing: true, min_decryption_version: 1, min_encryption_version: 0 } },
      'no version that signs': {
        data: { supports_signing: true, min_decryption_version: 1, min_encryption_version: 0, keys: {} },
      },
      'a symmetric key': {
        data: {
          supports_signing: false,
          min_decryption_version: 1,
          min_encryption_version: 0,
          keys: { 1: 1700000000 },
        },
      },
      'a public key that is none': {
        data: {
          ...{ supports_signing: true, min_decryption_version: 1, min_encryption_version: 0 },
          keys: { 1: { creation_time: '2026-01-01T00:00:00Z', public_key: '-----BEGIN PUBLIC KEY-----canary' } },
        },
      },
      'a version without its time': {
        data: {
          ...{ supports_signing: true, min_decryption_version: 1, min_encryption_version: 0 },
          keys: { 1: { creation_time: 'canary', public_key: 'canary' } },
        },
      },
    })) {
      it(`refuses an answer with ${what}`, async () => {
        vault.instead = () => ({ status: 200, body: data });
        await refused(/signing: The key transit\/keys\/counterseal of Vault at/);
      });
    }
  });

  describe('who we are', () => {
    it('reads a token again when its file has changed', async () => {
      const signer = await start();
      vault.tokens.clear();
      vault.tokens.add('hvs.next');
      await assert.rejects(signer.sign('at+jwt', {}), { reason: 'vault_status' });
      await writeFile(place.file, 'hvs.next');
      await signer.sign('at+jwt', {});
    });

    it('sends the namespace', async () => {
      await begin({ namespace: 'team-a' });
      await (await start({ namespace: 'team-a' })).sign('at+jwt', {});
      assert.ok(vault.requests.every(({ headers }) => headers['x-vault-namespace'] === 'team-a'));
    });

    const kubernetes = () => ({
      auth: { kubernetes: { role: 'counterseal', mount: 'kubernetes', tokenFile: place.file } },
    });
    const logins = () => vault.requests.filter(({ path }) => path === '/v1/auth/kubernetes/login').length;

    it('logs in with the projected token once for many, and again after two thirds of the lease', async () => {
      await begin({ jwt: 'aaa.bbb.ccc', lease: 600 }, 'aaa.bbb.ccc');
      const signer = await start(kubernetes(), { lookEvery: 60_000 });
      await Promise.all(Array.from({ length: 20 }, () => signer.sign('at+jwt', {})));
      assert.equal(logins(), 1);
      now += 399_000;
      await signer.sign('at+jwt', {});
      assert.equal(logins(), 1);
      now += 1_000;
      vault.tokens.delete('hvs.login-1');
      await Promise.all(Array.from({ length: 20 }, () => signer.sign('at+jwt', {})));
      assert.equal(logins(), 2);
    });

    it('logs in again, once, when a token is refused before its time', async () => {
      await begin({ jwt: 'aaa.bbb.ccc' }, 'aaa.bbb.ccc');
      const signer = await start(kubernetes(), { lookEvery: 60_000 });
      now += 60_000;
      vault.tokens.clear();
      await Promise.all(Array.from({ length: 20 }, () => signer.sign('at+jwt', {})));
      assert.equal(logins(), 2);
    });

    it('does not log in again and again when it is the policy that refuses', async () => {
      await begin({ jwt: 'aaa.bbb.ccc' }, 'aaa.bbb.ccc');
      const signer = await start(kubernetes(), { lookEvery: 60_000 });
      vault.instead = (request) => (signs(request) ? { status: 403, body: { errors: [] } } : undefined);
      for (let n = 0; n < 10; n++) await assert.rejects(signer.sign('at+jwt', {}), Unavailable);
      assert.equal(logins(), 1);
    });

    it('is refused at start with a role that is not ours', async () => {
      await begin({ jwt: 'aaa.bbb.ccc' }, 'aaa.bbb.canary');
      await assert.rejects(start(kubernetes()), (error: Error) => {
        assert.match(error.message, /auth\/kubernetes\/login \(role counterseal\) answers with status 403/);
        assert.doesNotMatch(error.message, /canary/);
        return true;
      });
    });
  });

  it('sends the hash of what is signed, and nothing of the claims', async () => {
    const signer = await start();
    await signer.sign('at+jwt', { sub: 'spiffe://example.com/canary' });
    const { body } = vault.requests.find(signs) ?? assert.fail();
    assert.equal(Buffer.from(String(body.input), 'base64').length, 32);
  });
});
