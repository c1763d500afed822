/** What both endpoints answer when a room behind them fails. */
import assert from 'node:assert/strict';
import { Unavailable } from '../../src/errors.js';
import { createIntrospection } from '../../src/introspection/introspection.js';
import { compileClients } from '../../src/policy/clients.js';
import { clientsSchema, resourcesSchema } from '../../src/policy/schema.js';
import type { Revocation } from '../../src/revocation/revocation.js';
import type { Signer } from '../../src/signing/signer.js';
import { createMemoryStore } from '../../src/store/memory.js';
import { attestationAt } from '../support/attestation.js';
import { assertionType } from '../support/introspection.js';
import { noProofs } from '../support/proof.js';
import { calendar } from '../support/service.js';
import { localSigner } from '../support/signer.js';
import { posted } from '../support/wire.js';

const now = 1_800_000_000;
const issuer = 'https://sts.example.com';
const attestor = { name: 'one', accepts: [], attest: () => assert.fail('not asked'), close: async () => {} };
const clients = compileClients({
  clients: clientsSchema.parse({ api: { workload: { attestor: 'one' }, introspect: [calendar] } }),
  resources: resourcesSchema.parse({ [calendar]: { scope: ['read'] } }),
  attestors: new Map([['one', { selectorKinds: [], facts: [] }]]),
});

describe('introspection while the log of revocations fails', () => {
  let signer: Signer;
  before(async () => {
    signer = await localSigner(['ES256'], createMemoryStore());
  });
  after(() => signer.close());

  async function answers(refresh: () => Promise<void>) {
    const warnings: string[] = [];
    const nothing = { instances: [], subjects: [], tokens: [] };
    const knowing = { isRevoked: () => false, refuseRevoked: () => {}, list: () => nothing };
    const revocation = { refresh, ...knowing } as unknown as Revocation;
    const { introspect, revocations } = createIntrospection({
      ...noProofs,
      dpop: { introspect: noProofs.dpop, revocations: noProofs.dpop },
      issuer,
      signer,
      attest: async () => attestationAt(now, { subject: 'spiffe://example.com/one/x', selectors: [] }),
      attestors: [attestor],
      drafts: {},
      clients: () => clients,
      revocation,
      now: () => now,
      warn: (message) => warnings.push(message),
      observe: () => {},
    });
    const attestation = { attestor: 'one', instance: 'pod:2' };
    const token = await signer.sign('at+jwt', { iss: issuer, aud: calendar, iat: now, exp: now + 600, attestation });
    const form = { token, client_assertion_type: assertionType, client_assertion: 'a.b.c' };
    const asked = await introspect(posted(form));
    const authorization = 'Bearer a.b.c';
    const get = { method: 'GET', authorization, repeatedHeader: false, ifNoneMatch: '*', address: '192.0.2.1' };
    const listed = await revocations(get);
    return { asked, listed, warnings, token };
  }

  it('neither says active nor gives a list: 503, when to come back, and nothing to keep', async () => {
    const failing = () => Promise.reject(new Unavailable('store_unavailable', 'disk gone', 7));
    const { asked, listed, warnings } = await answers(failing);
    for (const { status, headers, body } of [asked, listed]) {
      assert.deepEqual([status, headers['Retry-After'], headers['Cache-Control']], [503, '7', 'no-store']);
      assert.equal(JSON.parse(body).error, 'temporarily_unavailable');
    }
    assert.deepEqual(warnings, []);
  });

  it('a fault of our own is 500: the caller learns nothing of it, the operator’s log has the stack and no token', async () => {
    const { asked, listed, warnings, token } = await answers(() => Promise.reject(new TypeError('secret internals')));
    for (const { status, body } of [asked, listed]) {
      assert.deepEqual([status, JSON.parse(body).error, body.includes('internals')], [500, 'server_error', false]);
    }
    assert.equal(warnings.length, 2);
    assert.match(warnings[0] ?? '', /^\/introspect: TypeError: secret internals[\s\S]* at /);
    assert.match(warnings[1] ?? '', /^\/revocations: /);
    assert.equal(warnings.join().includes(token.split('.')[2] ?? ''), false);
  });

  it('reads the log before it says active', async () => {
    let reads = 0;
    const { asked, listed } = await answers(async () => void reads++);
    assert.deepEqual([JSON.parse(asked.body).active, listed.status, reads], [true, 304, 2]);
  });
});
