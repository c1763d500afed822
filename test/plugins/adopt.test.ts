/** What a careless or hostile package can do to the host: be refused, as its own fault, and nothing else. */
import assert from 'node:assert/strict';
import type { Attestation, Attestor, AttestorType } from '../../attestors/attestor.js';
import { Refusal, Rejected, Unavailable } from '../../src/errors.js';
import { adoptType } from '../../src/plugins/adopt.js';
import { createTestAttest } from '../support/attest.js';
import { createTestHost } from '../support/attestor-host.js';

const now = () => 1_800_000_000;
const tokenType = 'urn:example:badge';
const accepts = [{ tokenType, issuer: 'a', audience: 'b' }];

/** Good, as a careful package gives it. */
const good: Attestation = {
  attestor: 'one',
  subject: 'spiffe://example.com/one/badge/7',
  instance: 'badge:7',
  environment: null,
  selectors: ['badge:id:7'],
  unknownSelectors: { 'badge:floor': 'missing' },
  claims: { holder: { name: 'x', doors: [1, 2] } },
  facts: { 'badge.battery': { value: 0.5, observedAt: 1 } },
  evidenceId: 'badge-7',
  singleUse: false,
  assurance: 'low',
  attestedAt: now(),
  expiresAt: now() + 60,
  vouchesUntil: now() + 60,
};

function typeOf(attest: Attestor['attest'], parts: Partial<AttestorType> = {}): AttestorType {
  return {
    type: 'badge',
    selectorKinds: ['badge:id', 'badge:floor'],
    facts: ['badge.battery'],
    forms: [{ tokenType, challenge: false, parse: () => ({ issuer: 'a', audience: 'b', content: null }) }],
    options: { safeParse: (data: unknown) => ({ success: true, data }) } as unknown as AttestorType['options'],
    plan: () => ({ accepts, faults: [], files: [] }),
    create: async (name) => ({ name, accepts, attest, close: async () => {} }),
    ...parts,
  };
}

/** Through the host's stage, as the service does it. */
async function attestWith(theirs: AttestorType): Promise<Attestation> {
  const type = adoptType(theirs);
  const { host, close } = createTestHost(now);
  try {
    const attestor = await type.create('one', {}, host);
    const attest = await createTestAttest([attestor], { now, forms: type.forms ?? [] });
    return await attest({ tokenType, token: 'secret-evidence' }, 'r1');
  } finally {
    await close();
  }
}

async function refusal(theirs: AttestorType): Promise<unknown> {
  return attestWith(theirs).then(
    () => assert.fail('it was accepted'),
    (error: unknown) => error,
  );
}
const throwing = (error: unknown) =>
  refusal(
    typeOf(async () => {
      throw error;
    }),
  );

describe('an attestor of another package', () => {
  it('gives its attestation as a frozen copy, which it cannot change later', async () => {
    const theirs = structuredClone(good) as Attestation & { selectors: string[] };
    const attestation = await attestWith(typeOf(async () => theirs));
    assert.deepEqual(attestation, good);
    theirs.selectors.push('badge:id:8');
    (theirs.claims as Record<string, unknown>).holder = 'y';
    assert.deepEqual(attestation, good);
    for (const part of [
      attestation,
      attestation.claims,
      attestation.claims.holder,
      attestation.facts['badge.battery'],
    ]) {
      assert.ok(Object.isFrozen(part));
    }
  });

  it('says of itself which selectors name the machine', () => {
    assert.equal(adoptType(typeOf(async () => good, { nodeKind: 'badge:floor' })).nodeKind, 'badge:floor');
  });

  it('says of itself what a rule may name in vain; where that fails, nothing', () => {
    const singleKinds = ['badge:id'];
    const asks = { singleKinds, pinFor: ([first]: readonly string[]) => `${first}'s id`, selectorFault: () => 'no' };
    const highest = { highestAssurance: () => 'low' as const };
    const type = adoptType(typeOf(async () => good, asks));
    assert.deepEqual(type.singleKinds, ['badge:id']);
    assert.equal(type.pinFor?.(['badge:floor:1'], {}), "badge:floor:1's id");
    assert.equal(type.selectorFault?.('badge:floor:1'), 'no');
    assert.equal(adoptType(typeOf(async () => good, highest)).highestAssurance?.({}), 'low');
    const fail = () => assert.fail('its own fault');
    const wrong = { pinFor: fail, selectorFault: () => 7 as never, highestAssurance: fail };
    const failing = adoptType(typeOf(async () => good, wrong));
    assert.equal(failing.highestAssurance?.({}), 'high');
    assert.equal(failing.pinFor?.([], {}), null);
    assert.equal(failing.selectorFault?.('badge:floor:1'), null);
  });

  it('says of itself whether it stands for people', () => {
    const people = adoptType(typeOf(async () => good, { role: () => 'delegator' }));
    assert.equal(people.role?.({}), 'delegator');
    assert.equal(adoptType(typeOf(async () => good)).role, undefined);
  });

  const broken: readonly (readonly [what: string, changes: object, told: RegExp])[] = [
    ['a subject of another attestor whose name is as long', { subject: 'spiffe://example.com/two/badge/7' }, /subject/],
    ['a subject of another attestor', { subject: 'spiffe://example.com/prod-eu/ns/a/sa/b' }, /subject is not made by/],
    ['a subject of an attestor whose name begins alike', { subject: 'spiffe://example.com/one-more/x' }, /subject/],
    ['a subject that climbs out', { subject: 'spiffe://example.com/one/x y' }, /subject/],
    ['another name', { attestor: 'prod-eu' }, /attestor is not its name/],
    ['selectors of ours', { selectors: ['k8s:ns:admin'] }, /a kind that its type does not declare/],
    ['selectors of a kind that begins alike', { selectors: ['badge:idx:7'] }, /a kind that its type does not declare/],
    ['a selector that is no text', { selectors: [7] }, /a kind that its type does not declare/],
    ['a selector with a line break', { selectors: ['badge:id:7\n'] }, /a kind that its type does not declare/],
    ['selectors that are not sorted', { selectors: ['badge:id:7', 'badge:floor:1'] }, /not sorted/],
    ['unknown selectors of ours', { unknownSelectors: { 'k8s:ns': 'missing' } }, /an unknown selector/],
    ['an unknown cause', { unknownSelectors: { 'badge:id': 'whatever' } }, /the cause of an unknown selector/],
    ['facts of ours', { facts: { 'posture.ready': { value: true, observedAt: 1 } } }, /a fact that its type does not/],
    ['a fact without a time', { facts: { 'badge.battery': { value: 1 } } }, /a fact has no time/],
    ['claims that JSON cannot hold', { claims: { a: 1n } }, /nothing that JSON can hold/],
    ['claims without end', { claims: endless() }, /nested more than 16 levels/],
    ['no claims', { claims: undefined }, /nothing that JSON can hold/],
    ['claims that are a list', { claims: [] }, /claims are no map/],
    ['an environment that is no text', { environment: {} }, /environment is neither/],
    ['singleUse that is a text', { singleUse: 'false' }, /singleUse/],
    ['a nonce that is no text', { nonce: {} }, /nonce is no text/],
    ['a clientId that is no text', { clientId: 1 }, /clientId is no text/],
    ['grantTypes that are no list', { grantTypes: 'client_credentials' }, /grantTypes is no list/],
    ['an assurance of its own', { assurance: 'absolute' }, /assurance/],
    ['times that are texts', { expiresAt: '9' }, /a time is no number/],
    ['a time of issue that is a text', { issuedAt: '9' }, /a time is no number/],
    ['a life without end', { vouchesUntil: Number.POSITIVE_INFINITY }, /a time is no number/],
    ['a time that has passed', { expiresAt: now() }, /expiresAt has passed/],
    ['an empty id of the evidence', { evidenceId: '' }, /evidenceId/],
    ['no selectors at all', { selectors: undefined }, /it is no attestation/],
  ];
  for (const [what, changes, told] of broken) {
    it(`is at fault for ${what}: 500, and no token`, async () => {
      const error = await refusal(typeOf(async () => ({ ...good, ...changes }) as Attestation));
      assert.ok(error instanceof Refusal, String(error));
      assert.deepEqual([error.fault, error.reason], ['internal', 'attestation_broken']);
      assert.match(error.detail, told);
    });
  }

  it('is at fault for nothing at all, and for a getter that throws', async () => {
    const trap = Object.defineProperty({ ...good }, 'subject', {
      get() {
        throw new Error('secret-evidence');
      },
    });
    for (const attestation of [undefined, null, 7, trap]) {
      const error = await refusal(typeOf(async () => attestation as Attestation));
      assert.ok(error instanceof Refusal && error.reason === 'attestation_broken', String(error));
      assert.ok(!error.detail.includes('secret'));
    }
  });

  it('is at fault for a form that gives no issuer', async () => {
    const forms = [{ tokenType, challenge: false, parse: () => ({}) as never }];
    const error = await refusal(typeOf(async () => good, { forms }));
    assert.ok(error instanceof Refusal && error.fault === 'internal' && error.reason === 'evidence_form_broken');
  });

  it('rejects, and says unavailable, with our classes', async () => {
    const rejected = new Rejected('badge_unknown', 'No such badge.');
    assert.equal(await throwing(rejected), rejected);
    const unavailable = new Unavailable('badge_office', 'It is closed.', 7);
    assert.equal(await throwing(unavailable), unavailable);
  });

  it('does so with those of a copy of Counterseal that its package brings', async () => {
    const copy = (await import(`../../src/errors.js?copy=${Date.now()}`)) as typeof import('../../src/errors.js');
    assert.notEqual(copy.Rejected, Rejected);
    const rejected = await throwing(new copy.Rejected('badge_unknown', 'No such badge.'));
    assert.ok(rejected instanceof Rejected && rejected.reason === 'badge_unknown');
    const unavailable = await throwing(new copy.Unavailable('badge_office', 'It is closed.', 7));
    assert.ok(unavailable instanceof Unavailable && unavailable.retryAfter === 7);
    const forms = [
      {
        tokenType,
        challenge: false,
        parse: () => {
          throw new copy.Rejected('badge_form', 'It is no badge.');
        },
      },
    ];
    const form = await refusal(typeOf(async () => good, { forms }));
    assert.ok(form instanceof Rejected && form.reason === 'badge_form');
  });

  it('is at fault for every other error, whatever it calls itself', async () => {
    for (const thrown of [
      new Error('secret'),
      Object.assign(new Error('secret'), { name: 'Rejected', reason: 'x', detail: 'y', fault: 'evidence_rejected' }),
      'text',
      null,
    ]) {
      const error = await throwing(thrown);
      assert.ok(!(error instanceof Refusal), String(error));
    }
  });

  it('does not start when it creates something else than it planned', async () => {
    for (const [made, told] of [
      [null, /creates no attestor/],
      [{ name: 'one', accepts, attest: 1, close() {} }, /creates no attestor/],
      [{ name: 'two', accepts, attest() {}, close() {} }, /creates one of another name/],
    ] as const) {
      const type = typeOf(async () => good, { create: async () => made as unknown as Attestor });
      await assert.rejects(attestWith(type), told);
    }
  });

  it('cannot keep the service from closing what is closed after it', async () => {
    const close = () => {
      throw new Error('stuck');
    };
    const { host, warnings, close: closeHost } = createTestHost(now);
    const attest = async () => good;
    const whole = adoptType(typeOf(attest, { create: async (name) => ({ name, accepts, attest, close }) as never }));
    await (await whole.create('one', {}, host)).close();
    assert.deepEqual(warnings, ['attestor prod-eu: it could not be closed: stuck']);
    await closeHost();
  });

  it('is given no other evidence than its plan says, whatever routes it claims later', async () => {
    const type = adoptType(
      typeOf(async () => good, {
        create: async (name) => ({
          name,
          accepts: [{ tokenType: 'urn:ietf:params:oauth:token-type:jwt', issuer: 'i', audience: 'a' }],
          attest: async () => good,
          close: async () => {},
        }),
      }),
    );
    const { host, close } = createTestHost(now);
    assert.deepEqual((await type.create('one', {}, host)).accepts, accepts);
    await close();
  });
});

function endless(): object {
  const claims: Record<string, unknown> = {};
  claims.again = claims;
  return claims;
}
