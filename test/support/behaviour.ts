/** Exchanges that behaviour is about, without what is around them in a service. */
import assert from 'node:assert/strict';
import type { Attestation } from '../../attestors/attestor.js';
import { createBehaviour } from '../../src/exchange/behaviour.js';
import { gatherFacts } from '../../src/exchange/facts.js';
import type { Policy } from '../../src/policy/compile.js';
import { decide } from '../../src/policy/decide.js';
import type { Asked } from '../../src/policy/facts.js';
import type { Store } from '../../src/store/store.js';
import { calendar, compileRules, now } from '../policy/samples.js';
import { attestationAt } from './attestation.js';

export const grant = { resource: calendar, scope: ['read'] };
export const workload = { attestor: 'prod-eu' };
/** A rule that asks for it. */
export const asking = (behaviour: unknown, more: Readonly<Record<string, unknown>> = {}) => ({
  workload,
  conditions: [{ behaviour, ...more }],
  grant,
});
export const limited = (behaviour: unknown): Policy => compileRules({ one: asking(behaviour) });

interface Asking {
  readonly policy: Policy;
  readonly at?: number;
  readonly ip?: string | null;
  readonly node?: string;
  readonly attestation?: Partial<Attestation>;
  readonly asked?: Asked;
}

/** As the pipeline does it, without what is around. */
export async function exchange(store: Store, { policy, at = now, ip = '10.1.2.3', node = 'n1', ...asking }: Asking) {
  const behaviour = createBehaviour({ store, nodeKinds: new Map([['prod-eu', 'k8s:node']]) });
  const attestation = attestationAt(at, {
    attestor: 'prod-eu',
    selectors: [`k8s:node:${node}`, 'k8s:ns:a'],
    ...asking.attestation,
  });
  const { asked = { resource: calendar, scope: null } } = asking;
  const reads = policy.attestors.get('prod-eu')?.reads ?? [];
  const inquiry = { attestation, facts: gatherFacts(attestation, { now: at, ip, reads }), asked, decisionId: 'd' };
  const facts = await behaviour.read(policy, inquiry);
  const decision = decide(policy, facts, asked);
  const { facts: last, decision: made } = (await behaviour.count(policy, { ...inquiry, facts }, decision)) ?? {
    facts,
    decision,
  };
  assert.deepEqual(decide(policy, last, asked), made, 'what was decided last is not what its facts come to');
  return { facts: last, decision: made, issued: made.granted !== null };
}
