/** An attestation as an attestor hands it to the host, for tests of what comes after. */
import type { Attestation } from '../../attestors/attestor.js';

/** Of a pod, good for ten minutes. @param now seconds since the epoch */
export const attestationAt = (now: number, changes: Partial<Attestation> = {}): Attestation => ({
  attestor: 'one',
  subject: 'spiffe://example.com/one/ns/a/sa/b',
  instance: 'pod:1',
  environment: 'production',
  selectors: ['k8s:ns:a', 'k8s:sa:b'],
  unknownSelectors: {},
  claims: {},
  facts: {},
  evidenceId: 'id-1',
  singleUse: false,
  assurance: 'medium',
  attestedAt: now,
  expiresAt: now + 600,
  vouchesUntil: now + 600,
  ...changes,
});
