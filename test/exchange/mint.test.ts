import assert from 'node:assert/strict';
import { createLocalJWKSet, jwtVerify } from 'jose';
import type { Attestation } from '../../attestors/attestor.js';
import { mint } from '../../src/exchange/mint.js';
import type { Granted } from '../../src/policy/decision.js';
import type { Signer } from '../../src/signing/signer.js';
import { createMemoryStore } from '../../src/store/memory.js';
import { localSigner } from '../support/signer.js';

const now = 1_800_000_000;
const issuer = 'https://counterseal.example';
const resource = 'https://calendar.example/mcp';
const granted: Granted = { resource, scope: ['read', 'write'], lifetime: 600, algorithm: null };
const attestation: Attestation = {
  attestor: 'prod-eu',
  subject: 'spiffe://example.com/prod-eu/ns/agents/sa/calendar-agent',
  instance: 'pod:6f1c',
  environment: 'production',
  selectors: ['k8s:ns:agents'],
  unknownSelectors: {},
  claims: { sub: 'system:serviceaccount:agents:calendar-agent' },
  facts: {},
  evidenceId: 'jti-1',
  singleUse: false,
  assurance: 'medium',
  attestedAt: now - 0.5,
  expiresAt: now + 3600,
  vouchesUntil: now + 600,
};

describe('mint', () => {
  const store = createMemoryStore();
  let signer: Signer;
  before(async () => {
    signer = await localSigner(['ES256', 'RS256'], store);
  });
  after(async () => {
    await signer.close();
    await store.close();
  });
  const verify = (token: string) =>
    jwtVerify(token, createLocalJWKSet({ keys: [...signer.publicKeys()] }), { currentDate: new Date(now * 1000) });

  for (const [algorithm, alg] of [
    [null, 'ES256'],
    ['ES256', 'ES256'],
    ['RS256', 'RS256'],
  ] as const) {
    it(`signs with ${alg} for a resource whose algorithm is ${algorithm ?? 'not configured'}`, async () => {
      const { token } = await mint({ issuer, signer }, { ...granted, algorithm }, attestation, now);
      const { kid } = signer.publicKeys().find((key) => key.alg === alg) ?? {};
      assert.deepEqual((await verify(token)).protectedHeader, { typ: 'at+jwt', alg, kid });
    });
  }

  it('writes the claims of RFC 9068 and what was attested, and nothing else', async () => {
    const issued = await mint({ issuer, signer }, granted, attestation, now + 0.9 - 1);
    assert.deepEqual((await verify(issued.token)).payload, {
      iss: issuer,
      aud: resource,
      sub: attestation.subject,
      client_id: attestation.subject,
      iat: now - 1,
      nbf: now - 61,
      exp: now + 599,
      jti: issued.jti,
      scope: 'read write',
      attestation: {
        attestor: 'prod-eu',
        assurance: 'medium',
        instance: 'pod:6f1c',
        environment: 'production',
        attested_at: now - 1,
      },
    });
    assert.equal(issued.granted, granted);
  });

  it('gives each token an id of its own', async () => {
    const [one, other] = await Promise.all([1, 2].map(() => mint({ issuer, signer }, granted, attestation, now)));
    assert.notEqual(one?.jti, other?.jti);
  });

  it('signs nothing that would outlive what the evidence vouches for', async () => {
    const signed: string[] = [];
    const watched: Signer = {
      ...signer,
      async sign(typ) {
        signed.push(typ);
        return '';
      },
    };
    for (const vouchesUntil of [now + 599, now + 599.999]) {
      await assert.rejects(
        mint({ issuer, signer: watched }, granted, { ...attestation, vouchesUntil }, now),
        /beyond what the evidence vouches for/,
      );
    }
    assert.deepEqual(signed, []);
  });
});
