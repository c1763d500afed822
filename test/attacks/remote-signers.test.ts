/** A service that keeps our keys, or whoever stands in its place: nothing that it says leaves unverified, and nothing hangs. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLocalJWKSet, jwtVerify } from 'jose';
import { Unavailable } from '../../src/errors.js';
import { createOutbound } from '../../src/outbound.js';
import { createKmsSigner, type KmsKey } from '../../src/signing/aws-kms.js';
import type { Signer } from '../../src/signing/signer.js';
import { createVaultSigner } from '../../src/signing/vault.js';
import { giveCredentials } from '../support/aws-credentials.js';
import { keyId, kmsError, startKms, type TestKms } from '../support/kms.js';
import { startService } from '../support/service.js';
import { startVault, type TestVault } from '../support/vault.js';

const wayOut = () => createOutbound({ allow: [], literalHosts: new Set(['127.0.0.1']) });
const verified = async (signer: Signer, claims = {}) =>
  jwtVerify(await signer.sign('at+jwt', claims), createLocalJWKSet({ keys: [...signer.publicKeys()] }));

describe('attacks: AWS KMS that is wrong, slow or somebody else', () => {
  let kms: TestKms;
  let restore: () => void;
  let warnings: string[];
  let now: number;
  let opened: Signer[];

  before(() => {
    restore = giveCredentials();
  });
  after(() => restore());
  beforeEach(async () => {
    kms = await startKms();
    [warnings, opened, now] = [[], [], Date.now()];
  });
  afterEach(async () => {
    for (const signer of opened) await signer.close();
    await kms.close();
  });

  const start = async (key: Partial<KmsKey> = {}) => {
    const keys: KmsKey[] = [{ id: keyId, algorithm: 'ES256', state: 'active', ...key }];
    const room = { outbound: wayOut(), now: () => now, warn: (line: string) => warnings.push(line), deadline: 300 };
    const signer = await createKmsSigner({ type: 'aws-kms', region: 'eu-central-1', endpoint: kms.url, keys }, room);
    opened.push(signer);
    return signer;
  };
  const onSign = (answer: ReturnType<TestKms['instead']>) => {
    kms.instead = ({ operation }) => (operation === 'Sign' ? answer : undefined);
  };
  const signature = (bytes: Buffer | string) => ({
    status: 200,
    body: { Signature: (typeof bytes === 'string' ? Buffer.from(bytes, 'hex') : bytes).toString('base64') },
  });
  const refused = async (signer: Signer, reason: string, detail: RegExp) => {
    await assert.rejects(signer.sign('at+jwt', { sub: 'canary-claim' }), (error) => {
      assert.ok(error instanceof Unavailable);
      assert.equal(error.reason, reason);
      assert.match(error.detail, detail);
      assert.doesNotMatch(`${error.stack} ${error.detail}`, /canary/);
      return true;
    });
    assert.doesNotMatch(warnings.join(), /canary/);
  };

  it('takes what is over 4,096 bytes as its hash', async () => {
    const signer = await start();
    for (const length of [100, 5_000]) await verified(signer, { long: 'x'.repeat(length) });
    const types = kms.requests.filter(({ operation }) => operation === 'Sign').map(({ body }) => body.MessageType);
    assert.deepEqual(types, ['RAW', 'RAW', 'DIGEST']);
  });

  it('does the same with RSA', async () => {
    kms.keys.set(keyId, generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey);
    const signer = await start({ algorithm: 'RS256' });
    for (const length of [100, 5_000]) await verified(signer, { long: 'x'.repeat(length) });
  });

  it('gives out no signature of another key, tells operators, and signs again when the key is back', async () => {
    const signer = await start();
    const own = kms.keys.get(keyId);
    kms.keys.set(keyId, generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);
    await refused(signer, 'kms_signature', /does not verify with the ES256 key .*; it was not given out/);
    assert.match(warnings.join(), /AWS KMS in eu-central-1 gave no usable answer: .*does not verify/);
    assert.ok(own);
    kms.keys.set(keyId, own);
    await verified(signer);
  });

  for (const [what, bytes] of Object.entries({
    nothing: '',
    garbage: '00'.repeat(70),
    'a truncated signature': '30440220',
    'r and s of one': '3006020101020101',
    'r and s of zero': '3006020100020100',
    'a raw signature instead of DER': '01'.repeat(64),
    'a long one': '30'.repeat(4_000),
  })) {
    it(`gives out no signature of ${what}`, async () => {
      const signer = await start();
      onSign(signature(bytes));
      await refused(signer, 'kms_signature', /does not verify/);
    });
  }

  it('is not answered late: a service that hangs is 503 in its time, and then not waited for any more', async () => {
    const signer = await start();
    onSign(null);
    await Promise.all(Array.from({ length: 5 }, () => refused(signer, 'kms_late', /did not sign within 300 ms/)));
    const asked = kms.requests.length;
    await assert.rejects(signer.sign('at+jwt', {}), { reason: 'kms_circuit_open', retryAfter: 10 });
    assert.equal(kms.requests.length, asked);
    kms.instead = () => undefined;
    now += 10_000;
    await verified(signer);
    assert.match(warnings.at(-1) ?? '', /answers again/);
  });

  it('passes throttling on as 503 with Retry-After, and asks once', async () => {
    const signer = await start();
    onSign(kmsError('ThrottlingException'));
    const asked = kms.requests.length;
    await assert.rejects(signer.sign('at+jwt', {}), { reason: 'kms_throttled', retryAfter: 2 });
    assert.equal(kms.requests.length, asked + 1);
    for (let n = 0; n < 10; n++) await refused(signer, 'kms_throttled', /throttled/);
  });

  for (const [type, detail] of Object.entries({
    DisabledException: /the key is disabled/,
    KMSInvalidStateException: /the key is not enabled/,
    AccessDeniedException: /allow kms:GetPublicKey and kms:Sign/,
    'com.amazonaws.kms#ExpiredTokenException': /credentials have expired/,
    'canary exception\n': /fails with an unknown error/,
  })) {
    it(`tells ${JSON.stringify(type)} without what came with it, at work and at start`, async () => {
      const signer = await start();
      onSign(kmsError(type));
      await refused(signer, 'kms_refused', detail);
      await assert.rejects(start(), (error: Error) => {
        assert.match(error.message, detail);
        assert.match(
          error.message,
          new RegExp(`signing.keys: the key ${keyId} of AWS KMS in eu-central-1 cannot be used`),
        );
        assert.doesNotMatch(`${error.stack} ${error.cause}`, /canary/);
        return true;
      });
    });
  }

  it('reads no huge answer, follows no redirect, and takes no other kind of answer', async () => {
    const signer = await start();
    onSign({ status: 200, body: `{"Signature":"${'A'.repeat(100_000)}"}` });
    await refused(signer, 'outbound_too_large', /over 16384 bytes/);
    onSign({ status: 307, body: '', headers: { location: 'http://127.0.0.1:1/canary' } });
    await assert.rejects(signer.sign('at+jwt', {}), Unavailable);
    onSign({ status: 200, body: '<canary/>' });
    await assert.rejects(signer.sign('at+jwt', {}), (error) => {
      assert.ok(error instanceof Unavailable);
      assert.doesNotMatch(`${error.stack} ${error.detail}`, /canary/);
      return true;
    });
    onSign({ status: 200, body: {} });
    await refused(signer, 'kms_signature', /does not verify/);
  });

  const wrongKeys: Record<string, () => Partial<KmsKey>> = {
    'on another curve': () => {
      kms.keys.set(keyId, generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey);
      return {};
    },
    'on the curve of Bitcoin': () => {
      kms.keys.set(keyId, generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey);
      return {};
    },
    'of RSA that is too short': () => {
      kms.keys.set(keyId, generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey);
      return { algorithm: 'RS256' };
    },
    'for RSA-PSS': () => {
      kms.keys.set(keyId, generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).privateKey);
      return { algorithm: 'RS256' };
    },
    'that is no key': () => {
      kms.instead = () => ({ status: 200, body: { PublicKey: Buffer.from('canary').toString('base64') } });
      return {};
    },
    'whose private half is another': () => {
      const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({
        type: 'spki',
        format: 'der',
      });
      kms.instead = ({ operation }) =>
        operation === 'Sign' ? undefined : { status: 200, body: { PublicKey: other.toString('base64') } };
      return {};
    },
  };
  for (const [what, prepare] of Object.entries(wrongKeys)) {
    it(`does not start with a key ${what}`, async () => {
      await assert.rejects(start(prepare()), (error: Error) => {
        assert.match(
          error.message,
          /cannot be used: (?:the key does not fit|.*does not verify|it fails with|.*public key)/,
        );
        assert.doesNotMatch(`${error.stack} ${error.cause}`, /canary/);
        return true;
      });
    });
  }

  it('shows its secret key to nobody', async () => {
    const signer = await start();
    await verified(signer);
    onSign(kmsError('InternalException', 500));
    await refused(signer, 'kms_refused', /does not sign/);
    assert.doesNotMatch(JSON.stringify([kms.requests, warnings, signer.publicKeys()]), /canary-secret/);
  });

  it('of a whole service makes 503 with Retry-After and temporarily_unavailable, with the reason in the record', async () => {
    const more = `signing: { type: aws-kms, region: eu-central-1, endpoint: "${kms.url}", keys: [{ id: ${keyId} }] }`;
    const service = await startService({ more });
    assert.equal((await service.exchange()).status, 200);
    onSign(kmsError('ThrottlingException'));
    const { status, headers, body } = await service.exchange();
    assert.deepEqual([status, headers.get('retry-after'), body.error], [503, '2', 'temporarily_unavailable']);
    assert.match(JSON.stringify(await service.lastRecord()), /kms_throttled/);
    assert.match(service.warnings.join(), /requests are throttled/);
    assert.doesNotMatch(`${await service.auditText()}${service.warnings}`, /canary/);
    await service.close();
  });
});

describe('attacks: a Vault that is wrong, slow or somebody else', () => {
  let vault: TestVault;
  let folder: string;
  let signer: Signer;
  const warnings: string[] = [];

  beforeEach(async () => {
    vault = await startVault();
    vault.rotate('counterseal');
    folder = await mkdtemp(join(tmpdir(), 'counterseal-vault-'));
    const tokenFile = join(folder, 'token');
    await writeFile(tokenFile, 'hvs.canary-vault-token');
    warnings.length = 0;
    signer = await createVaultSigner(
      {
        type: 'vault',
        url: vault.url,
        mount: 'transit',
        auth: { tokenFile },
        keys: [{ name: 'counterseal', algorithm: 'ES256' }],
      },
      { outbound: wayOut(), now: Date.now, warn: (line) => warnings.push(line), deadline: 300 },
    );
  });
  afterEach(async () => {
    await signer.close();
    await vault.close();
    await rm(folder, { recursive: true });
  });

  const answers: Record<
    string,
    readonly [reason: string, retryAfter: number, answer: ReturnType<TestVault['instead']>]
  > = {
    'the signature of another version': [
      'vault_signature',
      1,
      { status: 200, body: { data: { signature: `vault:v2:${'A'.repeat(86)}` } } },
    ],
    'a signature of zeros': [
      'vault_signature',
      1,
      { status: 200, body: { data: { signature: `vault:v1:${'A'.repeat(86)}` } } },
    ],
    'DER instead of JWS': [
      'vault_signature',
      1,
      { status: 200, body: { data: { signature: 'vault:v1:MAYCAQECAQE=' } } },
    ],
    'a ciphertext': ['vault_signature', 1, { status: 200, body: { data: { signature: 'canary' } } }],
    'no signature': ['vault_signature', 1, { status: 200, body: { data: {} } }],
    'no data': ['vault_answer', 1, { status: 200, body: {} }],
    'no JSON': ['vault_answer', 1, { status: 200, body: 'canary' }],
    'two of one name': [
      'vault_answer',
      1,
      { status: 200, body: '{"data":{"signature":"a"},"data":{"signature":"canary"}}' },
    ],
    'an error with the token in it': [
      'vault_status',
      1,
      { status: 400, body: { errors: ['canary hvs.canary-vault-token'] } },
    ],
    'permission denied': ['vault_status', 1, { status: 403, body: { errors: ['canary'] } }],
    'that a quota is reached': ['vault_status', 2, { status: 429, body: { errors: ['canary'] } }],
    'that it is sealed': ['vault_status', 5, { status: 503, body: { errors: ['Vault is sealed'] } }],
    'a redirect': ['vault_status', 1, { status: 307, body: '', headers: { location: 'http://127.0.0.1:1/canary' } }],
    'what is huge': ['outbound_too_large', 1, { status: 200, body: `{"data":{"signature":"${'A'.repeat(600_000)}"}}` }],
    'nothing at all': ['vault_late', 1, null],
  };
  for (const [what, [reason, retryAfter, answer]] of Object.entries(answers)) {
    it(`that answers with ${what} gives no token, and the token of ours is told to nobody`, async () => {
      vault.instead = () => answer;
      await assert.rejects(signer.sign('at+jwt', { sub: 'canary' }), (error) => {
        assert.ok(error instanceof Unavailable);
        assert.deepEqual([error.reason, error.retryAfter], [reason, retryAfter]);
        assert.doesNotMatch(`${error.stack} ${error.detail}`, /canary/);
        return true;
      });
      assert.equal(warnings.length, 1);
      assert.doesNotMatch(warnings.join(), /canary/);
      vault.instead = () => undefined;
      await verified(signer);
    });
  }

  it('that gives a signature of another key gives no token', async () => {
    vault.keys.delete('counterseal');
    vault.rotate('counterseal');
    await assert.rejects(signer.sign('at+jwt', {}), { reason: 'vault_signature' });
  });
});
