/**
 * Every service of the test suite leaves its audit records here, with the policy that was in force. At the end `decide`
 * runs again on each record that got as far as a decision, and has to come to the same one. A record is left out only
 * when it has no rules, which a permitted one always has.
 */
import assert from 'node:assert/strict';
import type { AuditRecord } from '../../src/audit/record.js';
import type { Policy } from '../../src/policy/compile.js';
import { decide } from '../../src/policy/decide.js';
import { identifierOf } from '../../src/policy/token-type.js';
import { inputsOf, outcomeOf } from '../../src/policy-tools/replay.js';

const written: { readonly record: AuditRecord; readonly policy: Policy }[] = [];

export function keep(line: string, policy: Policy): AuditRecord {
  const record = JSON.parse(line) as AuditRecord;
  written.push({ record, policy });
  return record;
}

export function replayRecords(): void {
  let replayed = 0;
  for (const { record, policy } of written) {
    if (record.rules === null) {
      assert.equal(record.outcome, 'refused', `record ${record.decision_id} permits without rules`);
      continue;
    }
    replay(record, policy);
    replayed += 1;
  }
  process.stdout.write(`  decided again from their records: ${replayed} of ${written.length}\n`);
}

export function replay(record: AuditRecord, policy: Policy): void {
  const context = `record ${record.decision_id}`;
  const inputs = inputsOf(record);
  assert.ok(inputs, `${context} lacks what was decided on`);
  const decision = decide(policy, inputs.facts, inputs.asked);
  assert.deepEqual(decision.rules, record.rules, context);
  assert.equal(policy.revision, record.policy_revision, context);
  if (record.outcome === 'permitted') {
    assert.ok(record.granted && decision.granted, context);
    const { algorithm: _algorithm, tokenType, ...granted } = decision.granted;
    assert.deepEqual(granted, outcomeOf(record), context);
    assert.equal(tokenType && identifierOf(tokenType), record.granted.issued_token_type, context);
  }
  // What the audit or the signer refused afterwards is no part of the decision.
  if (decision.fault !== null) assert.equal(decision.reason, record.reason, context);
}
