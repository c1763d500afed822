/** What every attestor must do, whatever its evidence: the suite that each of them runs. */
/// <reference types="mocha" />
import assert from 'node:assert/strict';
import type { Attestation, Attestor, AttestorType, Clock, Evidence } from '../../attestors/attestor.js';
import { type Refusal, Rejected, Unavailable } from '../errors.js';
import { faultsOfType } from '../plugins/shape.js';
import { callWith } from './test-host.js';

export interface AttestorFixture {
  readonly selectorKinds: readonly string[];
  readonly attestor: Attestor;
  /** The clock that the attestor's host has. */
  readonly now: Clock;
  /** Evidence that is accepted; the same each time. */
  readonly good: Evidence;
  /** Evidence that is the workload's fault, by what is wrong with it. */
  readonly bad: Readonly<Record<string, Evidence>>;
  /** Like `attestor`, but what it depends on (keys, an API) does not answer. Left out where that is nothing. */
  readonly broken?: Attestor;
  close(): Promise<void>;
}

/** That a package's type is one which a configuration can load with `module`. */
export function describeAttestorType(name: string, type: AttestorType): void {
  describe(`attestor type conformance: ${name}`, () => {
    it('has the shape of an attestor type, and names of its own', () => assert.deepEqual(faultsOfType(type), []));
  });
}

/**
 * @param create makes a fixture for each test
 * @param dependencies `none`: it needs neither keys nor an API that could fail, so there is no `broken`
 */
export function describeAttestor(
  name: string,
  create: () => Promise<AttestorFixture>,
  dependencies: 'some' | 'none' = 'some',
): void {
  describe(`attestor conformance: ${name}`, () => {
    let fixture: AttestorFixture;
    beforeEach(async () => {
      fixture = await create();
    });
    afterEach(async () => {
      await fixture.attestor.close();
      await fixture.close();
    });
    const attest = (evidence: Evidence) => fixture.attestor.attest(evidence, callWith());

    it('says which routes it accepts, and does not change its mind', () => {
      const { accepts } = fixture.attestor;
      assert.ok(accepts.length > 0);
      assert.ok(Object.isFrozen(accepts));
      const routes = accepts.map((route) => JSON.stringify([route.tokenType, route.issuer, route.audience]));
      assert.equal(new Set(routes).size, routes.length);
      for (const route of accepts) {
        assert.ok(Object.isFrozen(route));
        assert.ok(route.tokenType !== '' && route.issuer !== '' && route.audience !== '');
      }
      assert.ok(accepts.some((route) => route.tokenType === fixture.good.tokenType));
    });

    it('turns good evidence into an attestation that keeps every invariant', async () => {
      checkAttestation(await attest(fixture.good), fixture);
    });

    it('freezes the attestation at every level', async () => {
      assert.deepEqual(unfrozen(await attest(fixture.good)), []);
    });

    it('gives an attestation that survives JSON, so that a record of it can be decided again', async () => {
      const attestation = await attest(fixture.good);
      assert.deepEqual(JSON.parse(JSON.stringify(attestation)), attestation);
    });

    it('puts no part of the evidence into the attestation', async () => {
      const text = JSON.stringify(await attest(fixture.good));
      for (const part of secrets(fixture.good)) assert.ok(!text.includes(part));
    });

    it('gives the same attestation to 100 callers at once', async () => {
      const all = await Promise.all(Array.from({ length: 100 }, () => attest(fixture.good)));
      assert.equal(new Set(all.map((attestation) => JSON.stringify(withoutTimes(attestation)))).size, 1);
    });

    it('keeps good and bad evidence apart that come at once', async () => {
      const everything = [fixture.good, ...Object.values(fixture.bad)].flatMap((evidence) => Array(10).fill(evidence));
      const settled = await Promise.allSettled(everything.map(attest));
      settled.forEach((result, index) => {
        assert.equal(result.status, everything[index] === fixture.good ? 'fulfilled' : 'rejected');
      });
    });

    it('rejects bad evidence as the fault of the evidence, and quotes none of it', async () => {
      assert.ok(Object.keys(fixture.bad).length > 0);
      for (const [what, evidence] of Object.entries(fixture.bad)) {
        const error = await failure(attest(evidence), what);
        assert.ok(error instanceof Rejected, `${what}: ${error}`);
        checkRefusal(error, evidence, what);
      }
    });

    it('rejects evidence of no form at all', async () => {
      const { tokenType } = fixture.good;
      for (const token of ['', '.', '..', '\0', 'x'.repeat(65_536), '{}', '[]', 'e30']) {
        const error = await failure(attest({ tokenType, token }), JSON.stringify(token.slice(0, 20)));
        assert.ok(error instanceof Rejected, String(error));
      }
    });

    if (dependencies === 'some') {
      it('says unavailable, and never rejected, when what it depends on does not answer', async () => {
        assert.ok(fixture.broken, 'the fixture has no broken attestor');
        const error = await failure(fixture.broken.attest(fixture.good, callWith()), 'good evidence');
        assert.ok(error instanceof Unavailable, String(error));
        assert.ok(Number.isFinite(error.retryAfter) && error.retryAfter > 0);
        checkRefusal(error, fixture.good, 'unavailable');
      });
    }

    it('can be closed twice', async () => {
      await fixture.attestor.close();
      await fixture.attestor.close();
    });
  });
}

function checkAttestation(attestation: Attestation, { attestor, selectorKinds, now }: AttestorFixture): void {
  assert.equal(attestation.attestor, attestor.name);
  assert.match(attestation.subject, /^spiffe:\/\/[a-z0-9._-]+(\/[A-Za-z0-9._-]+)+$/);
  assert.ok(attestation.subject.split('/')[3] === attestor.name, 'the subject is in the name space of the attestor');
  assert.ok(attestation.instance !== '');
  assert.ok(attestation.environment === null || attestation.environment !== '');
  checkSelectors(attestation, selectorKinds);
  for (const [name, fact] of Object.entries(attestation.facts)) {
    assert.ok(Number.isFinite(fact.observedAt) && fact.observedAt <= now(), name);
  }
  assert.ok(attestation.evidenceId !== '' && attestation.evidenceId.length <= 256);
  assert.equal(typeof attestation.singleUse, 'boolean');
  assert.ok(['low', 'medium', 'high'].includes(attestation.assurance));
  const { issuedAt } = attestation;
  assert.ok(issuedAt === undefined || (Number.isFinite(issuedAt) && issuedAt <= now() + 60));
  assert.ok(Number.isFinite(attestation.attestedAt) && attestation.attestedAt <= now());
  assert.ok(Number.isFinite(attestation.expiresAt) && attestation.expiresAt > now());
  assert.ok(Number.isFinite(attestation.vouchesUntil) && attestation.vouchesUntil >= now());
}

function checkSelectors({ selectors, unknownSelectors }: Attestation, kinds: readonly string[]): void {
  assert.deepEqual(selectors, [...new Set(selectors)].sort(), 'sorted, without duplicates');
  const kindOf = (one: string) => kinds.find((kind) => one.startsWith(`${kind}:`) && one.length > kind.length + 1);
  for (const one of selectors) assert.ok(kindOf(one), `${one} is of no declared kind`);
  for (const [kind, cause] of Object.entries(unknownSelectors)) {
    assert.ok(kinds.includes(kind), `${kind} is no declared kind`);
    assert.ok(cause === 'missing' || cause === 'unavailable');
    assert.ok(!selectors.some((one) => kindOf(one) === kind), `${kind} is both known and unknown`);
  }
}

function checkRefusal(error: Refusal, evidence: Evidence, what: string): void {
  assert.match(error.reason, /^[a-z][a-z0-9_]*$/, what);
  assert.ok(error.detail !== '', what);
  const text = [error.message, error.stack, error.detail, causes(error)].join('\n');
  for (const part of secrets(evidence)) assert.ok(!text.includes(part), `${what}: the error quotes the evidence`);
}

function causes(error: Error): string {
  return error.cause instanceof Error ? `${error.cause.stack}\n${causes(error.cause)}` : String(error.cause);
}

/** The token and its parts, those that are too short to mean anything left out. */
function secrets({ token }: Evidence): readonly string[] {
  return [token, ...token.split('.')].filter((part) => part.length > 15);
}

function withoutTimes({ attestedAt, facts, ...rest }: Attestation) {
  return { ...rest, facts: Object.fromEntries(Object.entries(facts).map(([name, { value }]) => [name, value])) };
}

function unfrozen(value: unknown, path = 'attestation'): readonly string[] {
  if (typeof value !== 'object' || value === null) return [];
  const inner = Object.entries(value).flatMap(([key, part]) => unfrozen(part, `${path}.${key}`));
  return Object.isFrozen(value) ? inner : [path, ...inner];
}

async function failure(promise: Promise<unknown>, what: string): Promise<unknown> {
  return promise.then(
    () => assert.fail(`${what} was accepted`),
    (error: unknown) => error,
  );
}
