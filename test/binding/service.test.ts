/** DPoP on the whole service: what is asked for, what is shown, and what the token, the answer, the record and introspection say of it. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { calculateJwkThumbprint } from 'jose';
import { createClusterIssuer } from '../../examples/quickstart/cluster-issuer.js';
import { openEmbeddedStore } from '../../src/store/embedded.js';
import { ask, ways } from '../support/grants.js';
import { clientKey, makeProof, type ProofChanges } from '../support/proof.js';
import {
  calendar,
  claimsOf,
  clusterUrl,
  issuer,
  payroll,
  postForm,
  startService,
  type TestService,
} from '../support/service.js';

const url = `${issuer}/token`;
const key = clientKey();
const resources = `
  ${calendar}: { scope: [read:calendar, write:events] }
  ${payroll}: { scope: [read:salaries], binding: dpop, dpopNonce: required }`;
const workload = '{ attestor: prod-eu, selectors: ["k8s:ns:agents", "k8s:sa:calendar-agent"] }';
const rules = `
  reader: { workload: ${workload}, grant: { resource: "${calendar}", scope: [read:calendar] } }
  writer: { workload: ${workload}, grant: { resource: "${calendar}", scope: [write:events], binding: dpop } }
  payroll: { workload: ${workload}, grant: { resource: "${payroll}", scope: [read:salaries] } }`;
const more = `
clients:
  calendar-api: { workload: { attestor: prod-eu, selectors: ["k8s:sa:calendar-api"] }, introspect: ["${calendar}"] }`;

describe('a token bound to a key', () => {
  let service: TestService;
  let jkt: string;
  before(async () => {
    service = await startService({ resources, rules, more, earlierStore: true });
    jkt = await calculateJwkThumbprint(key.jwk as object);
  });
  after(() => service.close());

  const proving = (changes?: ProofChanges) => ({ DPoP: makeProof(key, url, changes) });

  it('is what a request with a proof gets, by every rule', async () => {
    const { status, body } = await service.exchange({}, proving());
    assert.deepEqual([status, body.token_type, body.scope], [200, 'DPoP', 'read:calendar write:events']);
    assert.deepEqual(claimsOf(body.access_token).cnf, { jkt });
    const { facts, granted } = await service.lastRecord();
    assert.deepEqual([facts?.binding, granted?.binding], [{ dpop: jkt }, { dpop: jkt }]);
  });

  it('is what evidence that is bound itself gets, by each grant with a proof of its key and nothing beside', async () => {
    const claims = claimsOf(await service.token());
    const shown = (cnf: unknown) => service.cluster.sign({ ...claims, cnf });
    for (const way of ways) {
      const { status, body } = await ask(service, way, shown({ jkt }), { headers: proving() });
      assert.deepEqual([status, body.token_type], [200, 'DPoP'], way.name);
      const other = { DPoP: makeProof(clientKey(), url) };
      for (const [cnf, headers] of [
        [{ jkt }, {}],
        [{ jkt }, other],
        [{ jkt, 'x5t#S256': jkt }, proving()],
        [{}, {}],
        [null, {}],
      ] as const) {
        const answer = await ask(service, way, shown(cnf), { headers });
        assert.deepEqual([answer.status, answer.body.error], way.rejected, `${way.name} ${JSON.stringify(cnf)}`);
        assert.equal((await service.lastRecord()).reason, 'evidence_bound');
      }
    }
  });

  it('is not what one without gets, nor the scope that asks for it', async () => {
    const { status, body } = await service.exchange();
    assert.deepEqual([status, body.token_type, body.scope], [200, 'Bearer', 'read:calendar']);
    assert.equal('cnf' in claimsOf(body.access_token), false);
    const { rules: told, granted, facts } = await service.lastRecord();
    const { clause, expected, seen } = told?.find(({ rule }) => rule === 'writer') ?? assert.fail();
    assert.deepEqual([clause, expected, seen], ['grant.binding', 'a DPoP proof', 'none']);
    assert.deepEqual([facts?.binding, granted?.binding], [undefined, undefined]);
  });

  it('is told as invalid_dpop_proof where nothing is granted without', async () => {
    const { status, body } = await service.exchange({ scope: 'write:events' });
    assert.deepEqual([status, body.error], [400, 'invalid_dpop_proof']);
    assert.equal((await service.lastRecord()).reason, 'binding_missing');
  });

  it('is introspected as such', async () => {
    const introspect = async (token: unknown) => {
      const assertion = await service.token({ serviceAccount: 'calendar-api' });
      const type = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
      const form = { token: String(token), client_assertion: assertion, client_assertion_type: type };
      return (await postForm(`${service.url}/introspect`, form)).body;
    };
    const bound = await introspect((await service.exchange({}, proving())).body.access_token);
    assert.deepEqual([bound.active, bound.token_type, bound.cnf], [true, 'DPoP', { jkt }]);
    const bearer = await introspect((await service.exchange()).body.access_token);
    assert.deepEqual([bearer.active, bearer.token_type, 'cnf' in bearer], [true, 'Bearer', false]);
  });

  it('needs a proof for our issuer’s URL, whatever the Host header says', async () => {
    const elsewhere = makeProof(key, 'https://evil.example/token');
    const { body } = await service.exchange({}, { DPoP: elsewhere, 'X-Forwarded-Host': 'evil.example' });
    assert.deepEqual([body.error, (await service.lastRecord()).reason], ['invalid_dpop_proof', 'dpop_url']);
    const asServed = makeProof(key, `${service.url}/token`);
    assert.equal((await service.exchange({}, { DPoP: asServed })).body.error, 'invalid_dpop_proof');
  });

  it('needs one proof: two, an empty one and none that is one are refused', async () => {
    const twice = new Headers([
      ['DPoP', makeProof(key, url)],
      ['DPoP', makeProof(key, url)],
    ]);
    for (const [header, reason] of [
      [String(twice.get('DPoP')), 'dpop_repeated'],
      ['', 'dpop_not_compact'],
      ['Bearer', 'dpop_not_compact'],
    ] as const) {
      const { status, body } = await service.exchange({}, { DPoP: header });
      assert.deepEqual([status, body.error], [400, 'invalid_dpop_proof'], reason);
      assert.equal((await service.lastRecord()).reason, reason);
    }
  });

  it('leaves no proof in records and answers', async () => {
    const proof = makeProof(key, url, { claims: { htm: 'PUT' } });
    const { body } = await service.exchange({}, { DPoP: proof });
    const text = JSON.stringify(body) + (await service.auditText());
    for (const part of proof.split('.')) assert.ok(!text.includes(part));
  });

  it('a proof is used up by nobody without evidence', async () => {
    const headers = proving();
    assert.equal((await service.exchange({ subject_token: 'a.b.c' }, headers)).body.error, 'invalid_request');
    assert.equal((await service.exchange({}, headers)).status, 200);
    assert.equal((await service.exchange({}, headers)).body.error, 'invalid_dpop_proof');
    assert.equal((await service.lastRecord()).reason, 'dpop_used');
  });

  describe('for a resource with dpopNonce', () => {
    const asking = (
      headers: Record<string, string>,
      target: Record<string, string | undefined> = { resource: payroll },
    ) => service.exchange(target, headers);

    it('needs a nonce, which the answer brings', async () => {
      const { status, body, headers } = await asking(proving());
      const nonce = headers.get('dpop-nonce');
      assert.deepEqual([status, body.error], [400, 'use_dpop_nonce']);
      assert.equal((await service.lastRecord()).reason, 'dpop_nonce_missing');
      const again = await asking(proving({ claims: { nonce } }));
      assert.deepEqual([again.status, again.body.token_type], [200, 'DPoP']);
      const next = again.headers.get('dpop-nonce');
      assert.equal((await asking(proving({ claims: { nonce: next } }))).status, 200);
    });

    it('needs one for a request without a target too', async () => {
      assert.equal((await asking(proving(), { resource: undefined })).body.error, 'use_dpop_nonce');
    });

    it('needs a proof first', async () => {
      const { body, headers } = await asking({});
      assert.deepEqual([body.error, headers.get('dpop-nonce')], ['invalid_dpop_proof', null]);
    });

    it('says nothing of nonces for others', async () => {
      assert.equal((await service.exchange({}, proving())).headers.get('dpop-nonce'), null);
    });
  });

  it('is one, of a hundred concurrent uses of one proof', async () => {
    const headers = proving();
    const answers = await Promise.all(Array.from({ length: 100 }, () => service.exchange({}, headers)));
    assert.equal(answers.filter(({ status }) => status === 200).length, 1);
    assert.ok(answers.every(({ status, body }) => status === 200 || body.error === 'invalid_dpop_proof'));
  });

  it('is one, of a hundred over two services on one store', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'counterseal-store-'));
    const cluster = await createClusterIssuer({ issuer: clusterUrl });
    await (await openEmbeddedStore({ path: folder, now: () => 0 })).close();
    const store = `{ type: embedded, path: "${folder}" }`;
    const services = [await startService({ cluster, store }), await startService({ cluster, store })];
    try {
      const headers = proving();
      const answers = await Promise.all(
        Array.from({ length: 100 }, (_, index) => services[index % 2]?.exchange({}, headers) ?? assert.fail()),
      );
      assert.equal(answers.filter(({ status }) => status === 200).length, 1);
      assert.ok(answers.every(({ status, body }) => status === 200 || body.error === 'invalid_dpop_proof'));
    } finally {
      for (const each of services) await each.close();
      await rm(folder, { recursive: true, force: true });
    }
  });
});
