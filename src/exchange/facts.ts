/** Stage 3: everything that a decision reads is gathered here, so that `decide` does no I/O and reads no clock. */
import type { Attestation, UnknownCause } from '../../attestors/attestor.js';
import type { Facts } from '../policy/facts.js';

export function gatherFacts(attestation: Attestation, now: number): Facts {
  const { attestor, environment, selectors, unknownSelectors, vouchesUntil } = attestation;
  // Platforms without pods do not have the fact. Where it is, only a plain false says that there is a pod.
  const { podless } = attestation.facts;
  const unknown: Readonly<Record<string, UnknownCause>> =
    environment === null ? { ...unknownSelectors, environment: 'missing' } : unknownSelectors;
  return Object.freeze({
    now,
    workload: Object.freeze({
      attestor,
      environment,
      selectors,
      unknown,
      podless: podless !== undefined && podless.value !== false,
      vouchesUntil,
    }),
  });
}
