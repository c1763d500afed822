/** google-auth-library, unmodified, with an `external_account` JSON whose file source is a projected token. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { ExternalAccountClient } from 'google-auth-library';
import { calendar, claimsOf, jwtType, startService, type TestService } from '../support/service.js';

describe('google-auth-library', () => {
  let service: TestService;
  before(async () => {
    service = await startService();
  });
  after(() => service.close());

  function client(scopes: string[], options: Record<string, unknown> = {}) {
    const made = ExternalAccountClient.fromJSON({
      type: 'external_account',
      audience: calendar,
      subject_token_type: jwtType,
      token_url: `${service.url}/token`,
      credential_source: { file: `${service.folder}/token`, format: { type: 'text' } },
      ...options,
    } as Parameters<typeof ExternalAccountClient.fromJSON>[0]);
    assert.ok(made);
    made.scopes = scopes;
    return made;
  }

  it('exchanges the token file, newline and all', async () => {
    await writeFile(`${service.folder}/token`, `${await service.token()}\n`);
    const { token } = await client(['read:calendar']).getAccessToken();
    const claims = claimsOf(token);
    assert.deepEqual([claims.aud, claims.scope], [calendar, 'read:calendar']);
  });

  it('keeps the token for its lifetime: one exchange for many calls', async () => {
    await writeFile(`${service.folder}/token`, await service.token());
    const account = client(['read:calendar']);
    const before = (await service.records()).length;
    const first = await account.getAccessToken();
    const second = await account.getAccessToken();
    assert.equal(first.token, second.token);
    assert.equal((await service.records()).length, before + 1);
  });

  it('sends its client_id as Basic with an empty secret: accepted when it is the subject', async () => {
    await writeFile(`${service.folder}/token`, await service.token());
    const subject = 'spiffe://example.com/prod-eu/ns/agents/sa/calendar-agent';
    const { token } = await client(['read:calendar'], { client_id: subject }).getAccessToken();
    assert.equal(claimsOf(token).client_id, subject);
  });

  it('shows the person our error and its description', async () => {
    await writeFile(`${service.folder}/token`, await service.token());
    await assert.rejects(client(['https://www.googleapis.com/auth/cloud-platform']).getAccessToken(), /invalid_scope/);
  });
});
