/** What several say together is what each of them says of a call: never more, and not less. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type AuthorizationDetails, issued, readDetails } from '../../src/authorization-details/details.js';
import { namedByAll, narrowed } from '../../src/authorization-details/narrow.js';
import { permits } from '../../src/authorization-details/permits.js';
import { call, details } from '../support/tools.js';

const target = 'https://bank.example/mcp';
const some = fc.array(details, { minLength: 1, maxLength: 3 });
const many = fc.array(call, { minLength: 10, maxLength: 20 });

const grant = (rules: readonly AuthorizationDetails[], limits: readonly AuthorizationDetails[]) =>
  narrowed(
    rules.map((rule) => namedByAll(rule, limits)),
    limits,
    target,
  );

describe('authorization-details/narrow', () => {
  it('permits(granted) is permits(rule) of some rule, and permits(limit) of every limit', () => {
    const seen = { permitted: 0, narrowed: 0 };
    fc.assert(
      fc.property(some, fc.array(details, { maxLength: 3 }), many, (rules, limits, calls) => {
        const granted = grant(rules, limits) ?? undefined;
        for (const { tool, args } of calls) {
          const ofRules = rules.some((rule) => permits(rule, tool, args));
          const expected = ofRules && limits.every((limit) => permits(limit, tool, args));
          assert.equal(permits(granted, tool, args), expected);
          if (expected) seen.permitted += 1;
          else if (ofRules) seen.narrowed += 1;
        }
      }),
      { numRuns: 1000 },
    );
    assert.ok(seen.permitted > 500 && seen.narrowed > 500, JSON.stringify(seen));
  });

  it('what comes of it can be read again, and a chain of them does not grow without end', () => {
    fc.assert(
      fc.property(some, details, fc.integer({ min: 1, max: 16 }), (rules, request, hops) => {
        let granted: AuthorizationDetails | null = null;
        let sizes: readonly number[] = [];
        for (let hop = 0; hop < hops; hop++) {
          const limits: readonly AuthorizationDetails[] = granted === null ? [request] : [request, granted];
          granted = grant(rules, limits);
          if (granted === null) return;
          assert.deepEqual(readDetails(JSON.parse(JSON.stringify(granted)), issued), granted);
          sizes = [...sizes, JSON.stringify(granted).length];
        }
        assert.ok((sizes.at(-1) ?? 0) <= 4 * (sizes[0] ?? 0) + 4 * JSON.stringify(rules).length, sizes.join(', '));
      }),
      { numRuns: 300 },
    );
  });

  it('equal schemas are told once, and one that says nothing ends an alternative', () => {
    const pay = (schema?: object) =>
      readDetails([{ type: 'mcp_tools', tools: [{ name: 'pay', ...(schema && { arguments: schema }) }] }], issued);
    const [open, small, text] = [
      pay(),
      pay({ type: 'object', properties: { a: { const: 1 } } }),
      pay({ type: 'object' }),
    ];
    const schemaOf = (rules: readonly AuthorizationDetails[], limits: readonly AuthorizationDetails[] = []) =>
      grant(rules, limits)?.[0]?.tools[0]?.arguments;
    const of = (each: AuthorizationDetails) => each[0]?.tools[0]?.arguments;
    assert.deepEqual(schemaOf([small, small], [small, open]), of(small));
    assert.equal(schemaOf([small, open]), undefined);
    assert.deepEqual(schemaOf([small, text]), { anyOf: [of(small), of(text)] });
    assert.deepEqual(schemaOf([small], [text]), { allOf: [of(small), of(text)] });
    assert.deepEqual(schemaOf([open], [text]), of(text));
    assert.equal(grant([open], [readDetails([{ type: 'mcp_tools', tools: [{ name: 'list' }] }], issued)]), null);
  });
});
