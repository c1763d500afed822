/** The attest stage with a store of its own, for tests of what stands around it. */
import type { Attestation, Attestor, Clock, Evidence, EvidenceForm } from '../../attestors/attestor.js';
import type { PinMode } from '../../src/binding/pins.js';
import { type Nonces, openNonces } from '../../src/challenge/nonces.js';
import { createAttest, type Showing } from '../../src/exchange/attest.js';
import { createLimits } from '../../src/limits/limits.js';
import type { Store } from '../../src/store/store.js';
import { createEarlierStore } from './earlier-store.js';

export interface TestAttestOptions {
  readonly now: Clock;
  /** Default: one in memory. */
  readonly store?: Store;
  readonly forms?: readonly EvidenceForm[];
  readonly delegators?: readonly string[];
  readonly pins?: ReadonlyMap<string, PinMode>;
  /** Default: of a store of their own. */
  readonly nonces?: Nonces;
}

/** As `Attest`, from one address unless said otherwise. */
export type TestAttest = (evidence: Evidence, requestId: string, showing?: Partial<Showing>) => Promise<Attestation>;

/** @throws Error when two attestors have one route */
export async function createTestAttest(
  attestors: readonly Attestor[],
  options: TestAttestOptions,
): Promise<TestAttest> {
  const {
    now,
    store = memory(now),
    forms = [],
    delegators = [],
    pins = new Map(),
    nonces = await openNonces(memory(now), now),
  } = options;
  const attest = createAttest({
    attestors,
    delegators: new Set(delegators),
    pins,
    forms: new Map(forms.map((form) => [form.tokenType, form])),
    nonces,
    limits: createLimits({}, { store, now, warn: () => {}, observe: () => {} }),
    issuer: 'https://sts.example.com',
    trustDomain: 'example.com',
    now,
    store,
  });
  return (evidence, requestId, showing) => attest(evidence, requestId, { address: '192.0.2.1', ...showing });
}

const memory = (now: Clock): Store => createEarlierStore(() => now() * 1000);
