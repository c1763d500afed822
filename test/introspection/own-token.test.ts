/** Which tokens are ours: the same strict verifier as for evidence, but for the `typ`. */
import assert from 'node:assert/strict';
import { Rejected } from '../../src/errors.js';
import { createReadOwnToken, type ReadOwnToken } from '../../src/introspection/own-token.js';
import type { Signer } from '../../src/signing/signer.js';
import { createMemoryStore } from '../../src/store/memory.js';
import { localSigner } from '../support/signer.js';

const now = 1_800_000_000;
const issuer = 'https://sts.example.com';
const calendar = 'https://calendar.example/mcp';
const claims = {
  iss: issuer,
  aud: calendar,
  sub: 'spiffe://example.com/prod-eu/ns/agents/sa/calendar-agent',
  client_id: 'spiffe://example.com/prod-eu/ns/agents/sa/client',
  jti: 'jti-1',
  iat: now - 10,
  nbf: now - 70,
  exp: now + 590,
  attestation: { attestor: 'prod-eu', instance: 'pod:1' },
};

describe('our own tokens', () => {
  let signer: Signer;
  let read: ReadOwnToken;
  before(async () => {
    signer = await localSigner(['ES256', 'RS256', 'EdDSA'], createMemoryStore());
    read = createReadOwnToken({ issuer, signer, now: () => now });
  });
  after(() => signer.close());
  const audiences = new Set([calendar]);

  for (const algorithm of ['ES256', 'RS256', 'EdDSA'] as const) {
    it(`are read with ${algorithm}`, async () => {
      const token = await read(await signer.sign('at+jwt', claims, algorithm), audiences);
      assert.deepEqual(token, {
        claims,
        id: 'jti-1',
        ancestors: [],
        clientId: claims.client_id,
        resource: calendar,
        issuedAt: now - 10,
        expiresAt: now + 590,
        links: [{ attestor: 'prod-eu', instance: 'pod:1', subject: claims.sub }],
      });
    });
  }

  for (const [what, reason, changes, typ = 'at+jwt'] of [
    ['of another typ that we sign', 'jwt_type', {}, 'token-introspection+jwt'],
    ['with a typ that evidence may have', 'jwt_type', {}, 'JWT'],
    ['of another issuer', 'jwt_issuer', { iss: 'https://other.example' }],
    ['for another audience', 'jwt_audience', { aud: 'https://payroll.example' }],
    ['for several audiences', 'jwt_audience', { aud: [calendar, 'https://payroll.example'] }],
    ['for a list of one audience, which we do not mint', 'jwt_audience', { aud: [calendar] }],
    ['that has expired', 'jwt_expired', { exp: now }],
    ['that lives longer than a day', 'jwt_lifetime', { exp: now + 86_400 }],
    ['of the future', 'jwt_issued_in_future', { iat: now + 61 }],
  ] as const) {
    it(`are none ${what}`, async () => {
      const token = await signer.sign(typ, { ...claims, ...changes });
      await assert.rejects(read(token, audiences), (error) => {
        assert.ok(error instanceof Rejected);
        assert.equal(error.reason, reason);
        return true;
      });
    });
  }

  it('are none with a key that is no longer published', async () => {
    const other = await localSigner(['ES256'], createMemoryStore());
    let current: Signer = signer;
    const readCurrent = createReadOwnToken({
      issuer,
      signer: { publicKeys: () => current.publicKeys() },
      now: () => now,
    });
    const token = await signer.sign('at+jwt', claims);
    await readCurrent(token, audiences);
    current = other;
    await assert.rejects(readCurrent(token, audiences), /jwt_unknown_key/);
    await readCurrent(await other.sign('at+jwt', claims), audiences);
    await other.close();
  });
});
