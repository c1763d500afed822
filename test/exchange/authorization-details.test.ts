/** RFC 9396: what is asked of tools, what is granted, and where it is told. */
import assert from 'node:assert/strict';
import { permits } from '../../src/authorization-details/permits.js';
import { bank, bankResource, bankRules, toolsOf } from '../support/details.js';
import { ask, ways } from '../support/grants.js';
import { introspect } from '../support/introspection.js';
import { claimsOf, startService, type TestService } from '../support/service.js';

const within50 = '{"type":"object","properties":{"amount":{"type":"number","maximum":50},"account":{"type":"string"}}}';
const withoutAccount = '{"type":"object","properties":{"amount":{"type":"number"}}}';

describe('authorization_details', () => {
  let service: TestService;
  before(async () => {
    service = await startService({
      resources: `
  ${bankResource}`,
      rules: bankRules,
      more: `clients:
  bank-server:
    workload: { attestor: prod-eu, selectors: ["k8s:sa:bank-server"] }
    introspect: ["${bank}"]`,
    });
  });
  after(() => service.close());

  const exchange = async (changes: Readonly<Record<string, string>> = {}) => {
    const answer = await service.exchange({ resource: bank, ...changes });
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
    return answer.body;
  };

  const account = 'DE1';
  /** The greatest of some amounts that may be paid; 0: none. */
  const mostOf = (details: unknown) =>
    [101, 100, 51, 50, 1].find((amount) => permits(details, 'pay', { amount, account })) ?? 0;

  for (const [title, changes, lists, most, scope] of [
    ['nothing is asked: all that is granted', {}, true, 100, 'accounts payments'],
    ['scope is asked: the tools that come with it', { scope: 'payments' }, false, 100, 'payments'],
    [
      'a tool: that, and the scope that comes with it',
      { authorization_details: toolsOf('pay') },
      false,
      100,
      'payments',
    ],
    ['a tool with narrower arguments', { authorization_details: toolsOf('pay', within50) }, false, 50, 'payments'],
    [
      'arguments without one that is required',
      { authorization_details: toolsOf('pay', withoutAccount) },
      false,
      0,
      'payments',
    ],
    [
      'a tool that is not granted, beside one that is',
      { authorization_details: '[{"type":"mcp_tools","tools":[{"name":"close_account"},{"name":"list_accounts"}]}]' },
      ...([true, 0, 'accounts'] as const),
    ],
  ] as const) {
    it(`§2, §7, on every grant: ${title}`, async () => {
      for (const way of ways) {
        const { status, body } = await ask(service, way, await service.token(), {
          changes: { resource: bank, ...changes },
        });
        assert.deepEqual([status, body.scope], [200, scope]);
        const { authorization_details: told } = body;
        assert.deepEqual(
          [permits(told, 'list_accounts'), mostOf(told), permits(told, 'close_account')],
          [lists, most, false],
        );
        assert.deepEqual(claimsOf(body.access_token).authorization_details, told);
        assert.deepEqual((await service.lastRecord()).granted?.authorization_details, told);
      }
    });
  }

  it('§7: several entries are told as one, for the resource, with the schema of the rule and of the request', async () => {
    const [pay, list] = [toolsOf('pay', within50), toolsOf('list_accounts')].map((each) => each.slice(1, -1));
    const locations = JSON.stringify([bank]);
    const asked = `[${pay?.replace('"tools"', `"locations":${locations},"tools"`)},${list}]`;
    const { authorization_details: told } = await exchange({ authorization_details: asked });
    const properties = { amount: { type: 'number', exclusiveMinimum: 0, maximum: 100 }, account: { type: 'string' } };
    const ofRule = { type: 'object', properties, required: ['amount', 'account'], additionalProperties: false };
    const ofRequest = { ...JSON.parse(within50), additionalProperties: false };
    const tools = [{ name: 'list_accounts' }, { name: 'pay', arguments: { allOf: [ofRule, ofRequest] } }];
    assert.deepEqual(told, [{ type: 'mcp_tools', locations: [bank], tools }]);
    const { request } = await service.lastRecord();
    const recorded = [{ name: 'pay', arguments: ofRequest }, { name: 'list_accounts' }];
    assert.deepEqual(request.authorization_details, [{ type: 'mcp_tools', locations: [bank], tools: recorded }]);
    // What was granted can be asked for.
    assert.deepEqual((await exchange({ authorization_details: JSON.stringify(told) })).authorization_details, told);
  });

  it('§9.1, §9.2: they are a claim of the token, and introspection tells them', async () => {
    const { access_token: token, authorization_details: told } = await exchange();
    const caller = await service.token({ serviceAccount: 'bank-server' });
    const { body } = await introspect(service, { token: String(token), client_assertion: caller });
    assert.deepEqual([body.active, body.authorization_details], [true, told]);
  });

  it('what looks like a token in them is refused, and not recorded', async () => {
    const token = await service.token();
    const schema = `{"type":"object","properties":{"account":{"const":"${token.replaceAll('e', '\\u0065')}"}}}`;
    const { status, body } = await service.exchange({ resource: bank, authorization_details: toolsOf('pay', schema) });
    assert.deepEqual([status, body.error], [400, 'invalid_authorization_details']);
    assert.ok(!(await service.auditText()).includes(token.slice(20, 60)));
  });
});
