/** Who may ask: what an attestation, a client of the configuration and a failing dependency come to. */
import assert from 'node:assert/strict';
import type { Attestor } from '../../attestors/attestor.js';
import { Refusal, Rejected, Unavailable } from '../../src/errors.js';
import type { Attest } from '../../src/exchange/attest.js';
import { authenticate } from '../../src/introspection/caller.js';
import { compileClients } from '../../src/policy/clients.js';
import { clientsSchema, resourcesSchema } from '../../src/policy/schema.js';
import { createTestAttest } from '../support/attest.js';
import { attestationAt } from '../support/attestation.js';
import { noProofs } from '../support/proof.js';
import { calendar, jwtType, payroll } from '../support/service.js';

const now = 1_800_000_000;
const attestation = attestationAt(now);
const kinds = { selectorKinds: ['k8s:ns', 'k8s:sa', 'k8s:node'], facts: [] };

function clients(...workloads: readonly Record<string, unknown>[]) {
  const entries = workloads.map((workload, index) => {
    return [
      `client-${index}`,
      { workload: { attestor: 'one', ...workload }, introspect: [[calendar, payroll][index]] },
    ];
  });
  return compileClients({
    clients: clientsSchema.parse(Object.fromEntries(entries)),
    resources: resourcesSchema.parse({ [calendar]: { scope: ['read'] }, [payroll]: { scope: ['read'] } }),
    attestors: new Map([
      ['one', kinds],
      ['two', kinds],
    ]),
  });
}

const revocation = { refresh: async () => {}, refuseRevoked: () => {} };
const fault = 'caller_invalid';
const address = '192.0.2.1';

const ask = (compiled: ReturnType<typeof clients>, attest: Attest = async () => attestation) =>
  authenticate(
    { ...noProofs, attest, drafts: {}, revocation, clients: () => compiled, now: () => now },
    {
      evidence: { tokenType: jwtType, token: 'a.b.c' },
      claimed: null,
      requestId: 'request-1',
      fault,
      dpop: undefined,
      address,
    },
  );

async function refusalOf(asking: Promise<unknown>) {
  const error = await asking.then(
    () => assert.fail('it was accepted'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof Refusal);
  return [error.fault, error.reason];
}

describe('the caller of introspection', () => {
  it('is every client that its workload matches, and sees what all of them may', async () => {
    const both = clients({ selectors: ['k8s:ns:a'] }, { environment: ['production'] });
    assert.deepEqual(await ask(both), { subject: attestation.subject, resources: new Set([calendar, payroll]) });
    const one = clients({ selectors: ['k8s:ns:a'] }, { selectors: ['k8s:ns:other'] });
    assert.deepEqual((await ask(one)).resources, new Set([calendar]));
  });

  it('is nobody when no client matches wholly', async () => {
    for (const workload of [
      { attestor: 'two' },
      { selectors: ['k8s:ns:a', 'k8s:sa:c'] },
      { environment: ['staging'] },
      { not: [{ selectors: ['k8s:sa:b'] }] },
    ]) {
      assert.deepEqual(await refusalOf(ask(clients(workload))), ['caller_invalid', 'not_a_client']);
    }
    assert.deepEqual(await refusalOf(ask(clients())), ['caller_invalid', 'not_a_client']);
  });

  it('is nobody on what is unknown; 503 when only a dependency is missing', async () => {
    const onNode = clients({ selectors: ['k8s:node:n'] });
    const unknown = (cause: 'missing' | 'unavailable') => async () => ({
      ...attestation,
      unknownSelectors: { 'k8s:node': cause },
    });
    assert.deepEqual(await refusalOf(ask(onNode, unknown('missing'))), ['caller_invalid', 'not_a_client']);
    assert.deepEqual(await refusalOf(ask(onNode, unknown('unavailable'))), [
      'dependency_unavailable',
      'client_unknown',
    ]);
    const notOnNode = clients({ not: [{ selectors: ['k8s:node:n'] }] });
    assert.deepEqual(await refusalOf(ask(notOnNode, unknown('missing'))), ['caller_invalid', 'not_a_client']);
  });

  it('without a pod is a client only where that is said', async () => {
    const podless = async () => ({ ...attestation, facts: { podless: { value: true, observedAt: now } } });
    assert.deepEqual(await refusalOf(ask(clients({}), podless)), ['caller_invalid', 'not_a_client']);
    assert.ok(await ask(clients({ podless: true }), podless));
  });

  it('is told that it is at fault for bad evidence only', async () => {
    const failing =
      (error: Error): Attest =>
      () =>
        Promise.reject(error);
    const asking = (error: Error) => ask(clients({}), failing(error));
    assert.deepEqual(await refusalOf(asking(new Rejected('jwt_expired', 'x'))), ['caller_invalid', 'jwt_expired']);
    assert.deepEqual(await refusalOf(asking(new Unavailable('keys', 'x'))), ['dependency_unavailable', 'keys']);
    assert.deepEqual(await refusalOf(asking(new Refusal('internal', 'broken', 'x'))), ['internal', 'broken']);
    await assert.rejects(asking(new TypeError('ours')), TypeError);
  });

  it('Keycloak CVE-2026-4282: evidence that is good for once was used, whatever it was used for', async () => {
    const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const token = `${encode({ alg: 'RS256', kid: 'k' })}.${encode({ iss: 'https://a.example', aud: 'ours' })}.c2ln`;
    const attestor: Attestor = {
      name: 'one',
      accepts: [{ tokenType: jwtType, issuer: 'https://a.example', audience: 'ours' }],
      attest: async () => ({ ...attestation, singleUse: true }),
      close: async () => {},
    };
    const attest = await createTestAttest([attestor], { now: () => now });
    await attest({ tokenType: jwtType, token }, 'exchange-1');
    const room = { ...noProofs, attest, drafts: {}, revocation, clients: () => clients({}), now: () => now };
    const asking = authenticate(room, {
      evidence: { tokenType: jwtType, token },
      claimed: null,
      requestId: 'introspection-1',
      fault,
      dpop: undefined,
      address,
    });
    assert.deepEqual(await refusalOf(asking), ['caller_invalid', 'evidence_replayed']);
  });
});
