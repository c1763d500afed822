/**
 * Runs test/cases/*.yaml: facts → decision, with the record. Each file begins with how to read it; the schema here is
 * strict, so that a misspelt expectation cannot pass by saying nothing.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';
import { decide } from '../../src/policy/decide.js';
import type { Decision, RuleVerdict, ShadowOutcome } from '../../src/policy/decision.js';
import type { FactValue } from '../../src/policy/facts.js';
import { compile, factsOf } from './samples.js';

const folder = new URL('../cases/', import.meta.url);

const cause = z.enum(['missing', 'unavailable']);

const workload = z.strictObject({
  attestor: z.string().optional(),
  environment: z.string().nullable().optional(),
  selectors: z.array(z.string()).optional(),
  unknown: z.record(z.string(), cause).optional(),
  podless: z.boolean().optional(),
  /** Values by name. */
  posture: z.record(z.string(), z.unknown()).default({}),
  /** Seconds before now: when the posture was observed. */
  observedAgo: z.number().default(0),
  /** Those that were gathered: null is one that the evidence does not have. */
  claims: z.record(z.string(), z.json()).optional(),
  assurance: z.enum(['low', 'medium', 'high']).optional(),
  /** Seconds before now: when the evidence was made; null: it does not say. */
  madeAgo: z.number().nullable().optional(),
  /** Seconds from now. */
  vouchesFor: z.number().optional(),
});

const settled = z.union([
  z.literal('holds'),
  z.strictObject({ fails: z.string(), expected: z.string(), seen: z.string() }),
  z.strictObject({ unknown: z.string(), expected: z.string(), seen: z.string() }),
]);

const expectation = z.strictObject({
  fault: z.enum(['target_refused', 'scope_refused', 'dependency_unavailable']).optional(),
  reason: z.string(),
  granted: z
    .strictObject({
      resource: z.string(),
      scope: z.array(z.string()),
      lifetime: z.number(),
      algorithm: z.string().optional(),
    })
    .optional(),
  rules: z.record(z.string(), settled),
  shadow: z
    .strictObject({
      reason: z.string(),
      granted: z.strictObject({ resource: z.string(), scope: z.array(z.string()), lifetime: z.number() }).optional(),
    })
    .optional(),
});

const file = z.strictObject({
  resources: z.unknown(),
  conditions: z.unknown().optional(),
  rules: z.unknown(),
  cases: z.array(
    z.strictObject({
      name: z.string(),
      workload: workload.prefault({}),
      at: z.iso.datetime({ offset: true }).optional(),
      ip: z.string().nullable().default('10.1.2.3'),
      asked: z.strictObject({ resource: z.string().optional(), scope: z.array(z.string()).optional() }).default({}),
      expect: expectation,
    }),
  ),
});

/** A verdict as the cases write it. */
function written({ verdict, clause, expected, seen }: RuleVerdict): unknown {
  return verdict === 'holds' ? 'holds' : { [verdict]: clause, expected, seen };
}

function withoutAlgorithm({ reason, granted }: ShadowOutcome): unknown {
  if (granted === null) return { reason };
  const { algorithm: _, ...rest } = granted;
  return { reason, granted: rest };
}

function asExpectation({ fault, reason, granted, rules, shadow }: Decision): unknown {
  return {
    ...(shadow === null ? {} : { shadow: withoutAlgorithm(shadow) }),
    ...(fault === null ? {} : { fault }),
    reason,
    ...(granted === null
      ? {}
      : { granted: { ...granted, ...(granted.algorithm === null ? { algorithm: undefined } : {}) } }),
    rules: Object.fromEntries(rules.map((rule) => [rule.rule, written(rule)])),
  };
}

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

for (const name of readdirSync(folder).filter((entry) => entry.endsWith('.yaml'))) {
  describe(`cases/${name}`, () => {
    const { cases, ...policy } = file.parse(parse(readFileSync(new URL(name, folder), 'utf8'), { merge: true }));
    const compiled = compile(policy);
    for (const { name: title, workload: changes, at, ip, asked, expect } of cases) {
      it(title, () => {
        const { vouchesFor = 3600, madeAgo, posture, observedAgo, ...stated } = changes;
        const base = factsOf();
        const now = at === undefined ? base.now : Date.parse(at) / 1000;
        const observed = (value: unknown) => ({ value: value as FactValue, observedAt: now - observedAgo });
        const facts = {
          now,
          network: { ip },
          workload: {
            ...base.workload,
            ...(plain(stated) as object),
            posture: Object.fromEntries(Object.entries(posture).map(([fact, value]) => [fact, observed(value)])),
            ...(madeAgo === undefined ? {} : { evidenceIssuedAt: madeAgo === null ? null : now - madeAgo }),
            vouchesUntil: now + vouchesFor,
          },
        };
        const decision = decide(compiled, facts, { resource: asked.resource ?? null, scope: asked.scope ?? null });
        assert.deepEqual(plain(asExpectation(decision)), plain(expect));
        assert.deepEqual(
          decision.rules.map(({ rule }) => rule),
          decision.rules.map(({ rule }) => rule).sort(),
        );
      });
    }
  });
}
