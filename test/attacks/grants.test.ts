/**
 * Dex GHSA-7qjx-gp9h-65qj: a restriction that held on one grant only. Each stands once, in the table of grant-restrictions.ts, and is asserted on
 * every grant that the metadata lists: the same verdict for the same reason, in the grant's own error.
 */
import assert from 'node:assert/strict';
import type { AuditRecord } from '../../src/audit/record.js';
import { accessTokenType } from '../../src/exchange/response.js';
import { ask, type Way, ways } from '../support/grants.js';
import { assertionType, introspect } from '../support/introspection.js';
import { type Answer, calendar, claimsOf, jwtType, send, startService, type TestService } from '../support/service.js';
import { configuration, of, request, restrictions, subject, type Told, target } from './grant-restrictions.js';

const basic = (text: string) => ({ Authorization: `Basic ${Buffer.from(text).toString('base64')}` });

describe('Dex GHSA-7qjx-gp9h-65qj: every restriction on every grant', () => {
  let service: TestService;
  before(async () => {
    // One moment, so that details that name it are the same.
    const now = Date.now();
    service = await startService({ ...configuration, now: () => now });
  });
  after(() => service.close());

  /** What a record says of the request, less what is of this one request alone, and less which grant it was. */
  function verdict(record: AuditRecord): unknown {
    const { time, decision_id, error, grant_type, evidence_sha256, evidence_id, duration_ms, facts, granted, ...rest } =
      record;
    return { ...rest, fields: Object.keys(record), granted: granted && { ...granted, jti: null } };
  }

  async function told(answer: Answer, [status, error]: Told): Promise<AuditRecord> {
    assert.deepEqual([answer.status, answer.body.error, 'access_token' in answer.body], [status, error, false]);
    const record = await service.lastRecord();
    assert.deepEqual([record.decision_id, record.outcome, record.error], [answer.body.decision_id, 'refused', error]);
    return record;
  }

  it('the table has every grant that is served', async () => {
    const { body } = await send(`${service.url}/.well-known/oauth-authorization-server`, {});
    assert.deepEqual(
      ways.map(({ name }) => name),
      body.grant_types_supported,
    );
  });

  for (const { title, token = of('calendar-agent'), changes = {}, headers = {}, ...expected } of restrictions) {
    it(`${title}`, async () => {
      const evidence = await token(service);
      const verdicts: unknown[] = [];
      for (const way of ways) {
        const answer = await ask(service, way, evidence, { changes, headers });
        const record = await told(answer, expected.told === 'rejected' ? way.rejected : expected.told);
        assert.equal(record.reason, expected.reason);
        // Of a form that cannot be read nothing is recorded.
        if (record.reason !== 'parameter_repeated') assert.equal(record.grant_type, way.name);
        verdicts.push(verdict(record));
      }
      for (const other of verdicts) assert.deepEqual(other, verdicts[0]);
    });
  }

  describe('two ways of client authentication', () => {
    const user = basic(`${subject}:`);
    for (const [title, changes, headers] of [
      ['a header and client_id', { client_id: subject }, user],
      ['a header and client_secret', { client_secret: 'x' }, user],
      ['a header and client_assertion', { client_assertion: 'x', client_assertion_type: assertionType }, user],
      ['client_secret and client_assertion', { client_secret: 'x', client_assertion: 'x' }, {}],
    ] as const) {
      it(title, async () => {
        for (const way of ways) {
          await told(await ask(service, way, await service.token(), { changes, headers }), request);
        }
      });
    }
  });

  it('a secret, or an assertion that is not the evidence, is no authentication', async () => {
    for (const way of ways) {
      const isAssertion = way.evidence === 'client_assertion';
      // Beside a client_assertion a secret is a second way.
      const expected = isAssertion ? request : ([401, 'invalid_client'] as const);
      const secret = await ask(service, way, await service.token(), { changes: { client_secret: 'x' } });
      await told(secret, expected);
      const changes = { client_assertion: await service.token(), client_assertion_type: assertionType };
      if (!isAssertion)
        await told(await ask(service, way, await service.token(), { changes }), [401, 'invalid_client']);
      const other = { client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-spiffe' };
      await told(await ask(service, way, await service.token(), { changes: other }), [401, 'invalid_client']);
    }
  });

  describe('Keycloak CVE-2026-9704: what is blank, repeated or dropped never falls back to another grant', () => {
    for (const way of ways) {
      for (const [title, value] of [
        ['dropped', undefined],
        ['empty', ''],
        ['blank', ' \t\r\n'],
      ] as const) {
        it(`${way.name}: ${way.evidence} is ${title}, alone and beside the evidence of each other grant`, async () => {
          const changes = { [way.evidence]: value };
          await told(await ask(service, way, '', { changes }), way.missing);
          for (const other of ways.filter((each) => each !== way)) {
            const { grant_type: _, ...evidence } = other.form(await service.token());
            const { status, body } = await ask(service, way, '', { changes: { ...evidence, ...changes } });
            assert.equal('access_token' in body, false);
            assert.ok([request, way.missing].some(([code, error]) => status === code && body.error === error));
          }
        });
      }

      it(`${way.name}: each of its parameters repeated, the same value twice included`, async () => {
        const form: Readonly<Record<string, string>> = { ...way.form(await service.token()), client_id: subject };
        for (const [name, value] of Object.entries(form)) {
          for (const twice of [
            [value, value],
            ['', value],
            [value, ''],
            [value, 'x'],
          ]) {
            await told(await ask(service, way, '', { changes: { ...form, [name]: twice } }), request);
          }
        }
      });

      it(`${way.name}: good evidence of another grant beside its own is refused, not ignored`, async () => {
        for (const other of ways.filter(
          ({ evidence }) => evidence !== way.evidence && evidence !== 'client_assertion',
        )) {
          const { grant_type: _, ...changes } = other.form(await service.token());
          const record = await told(await ask(service, way, await service.token(), { changes }), request);
          assert.equal(record.reason, 'parameter_of_another_grant');
        }
        const changes = { actor_token: await service.token(), actor_token_type: jwtType };
        await told(await ask(service, way, await service.token(), { changes }), request);
      });
    }
  });

  it('what is granted is the same: scope, lifetime, claims, record', async () => {
    const token = await service.token({ lifetime: 900 });
    for (const changes of [{}, { scope: 'read:calendar delete:all' }, { resource: undefined, audience: calendar }]) {
      const verdicts: unknown[] = [];
      for (const way of ways) {
        const { status, headers, body } = await ask(service, way, token, { changes });
        const { access_token, issued_token_type, ...rest } = body;
        const { jti, iat, nbf, exp, ...granted } = claimsOf(access_token);
        assert.deepEqual([status, headers.get('cache-control'), Number(exp) - Number(iat)], [200, 'no-store', 300]);
        assert.equal(issued_token_type, way.evidence === 'subject_token' ? accessTokenType : undefined);
        assert.deepEqual(Object.keys(rest).sort(), ['expires_in', 'scope', 'token_type'], 'no refresh token');
        const record = await service.lastRecord();
        assert.deepEqual([record.grant_type, record.granted?.jti], [way.name, jti]);
        verdicts.push({ ...rest, granted, verdict: verdict(record) });
      }
      for (const other of verdicts) assert.deepEqual(other, verdicts[0]);
    }
  });

  it('never longer than the evidence', async () => {
    for (const way of ways) {
      const evidence = await service.token({ lifetime: 120 });
      const { body } = await ask(service, way, evidence);
      assert.equal(claimsOf(body.access_token).exp, claimsOf(evidence).exp, way.name);
    }
  });

  it('the same evidence until it expires, with a newline at its end, and the client_id that it proves', async () => {
    const token = `${await service.token()}\n`;
    for (const way of [...ways, ...ways]) {
      assert.equal((await ask(service, way, token)).status, 200, way.name);
      assert.equal((await ask(service, way, token, { changes: { client_id: subject } })).status, 200, way.name);
    }
  });

  it('a count is one over all grants', async () => {
    const token = await service.token({ serviceAccount: 'seldom' });
    const [first, second, third] = ways as readonly [Way, Way, Way];
    assert.equal((await ask(service, first, token)).status, 200);
    assert.equal((await ask(service, second, token)).status, 200);
    for (const way of [third, first, second]) await told(await ask(service, way, token), target);
  });

  it('tokens of each grant end with their pod, and nobody but the audience sees them', async () => {
    const caller = await service.token({ serviceAccount: 'calendar-api' });
    const evidence = await service.token({ pod: 'ends' });
    const tokens = await Promise.all(
      ways.map(async (way) => String((await ask(service, way, evidence)).body.access_token)),
    );
    const active = () =>
      Promise.all(
        tokens.map(async (token) => (await introspect(service, { token, client_assertion: caller })).body.active),
      );
    assert.deepEqual(await active(), [true, true, true]);
    const { instance } = claimsOf(tokens[0]).attestation as { instance: string };
    service.host('prod-eu').ended(instance, 'pod_deleted');
    assert.deepEqual(await active(), [false, false, false]);
  });
});
