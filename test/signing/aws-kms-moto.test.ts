/** Against moto's server, which keeps keys and signs as AWS KMS does; `COUNTERSEAL_MOTO` has its URL (.ci/moto starts one). */
import assert from 'node:assert/strict';
import { CreateKeyCommand, type KeySpec, KMSClient } from '@aws-sdk/client-kms';
import { createLocalJWKSet, jwtVerify } from 'jose';
import { createOutbound } from '../../src/outbound.js';
import { createKmsSigner, type KmsKey, kmsAlgorithms } from '../../src/signing/aws-kms.js';
import type { Signer } from '../../src/signing/signer.js';
import { describeSigner } from '../conformance/signer.js';
import { giveCredentials } from '../support/aws-credentials.js';
import { calendar, startService } from '../support/service.js';

const endpoint = process.env.COUNTERSEAL_MOTO ?? '';
const region = 'eu-central-1';
const specs: Record<KmsKey['algorithm'], KeySpec> = { ES256: 'ECC_NIST_P256', RS256: 'RSA_2048' };

async function makeKey(spec: KeySpec): Promise<string> {
  const client = new KMSClient({ region, endpoint });
  try {
    const { KeyMetadata: key } = await client.send(new CreateKeyCommand({ KeySpec: spec, KeyUsage: 'SIGN_VERIFY' }));
    return key?.Arn ?? assert.fail('moto made no key');
  } finally {
    client.destroy();
  }
}

function open(keys: readonly KmsKey[]): Promise<Signer> {
  const outbound = createOutbound({ allow: [], literalHosts: new Set(['127.0.0.1']) });
  const room = { outbound, now: Date.now, warn: () => {}, deadline: 30_000 };
  return createKmsSigner({ type: 'aws-kms', region, endpoint, keys }, room);
}

describe('the AWS KMS signer on moto (COUNTERSEAL_MOTO)', function () {
  this.timeout(60_000);
  let restore: () => void;
  before(function () {
    if (endpoint === '') this.skip();
    restore = giveCredentials();
  });
  after(() => restore?.());

  describeSigner(
    'aws-kms',
    async () => {
      const ids = new Map<string, string>();
      for (const algorithm of kmsAlgorithms) ids.set(algorithm, await makeKey(specs[algorithm]));
      const opened: Signer[] = [];
      return {
        async open(algorithms) {
          const known = kmsAlgorithms.filter((algorithm) => algorithms.includes(algorithm));
          const signer = await open(
            known.map((algorithm) => ({ id: ids.get(algorithm) ?? '', algorithm, state: 'active' })),
          );
          opened.push(signer);
          return signer;
        },
        async dispose() {
          for (const signer of opened) await signer.close();
        },
      };
    },
    { algorithms: kmsAlgorithms },
  );

  it('publishes the next and the retired key, and signs with the active one alone', async () => {
    const ids = await Promise.all(Array.from({ length: 3 }, () => makeKey('ECC_NIST_P256')));
    const states = ['retired', 'active', 'next'] as const;
    const keysIn = (order: readonly KmsKey['state'][]) =>
      ids.map((id, index): KmsKey => ({ id, algorithm: 'ES256', state: order[index] ?? 'next' }));
    const before = await open(keysIn(states));
    assert.deepEqual([before.publicKeys().length, before.algorithms], [3, ['ES256']]);
    const after = await open(keysIn(['retired', 'retired', 'active']));
    const [old, changed] = [await before.sign('at+jwt', {}), await after.sign('at+jwt', {})];
    for (const [token, index] of [
      [old, 1],
      [changed, 2],
    ] as const) {
      for (const signer of [before, after]) {
        const { protectedHeader } = await jwtVerify(token, createLocalJWKSet({ keys: [...signer.publicKeys()] }));
        assert.equal(protectedHeader.kid, signer.publicKeys()[index]?.kid);
      }
    }
    await before.close();
    await after.close();
  });

  it('refuses a key that is not there, one of another spec, and a symmetric one', async () => {
    const key = (id: string): KmsKey => ({ id, algorithm: 'ES256', state: 'active' });
    await assert.rejects(
      open([key('1234abcd-12ab-34cd-56ef-1234567890ab')]),
      /there is no such key .*NotFoundException/,
    );
    await assert.rejects(
      open([key(await makeKey('ECC_NIST_P384'))]),
      /does not fit ES256, which takes an EC key on P-256/,
    );
    await assert.rejects(open([key(await makeKey('RSA_2048'))]), /does not fit ES256/);
    await assert.rejects(open([{ ...key(await makeKey('ECC_NIST_P256')), algorithm: 'RS256' }]), /does not fit RS256/);
  });

  it('signs the tokens of a service, by the algorithm that the resource asks for', async () => {
    const [one, other] = [await makeKey('ECC_NIST_P256'), await makeKey('RSA_3072')];
    const service = await startService({
      resources: `\n  ${calendar}: { scope: [read:calendar, write:events], algorithm: RS256 }\n  https://payroll.example: { scope: [read:salaries] }`,
      more: `signing: { type: aws-kms, region: ${region}, endpoint: "${endpoint}", keys: [{ id: "${one}" }, { id: "${other}", algorithm: RS256 }] }`,
    });
    const { status, body } = await service.exchange();
    assert.equal(status, 200);
    const published = await (await fetch(`${service.url}/jwks`)).json();
    const { protectedHeader } = await jwtVerify(String(body.access_token), createLocalJWKSet(published as never));
    assert.equal(protectedHeader.alg, 'RS256');
    await service.close();
  });
});
