/** `POST /revoke` on a store that fails, and what a token of another costs beside an unknown one. */
import assert from 'node:assert/strict';
import { createRevoke } from '../../src/introspection/revoke.js';
import { openRevocation, type Revocation } from '../../src/revocation/revocation.js';
import type { Signer } from '../../src/signing/signer.js';
import { createMemoryStore } from '../../src/store/memory.js';
import { attestationAt } from '../support/attestation.js';
import { assertionType } from '../support/introspection.js';
import { noProofs } from '../support/proof.js';
import { watchLog } from '../support/revocation.js';
import { localSigner } from '../support/signer.js';
import { posted } from '../support/wire.js';

const now = 1_800_000_000;
const issuer = 'https://sts.example.com';
const { subject } = attestationAt(now);

describe('revocation by the client: the store', () => {
  const watched = watchLog(createMemoryStore({ now: () => now * 1000 }).log('revocation'));
  let signer: Signer;
  let revocation: Revocation;
  let reads: number;
  const seen: unknown[] = [];
  before(async () => {
    signer = await localSigner(['ES256'], createMemoryStore());
    const read: typeof watched.log.read = (...place) => {
      reads++;
      return watched.log.read(...place);
    };
    revocation = await openRevocation({ log: { ...watched.log, read }, now: () => now, warn() {}, info() {} });
  });
  after(async () => {
    await revocation.close();
    await signer.close();
  });

  const tokenOf = (client_id: string, jti: string) =>
    signer.sign('at+jwt', {
      ...{ iss: issuer, aud: 'https://calendar.example', sub: client_id, client_id, jti, iat: now, exp: now + 600 },
      attestation: { attestor: 'one', instance: 'pod:2' },
    });

  async function revoke(token: string) {
    const form = { token, client_assertion_type: assertionType, client_assertion: 'a.b.c' };
    const rooms = { ...noProofs, issuer, signer, drafts: {}, revocation, now: () => now, warn: assert.fail, info() {} };
    const attest = async () => attestationAt(now);
    reads = 0;
    const asked = createRevoke({ ...rooms, attest, observe: (...each) => seen.push(each) });
    const answer = await asked(posted(form));
    return { answer, reads, appended: watched.appended.length };
  }

  it('RFC 7009 §2.2.1: 503 with Retry-After while the store fails, whatever the token, and it is not revoked', async () => {
    watched.failing = true;
    for (const token of [await tokenOf(subject, 'mine'), await tokenOf(`${subject}-2`, 'others'), 'unknown']) {
      const { status, headers, body } = (await revoke(token)).answer;
      assert.deepEqual([status, headers['Retry-After']], [503, '1']);
      assert.equal(JSON.parse(body).error, 'temporarily_unavailable');
    }
    watched.failing = false;
    assert.deepEqual(seen.splice(0), Array(3).fill(['refused', 'dependency_unavailable']));
    assert.equal((await revoke(await tokenOf(subject, 'mine'))).appended, 1);
    assert.deepEqual(seen.splice(0), [['revoked', null]]);
  });

  it('a token of another costs the store what an unknown one does, whether or not it is revoked', async () => {
    const others = await tokenOf(`${subject}-2`, 'others');
    const unknown = await revoke('unknown');
    assert.deepEqual(await revoke(others), unknown);
    await revocation.revoke({ kind: 'token', id: 'others', token: null, cause: null });
    assert.deepEqual(await revoke(others), { ...unknown, appended: unknown.appended + 1 });
    assert.deepEqual(seen.splice(0), Array(3).fill(['nothing', null]));
  });
});
