import assert from 'node:assert/strict';
import type { Attestation, Attestor, EvidenceForm, Route } from '../../attestors/attestor.js';
import { type Nonces, openNonces } from '../../src/challenge/nonces.js';
import { Refusal, Rejected, Unavailable } from '../../src/errors.js';
import { createMemoryStore } from '../../src/store/memory.js';
import { createTestAttest, type TestAttestOptions } from '../support/attest.js';
import { attestationAt } from '../support/attestation.js';
import { formEvidence } from '../support/attestor-host.js';
import { createEarlierStore } from '../support/earlier-store.js';
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

const room = (attestors: readonly Attestor[], options: Partial<TestAttestOptions> = {}) =>
  createTestAttest(attestors, { now: () => now, ...options });

const refusal = (fault: string, reason: string) => (error: unknown) => {
  assert.ok(error instanceof Refusal);
  assert.deepEqual([error.fault, error.reason], [fault, reason]);
  return true;
};

describe('attest stage', () => {
  it('refuses two attestors on one route at start', async () => {
    const two = [attestor('one', [{}], async () => attestation()), attestor('two', [{}], async () => attestation())];
    await assert.rejects(room(two), /attestors one and two both accept issuer https:\/\/a\.example with audience ours/);
  });

  it('lets clusters share an issuer when their audiences differ, and asks the right one', async () => {
    const attest = await room([
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
      const attest = await room([
        attestor('one', [{}], async () => {
          asked += 1;
          return attestation();
        }),
      ]);
      await assert.rejects(attest(given, 'r'), refusal(fault, reason));
      assert.equal(asked, 0);
    });
  }

  it('refuses a person where a workload asks, and asks its attestor nothing', async () => {
    const people = attestor('people', [{}], async () => assert.fail('it was asked'));
    const workloads = attestor('one', [{ audience: 'theirs' }], async () => attestation());
    const attest = await room([people, workloads], { delegators: ['people'] });
    await assert.rejects(attest(evidence(), 'r'), refusal('evidence_rejected', 'delegator_is_no_workload'));
    await assert.rejects(attest(evidence(undefined, ['ours', 'other']), 'r'), /delegator_is_no_workload/);
    assert.equal((await attest(evidence(undefined, 'theirs'), 'r')).attestor, 'one');
  });

  it('names what was expected when the audience is not ours', async () => {
    const attest = await room([attestor('one', [{}], async () => attestation())]);
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
      const attest = await room([attestor('one', [{}], async () => attestation(changes))]);
      await assert.rejects(attest(evidence(), 'r'), refusal('internal', 'attestation_broken'));
    });
  }

  it('SPIRE 1.14.6: of 100 redemptions of single-use evidence at once, one succeeds', async () => {
    const attest = await room([attestor('one', [{}], async () => attestation({ singleUse: true }))]);
    const results = await Promise.allSettled(
      Array.from({ length: 100 }, (_, index) => attest(evidence(), `request-${index}`)),
    );
    assert.equal(results.filter((result) => result.status === 'fulfilled').length, 1);
    for (const result of results) {
      if (result.status === 'rejected') refusal('evidence_rejected', 'evidence_replayed')(result.reason);
    }
  });

  it('single-use evidence is claimed for each attestor by itself, with unambiguous keys', async () => {
    const store = createEarlierStore(() => now * 1000);
    const one = attestor('ab', [{}], async () => attestation({ attestor: 'ab', evidenceId: 'c', singleUse: true }));
    const two = attestor('a', [{ audience: 'second' }], async () =>
      attestation({ attestor: 'a', evidenceId: 'bc', singleUse: true }),
    );
    const attest = await room([one, two], { store });
    await attest(evidence(), 'first');
    await attest(evidence(undefined, 'second'), 'second');
    const three = attestor('b', [{ audience: 'third' }], async () =>
      attestation({ attestor: 'b', evidenceId: 'c', singleUse: true }),
    );
    await (await room([three], { store }))(evidence(undefined, 'third'), 'third');
  });

  it('stays used when the clock was ahead and is set back', async () => {
    let clock = now;
    const store = createEarlierStore(() => clock * 1000);
    const one = attestor('one', [{}], async () => attestation({ singleUse: true, expiresAt: clock + 600 }));
    const attest = await createTestAttest([one], { now: () => clock, store });
    await attest(evidence(), 'first');
    clock += 1_800;
    for (let index = 0; index < 2_000; index++) await store.claim(['other', String(index)], 'x', (clock + 1) * 1000);
    clock -= 1_800;
    await assert.rejects(attest(evidence(), 'second'), refusal('evidence_rejected', 'evidence_replayed'));
  });

  describe('in a store that is new', () => {
    const inNewStore = async (changes: Partial<Attestation>, nonces?: Nonces) => {
      const store = createMemoryStore({ now: () => now * 1000 });
      const one = attestor('one', [{}], async () => attestation(changes));
      return room([one], { store, ...(nonces && { nonces }) });
    };

    it('single-use evidence that could have been used before is refused until it cannot have been', async () => {
      const attest = await inNewStore({ singleUse: true, issuedAt: now });
      await assert.rejects(attest(evidence(), 'r'), (error) => {
        assert.ok(error instanceof Unavailable);
        assert.deepEqual([error.reason, error.retryAfter], ['claims_unknown', 60]);
        return true;
      });
      const newer = await inNewStore({ singleUse: true, issuedAt: now + 60 });
      await newer(evidence(), 'r');
    });

    it('what carries a nonce of ours is good at once, and so is what may be shown again', async () => {
      const nonces = await openNonces(createMemoryStore({ now: () => now * 1000 }), () => now);
      const bound = await inNewStore({ singleUse: true, issuedAt: now, nonce: nonces.make(jwtType) }, nonces);
      await bound(evidence(), 'r');
      const shownAgain = await inNewStore({ singleUse: false, issuedAt: now - 3600 });
      await shownAgain(evidence(), 'r');
      await shownAgain(evidence(), 'r');
    });
  });

  it('a store that does not answer means unavailable, never accepted', async () => {
    const store = { ...createMemoryStore(), claim: () => Promise.reject(new Error('disk gone')) };
    const attest = await room([attestor('one', [{}], async () => attestation({ singleUse: true }))], { store });
    await assert.rejects(attest(evidence(), 'r'), refusal('dependency_unavailable', 'store_unavailable'));
  });

  it('gives an attestor five seconds, and aborts what it does then', async () => {
    let aborted = false;
    const attest = await room([
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

  describe('evidence of a form of its own', () => {
    const tokenType = 'urn:example:sealed';
    const form: EvidenceForm = {
      tokenType,
      challenge: true,
      parse(token, read) {
        const { issuer, audience, ...content } = read.object(read.base64url(token));
        if (typeof issuer !== 'string' || typeof audience !== 'string') throw new Rejected('sealed_form', 'No sender.');
        return { issuer, audience, content };
      },
    };
    const sealed = (content: object, issuer = 'https://a.example') => ({
      tokenType,
      token: encode({ issuer, audience: 'ours', ...content }),
    });
    const taking = (changes: (content: { nonce?: string }) => Partial<Attestation>) =>
      attestor('one', [{ tokenType }], async ({ content }) => attestation(changes(content as { nonce?: string })));
    const echoing = taking(({ nonce }) => (nonce === undefined ? {} : { nonce }));

    it('is taken apart once, by its form, and goes to the attestor of its route', async () => {
      const seen: unknown[] = [];
      const one = attestor('one', [{ tokenType }], async (evidence) => {
        seen.push(evidence);
        return attestation();
      });
      const given = sealed({ proof: 'p' });
      await (await room([one], { forms: [form] }))(given, 'r');
      assert.deepEqual(seen, [{ ...given, content: { proof: 'p' } }]);
      assert.deepEqual(seen, [formEvidence(form, given.token)]);
    });

    for (const [title, token, reason] of [
      ['an issuer that nobody takes', sealed({}, 'https://b.example').token, 'issuer_untrusted'],
      ['what is not base64url', 'e30=', 'evidence_base64url'],
      ['what is not JSON', Buffer.from('{').toString('base64url'), 'evidence_json'],
      ['a member twice', Buffer.from('{"issuer":"a","issuer":"b"}').toString('base64url'), 'evidence_json'],
      ['what its form refuses', encode({ issuer: 7 }), 'sealed_form'],
      ['a JWT', evidence().token, 'evidence_base64url'],
    ] as const) {
      it(`is not accepted with ${title}`, async () => {
        const attest = await room([taking(() => assert.fail('asked'))], { forms: [form] });
        await assert.rejects(attest({ tokenType, token }, 'r'), refusal('evidence_rejected', reason));
      });
    }

    it('carries a nonce of ours once: of 100 redemptions over two replicas, one succeeds', async () => {
      const store = createEarlierStore(() => now * 1000);
      const replicas = await Promise.all(
        [1, 2].map(async () => {
          const nonces = await openNonces(store, () => now);
          return { nonces, attest: await room([echoing], { forms: [form], nonces, store }) };
        }),
      );
      const nonce = replicas[0]?.nonces.make(tokenType);
      const results = await Promise.allSettled(
        Array.from({ length: 100 }, (_, index) => replicas[index % 2]?.attest(sealed({ nonce }), `r${index}`)),
      );
      assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
      for (const result of results) {
        if (result.status === 'rejected') refusal('evidence_rejected', 'nonce_used')(result.reason);
      }
    });

    it('Keycloak CVE-2026-4282: a nonce for other evidence is worth nothing', async () => {
      const nonces = await openNonces(createMemoryStore(), () => now);
      const attest = await room([echoing], { forms: [form], nonces });
      const other = attest(sealed({ nonce: nonces.make('urn:example:other') }), 'r');
      await assert.rejects(other, refusal('evidence_rejected', 'nonce_unknown'));
    });
  });
});
