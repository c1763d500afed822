/** Draft 04 of the Identity Assertion JWT Authorization Grant: what an agent shows to the authorization server of another domain, for a person. */
import assert from 'node:assert/strict';
import { decodeProtectedHeader } from 'jose';
import { type Cast, mcp, ourIssuer, startCast } from '../support/delegation.js';
import { claimsOf, send } from '../support/service.js';

const chat = 'https://chat.example';
const idJag = 'urn:ietf:params:oauth:token-type:id-jag';
const agent = 'spiffe://acme.example/prod-eu/ns/agents/sa/calendar-agent';

describe('ID-JAG, draft 04', () => {
  let cast: Cast;
  before(async () => {
    cast = await startCast({
      more: 'drafts: { id-jag: "04" }',
      resources: { [chat]: { scope: ['chat.read', 'chat.history'], tokenType: 'id-jag', lifetime: '5m' } },
      rules: {
        chat: {
          workload: { attestor: 'prod-eu', selectors: ['k8s:ns:agents', 'k8s:sa:calendar-agent'] },
          delegator: { attestor: 'staff', claims: { azp: 'calendar-agent' } },
          grant: { resource: chat, scope: ['chat.read', 'chat.history'] },
        },
      },
    });
  });
  after(() => cast.close());
  const asked = { resource: undefined, audience: chat, requested_token_type: idJag };

  it('§3.1, §4.3.4: typ, claims and answer', async () => {
    const { status, body } = await cast.ask(cast.anna(), await cast.agent(), { ...asked, scope: 'chat.read' });
    const { access_token, ...rest } = body;
    assert.deepEqual(
      [status, rest],
      [200, { issued_token_type: idJag, token_type: 'N_A', expires_in: 300, scope: 'chat.read' }],
    );
    assert.equal(decodeProtectedHeader(String(access_token)).typ, 'oauth-id-jag+jwt');
    const { iat, exp, jti, nbf: _, attestation: __, ...claims } = claimsOf(access_token);
    assert.deepEqual(claims, {
      ...{ iss: ourIssuer, aud: chat, sub: 'spiffe://acme.example/staff/subject/anna', client_id: agent },
      ...{ act: { sub: agent }, scope: 'chat.read' },
    });
    assert.equal(Number(exp) - Number(iat), 300);
    assert.match(String(jti), /^[0-9a-f-]{36}$/);
    const { granted } = await cast.service.lastRecord();
    assert.equal(granted?.issued_token_type, idJag);
  });

  it('§4.3: for a person whose own token is shown, and neither for the agent itself nor by a token of ours', async () => {
    const refused = async (answer: ReturnType<Cast['ask']>, error: string, reason: string) => {
      const { status, body } = await answer;
      assert.deepEqual([status, body.error], [400, error]);
      assert.equal((await cast.service.lastRecord()).reason, reason);
    };
    const jwtType = 'urn:ietf:params:oauth:token-type:jwt';
    await refused(cast.ask([jwtType, await cast.agent()], undefined, asked), 'invalid_target', 'no_rule_grants');
    const accessToken = ['urn:ietf:params:oauth:token-type:access_token', await cast.firstHop()] as const;
    await refused(cast.ask(accessToken, await cast.server(), asked), 'invalid_target', 'no_rule_grants');
    const other = cast.anna({ azp: 'mail-agent' });
    await refused(cast.ask(other, await cast.agent(), asked), 'invalid_target', 'no_rule_grants');
    const apart = { ...asked, resource: 'https://api.chat.example' };
    await refused(cast.ask(cast.anna(), await cast.agent(), apart), 'invalid_target', 'targets_differ');
    await refused(
      cast.ask(cast.anna(), await cast.agent(), { ...asked, audience: mcp }),
      'invalid_target',
      'other_token_type',
    );
  });

  it('identity chaining §3: the metadata names it', async () => {
    const { body } = await send(`${cast.service.url}/.well-known/oauth-authorization-server`, {});
    assert.deepEqual(body.identity_chaining_requested_token_types_supported, [idJag]);
  });
});
