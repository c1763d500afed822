/** The attest stage with a store of its own, for tests of what stands around it. */
import type { Attestor, Clock, EvidenceForm } from '../../attestors/attestor.js';
import type { PinMode } from '../../src/binding/pins.js';
import { type Nonces, openNonces } from '../../src/challenge/nonces.js';
import { type Attest, createAttest } from '../../src/exchange/attest.js';
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

/** @throws Error when two attestors have one route */
export async function createTestAttest(attestors: readonly Attestor[], options: TestAttestOptions): Promise<Attest> {
  const {
    now,
    store = memory(now),
    forms = [],
    delegators = [],
    pins = new Map(),
    nonces = await openNonces(memory(now), now),
  } = options;
  return createAttest({
    attestors,
    delegators: new Set(delegators),
    pins,
    forms: new Map(forms.map((form) => [form.tokenType, form])),
    nonces,
    issuer: 'https://sts.example.com',
    trustDomain: 'example.com',
    now,
    store,
  });
}

const memory = (now: Clock): Store => createEarlierStore(() => now() * 1000);
