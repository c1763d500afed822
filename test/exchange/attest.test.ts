import assert from 'node:assert/strict';
import type { Attestation, Attestor, Route } from '../../attestors/attestor.js';
import { Refusal } from '../../src/errors.js';
import { createAttest } from '../../src/exchange/attest.js';
import { createMemoryStore } from '../../src/store/memory.js';
import type { Store } from '../../src/store/store.js';
import { attestationAt } from '../support/attestation.js';
import { jwtType } from '../support/service.js';

const now = 1_800_000_000;
const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
const token = (claims: Record<string, unknown>) => `${encode({ alg: 'RS256', kid: 'k' })}.${encode(claims)}.c2ln`;
const evidence = (iss: unknown = 'https://a.example', aud: unknown = 'ours', tokenType = jwtType) => ({
  tokenType,
  token: token({ iss, aud }),
});

const attestation = (changes: Partial<Attestation> = {}) => attestationAt(now, changes);

function attestor(name: string, routes: readonly Partial<Route>[], attest: Attestor['attest']): Attestor {
  const accepts = routes.map((route) => ({
    tokenType: jwtType,
    issuer: 'https://a.example',
    audience: 'ours',
    ...route,
  }));
  return { name, accepts, attest, close: async () => {} };
}

const room = (attestors: readonly Attestor[], store: Store = createMemoryStore({ now: () => now * 1000 })) =>
  createAttest({ attestors, trustDomain: 'example.com', now: () => now, store });

const refusal = (fault: string, reason: string) => (error: unknown) => {
  assert.ok(error instanceof Refusal);
  assert.deepEqual([error.fault, error.reason], [fault, reason]);
  return true;
};

describe('attest stage', () => {
  it('refuses two attestors on one route at start', () => {
    const two = [attestor('one', [{}], async () => attestation()), attestor('two', [{}], async () => attestation())];
    assert.throws(() => room(two), /attestors one and two both accept issuer https:\/\/a\.example with audience ours/);
  });

  it('lets clusters share an issuer when their audiences differ, and asks the right one', async () => {
    const attest = room([
      attestor('one', [{ audience: 'ours-1' }], async () => attestation()),
      attestor('two', [{ audience: 'ours-2' }], async () => attestation({ attestor: 'two' })),
    ]);
    assert.equal((await attest(evidence(undefined, ['ours-1']), 'r')).attestor, 'one');
    assert.equal((await attest(evidence(undefined, 'ours-2'), 'r')).attestor, 'two');
    await assert.rejects(
      attest(evidence(undefined, ['ours-1', 'ours-2']), 'r'),
      refusal('evidence_rejected', 'audience_ambiguous'),
    );
  });

  for (const [title, given, fault, reason] of [
    [
      'an unknown token type',
      evidence(undefined, undefined, 'urn:x'),
      'token_type_unsupported',
      'token_type_unsupported',
    ],
    ['an unknown issuer', evidence('https://b.example'), 'evidence_rejected', 'issuer_untrusted'],
    ['an issuer with a slash more', evidence('https://a.example/'), 'evidence_rejected', 'issuer_untrusted'],
    ['an issuer that is no string', evidence(['https://a.example']), 'evidence_rejected', 'issuer_untrusted'],
    ['a prototype name as issuer', evidence('__proto__'), 'evidence_rejected', 'issuer_untrusted'],
    ['another audience', evidence(undefined, 'theirs'), 'evidence_rejected', 'audience_not_ours'],
    ['an audience within ours', evidence(undefined, 'our'), 'evidence_rejected', 'audience_not_ours'],
    ['an empty audience', evidence(undefined, ''), 'evidence_rejected', 'audience_not_ours'],
    ['an empty list of audiences', evidence(undefined, []), 'evidence_rejected', 'audience_not_ours'],
    ['what is no JWT', { tokenType: jwtType, token: 'opaque' }, 'evidence_rejected', 'not_a_jwt'],
  ] as const) {
    it(`asks no attestor for ${title}`, async () => {
      let asked = 0;
      const attest = room([
        attestor('one', [{}], async () => {
          asked += 1;
          return attestation();
        }),
      ]);
      await assert.rejects(attest(given, 'r'), refusal(fault, reason));
      assert.equal(asked, 0);
    });
  }

  it('names what was expected when the audience is not ours', async () => {
    const attest = room([attestor('one', [{}], async () => attestation())]);
    await assert.rejects(attest(evidence(undefined, 'theirs'), 'r'), /aud is "theirs"; expected "ours"/);
  });

  for (const [title, changes] of [
    ['another name', { attestor: 'two' }],
    ['a subject of another trust domain', { subject: 'spiffe://evil.example/one/ns/a' }],
    ['a subject whose trust domain only begins like ours', { subject: 'spiffe://example.com.evil/x' }],
    ['evidence that has expired', { expiresAt: now }],
    ['an expiry that is no number', { expiresAt: Number.NaN }],
    ['no bound on what it vouches for', { vouchesUntil: Number.POSITIVE_INFINITY }],
    ['an empty evidence id', { evidenceId: '' }],
    ['an empty instance', { instance: '' }],
    ['selectors out of order', { selectors: ['k8s:sa:b', 'k8s:ns:a'] }],
    ['a selector twice', { selectors: ['k8s:ns:a', 'k8s:ns:a'] }],
  ] as const) {
    it(`OpenBao CVE-2026-46405: an attestation with ${title} is our fault, and gives no token`, async () => {
      const attest = room([attestor('one', [{}], async () => attestation(changes))]);
      await assert.rejects(attest(evidence(), 'r'), refusal('internal', 'attestation_broken'));
    });
  }

  it('SPIRE 1.14.6: of 100 redemptions of single-use evidence at once, one succeeds', async () => {
    const attest = room([attestor('one', [{}], async () => attestation({ singleUse: true }))]);
    const results = await Promise.allSettled(
      Array.from({ length: 100 }, (_, index) => attest(evidence(), `request-${index}`)),
    );
    assert.equal(results.filter((result) => result.status === 'fulfilled').length, 1);
    for (const result of results) {
      if (result.status === 'rejected') refusal('evidence_rejected', 'evidence_replayed')(result.reason);
    }
  });

  it('single-use evidence is claimed for each attestor by itself, with unambiguous keys', async () => {
    const store = createMemoryStore({ now: () => now * 1000 });
    const one = attestor('ab', [{}], async () => attestation({ attestor: 'ab', evidenceId: 'c', singleUse: true }));
    const two = attestor('a', [{ audience: 'second' }], async () =>
      attestation({ attestor: 'a', evidenceId: 'bc', singleUse: true }),
    );
    const attest = room([one, two], store);
    await attest(evidence(), 'first');
    await attest(evidence(undefined, 'second'), 'second');
  });

  it('a store that does not answer means unavailable, never accepted', async () => {
    const store = { ...createMemoryStore(), claim: () => Promise.reject(new Error('disk gone')) };
    const attest = room([attestor('one', [{}], async () => attestation({ singleUse: true }))], store);
    await assert.rejects(attest(evidence(), 'r'), refusal('dependency_unavailable', 'store_unavailable'));
  });

  it('gives an attestor five seconds, and aborts what it does then', async function () {
    this.timeout(8_000);
    let aborted = false;
    const attest = room([
      attestor('one', [{}], (_evidence, call) => {
        call.signal().addEventListener('abort', () => {
          aborted = true;
        });
        return new Promise(() => {});
      }),
    ]);
    await assert.rejects(attest(evidence(), 'r'), refusal('dependency_unavailable', 'attestor_deadline'));
    assert.equal(aborted, true);
  });
});
