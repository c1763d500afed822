/** Vault CVE-2024-8365, OpenBao CVE-2026-46358: canary tokens appear in no record, error, log or health page. */
import assert from 'node:assert/strict';
import { calendar, grantType, jwtType, send, startService, type TestService } from '../support/service.js';

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
const foreign = `${encode({ alg: 'RS256', kid: 'canary-kid' })}.${encode({ iss: 'https://canary.example', aud: 'x' })}.Y2FuYXJ5c2lnbmF0dXJl`;

describe('Vault CVE-2024-8365: canary tokens', () => {
  let service: TestService;
  before(async () => {
    service = await startService();
  });
  after(() => service.close());

  /** Any part of a token that would let somebody use it or forge it: its signature, or its payload as it came. */
  async function leaks(token: string, answers: readonly unknown[]): Promise<string[]> {
    const [, payload = '', signature = ''] = token.split('.');
    const ready = await send(`${service.healthUrl}/readyz`, {});
    const places = {
      records: await service.auditText(),
      warnings: service.warnings.join('\n'),
      answers: JSON.stringify(answers),
      ready: JSON.stringify(ready.body),
    };
    return Object.entries(places).flatMap(([place, text]) =>
      [payload, signature].some((part) => part !== '' && text.includes(part)) ? [place] : [],
    );
  }

  it('a token that is accepted', async () => {
    const token = await service.token();
    const { body } = await service.exchange({ subject_token: token });
    assert.equal(typeof body.access_token, 'string');
    assert.deepEqual(await leaks(token, []), []);
    assert.deepEqual(await leaks(String(body.access_token), []), []);
  });

  it('a token that is refused', async () => {
    for (const token of [foreign, `${foreign}x`, `${await service.token()}x`, foreign.replace('.', '!')]) {
      assert.deepEqual(await leaks(token, [await service.exchange({ subject_token: token })]), []);
    }
  });

  for (const name of [
    'grant_type',
    'subject_token_type',
    'requested_token_type',
    'resource',
    'audience',
    'scope',
    'client_id',
    'client_secret',
    'client_assertion',
    'assertion',
    'actor_token',
    'actor_token_type',
    'authorization_details',
    'unheard_of',
  ]) {
    it(`a token pasted into ${name}`, async () => {
      const token = await service.token();
      assert.deepEqual(await leaks(token, [await service.exchange({ [name]: token })]), []);
      const padded = `https://x.example/?token=${token}&more`;
      assert.deepEqual(await leaks(token, [await service.exchange({ [name]: padded })]), []);
    });
  }

  it('a token as a parameter’s name, in the query, in a header, in the path', async () => {
    const token = await service.token();
    const form = { grant_type: grantType, subject_token_type: jwtType, subject_token: token, resource: calendar };
    const answers = [
      await service.post({ ...form, [token]: ['a', 'b'] }),
      await service.post(form, { Authorization: `Bearer ${token}` }),
      await service.post(form, { Authorization: `Basic ${Buffer.from(`${token}:`).toString('base64')}` }),
      await service.post(form, { 'Content-Type': `text/${token}` }),
      await send(`${service.url}/token?subject_token=${token}`, { method: 'POST' }),
      await send(`${service.url}/${token}`, {}),
    ];
    assert.deepEqual(await leaks(token, answers), []);
  });
});
