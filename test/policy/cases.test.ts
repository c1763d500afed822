/** Runs test/cases/*.yaml: files of cases as `counterseal policy test` takes them, with the policy that they are about. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { decide } from '../../src/policy/decide.js';
import { inputsOfSituation } from '../../src/policy-cases/cases.js';
import { differences } from '../../src/policy-cases/run.js';
import { casesSchema } from '../../src/policy-cases/schema.js';
import { compile, type RawPolicy } from './samples.js';

const folder = new URL('../cases/', import.meta.url);

for (const name of readdirSync(folder).filter((entry) => entry.endsWith('.yaml'))) {
  describe(`cases/${name}`, () => {
    const file = parse(readFileSync(new URL(name, folder), 'utf8'), { merge: true });
    const { resources, conditions, rules, ...rest } = file as RawPolicy & Record<string, unknown>;
    const { base, cases } = casesSchema.parse(rest);
    const compiled = compile({ resources, conditions, rules });
    for (const each of cases) {
      it(each.name, () => {
        const { facts, asked } = inputsOfSituation({ base, each }, { environment: 'production' });
        const decision = decide(compiled, facts, asked);
        assert.deepEqual(differences(each.expect, decision), []);
        // What a case may leave out, it does not leave out here.
        const { fault, granted, rules: expected = {}, shadow } = each.expect;
        assert.equal(fault ?? null, decision.fault);
        assert.equal(granted?.algorithm ?? null, decision.granted?.algorithm ?? null);
        assert.equal(shadow === undefined, decision.shadow === null);
        const names = decision.rules.map(({ rule }) => rule);
        assert.deepEqual(names, Object.keys(expected).sort());
        for (const verdict of Object.values(expected))
          assert.ok(verdict === 'holds' || (verdict.expected && verdict.seen));
      });
    }
  });
}
