/** Tools in resources and rules: what is refused at load, and where. */
import assert from 'node:assert/strict';
import { parseConfiguration } from '../../src/config/load.js';
import { ConfigurationError } from '../../src/config/problem.js';
import { decide } from '../../src/policy/decide.js';
import { compile, factsOf } from './samples.js';

const bank = 'https://bank.example/mcp';

const yaml = (details: string, tools = 'tools: [list_accounts, pay], ') => `issuer: http://127.0.0.1:8080
environment: production
audit: { sinks: [{ type: file, path: audit.jsonl }] }
attestors:
  prod-eu: { type: kubernetes, issuer: https://kubernetes.default.svc, keys: { jwksUri: "https://kubernetes.default.svc/jwks" } }
resources:
  ${bank}: { ${tools}scope: [payments, "tools:pay"] }
rules:
  small-payments:
    workload: { attestor: prod-eu }
    grant:
      resource: ${bank}
      scope: [payments]
${details}`;

const withTool = (tool: string) => `      authorizationDetails:
        - type: mcp_tools
          tools:
            - ${tool}`;

function problemsOf(text: string): readonly string[] {
  try {
    parseConfiguration('c.yaml', text);
    return [];
  } catch (error) {
    assert.ok(error instanceof ConfigurationError, String(error));
    return error.problems.map(
      ({ line, column, message, nearest }) => `${line}:${column} ${message}${nearest ? ` (${nearest})` : ''}`,
    );
  }
}

describe('policy/authorization-details', () => {
  it('good ones are taken', () => {
    const schema = '{ type: object, properties: { amount: { type: number, maximum: 100 } } }';
    assert.deepEqual(problemsOf(yaml(withTool(`{ name: pay, arguments: ${schema} }`))), []);
  });

  for (const [title, text, found] of [
    ['a misspelt tool', yaml(withTool('{ name: pya }')), '15:9 the resource has no such tool (pay)'],
    [
      'a resource without tools',
      yaml(withTool('{ name: pay }'), ''),
      '15:9 the resource lists no tools: add them to it, and its server has to look at these',
    ],
    [
      'a grant without details',
      yaml(''),
      '12:7 without authorizationDetails: the resource lists tools, so say which of them',
    ],
    [
      'a scope token about no tool',
      yaml(withTool('{ name: pay }'), 'tools: [list_accounts], ').replace('name: pay', 'name: list_accounts'),
      '7:73 the resource has no such tool',
    ],
    ['a name that no tool has', yaml(withTool('{ name: pay }'), 'tools: ["pay now"], '), '7:39 wrong value'],
    [
      'locations',
      yaml(withTool('{ name: pay }').replace('tools:', `locations: [${bank}]\n          tools:`)),
      '15:9 not authorization details: without locations: a grant is for its resource',
    ],
    [
      'an unknown keyword',
      yaml(withTool('{ name: pay, arguments: { type: object, properties: { amount: { type: number, maxium: 5 } } } }')),
      '17:',
    ],
    [
      'a keyword without its type',
      yaml(withTool('{ name: pay, arguments: { type: object, properties: { amount: { maximum: 5 } } } }')),
      '17:',
    ],
    [
      'a pattern that is not about the whole text',
      yaml(
        withTool('{ name: pay, arguments: { type: object, properties: { a: { type: string, pattern: "^DE|FR$" } } } }'),
      ),
      '17:',
    ],
    ['a tool twice', yaml(`${withTool('{ name: pay }')}\n            - { name: pay }`), '18:'],
  ] as const) {
    it(`refused with its place: ${title}`, () => {
      const problems = problemsOf(text);
      assert.equal(problems.length, 1, problems.join('; '));
      assert.ok(problems[0]?.startsWith(found), problems[0]);
    });
  }

  it('CEL reads what was asked for, as one entry whatever it was split into; not known when nothing was', () => {
    const tools = ['list_accounts', 'pay'];
    const policy = compile({
      resources: { [bank]: { scope: ['payments'], tools } },
      rules: {
        reading: {
          workload: { attestor: 'prod-eu' },
          conditions: [{ cel: 'request.authorizationDetails[0].tools.all(t, t.name == "list_accounts")' }],
          grant: {
            resource: bank,
            scope: ['payments'],
            authorizationDetails: [{ type: 'mcp_tools', tools: tools.map((name) => ({ name })) }],
          },
        },
      },
    });
    const verdictOf = (...names: readonly string[]) => {
      const details = [{ type: 'mcp_tools' as const, tools: names.map((name) => ({ name })) }];
      const asked = { resource: bank, scope: null, ...(names.length > 0 && { authorizationDetails: details }) };
      return decide(policy, factsOf(), asked).rules[0]?.verdict;
    };
    assert.deepEqual(
      [verdictOf('list_accounts'), verdictOf('list_accounts', 'pay'), verdictOf()],
      ['holds', 'fails', 'unknown'],
    );
  });
});
