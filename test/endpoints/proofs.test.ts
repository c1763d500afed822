/** DPoP proofs where clients authenticate and no token is asked for: of evidence that is pinned to a key, over real HTTP. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { accessToken, callerToken, clients, introspect, revoke } from '../support/introspection.js';
import { clientKey, makeProof, type ProofChanges } from '../support/proof.js';
import { calendar, clusterUrl, issuer, send, startService, type TestService } from '../support/service.js';

const [owner, thief] = [clientKey(), clientKey()];
const keys = `type: kubernetes, issuer: "${clusterUrl}", keys: { jwksFile: jwks.json }`;
const attestorsWith = (pin: string) => `
  prod-eu: { ${keys}, pin: ${pin} }`;
const hashOf = (token: string) => createHash('sha256').update(token).digest('base64url');

type Endpoint = (service: TestService, evidence: string, proof: string | undefined) => ReturnType<typeof send>;
type Told = readonly [status: number, error: unknown];

interface Row {
  readonly path: string;
  readonly ask: Endpoint;
  readonly evidence: (service: TestService) => Promise<string>;
  /** Of its requests. */
  readonly method: string;
  readonly rejected: Told;
  /** What is told of proofs. */
  readonly status: number;
}

const proven = (proof: string | undefined) => (proof === undefined ? {} : { DPoP: proof });
const list: Endpoint = (service, evidence, proof) => {
  const Authorization = `${proof === undefined ? 'Bearer' : 'DPoP'} ${evidence}`;
  return send(`${service.url}/revocations`, { headers: { Authorization, ...proven(proof) } });
};

const rows: readonly Row[] = [
  {
    path: 'introspect',
    ask: (service, client_assertion, proof) =>
      introspect(service, { token: 'unknown', client_assertion }, proven(proof)),
    evidence: callerToken,
    method: 'POST',
    rejected: [401, 'invalid_client'],
    status: 400,
  },
  {
    path: 'revoke',
    ask: (service, client_assertion, proof) => revoke(service, { token: 'unknown', client_assertion }, proven(proof)),
    evidence: (service) => service.token(),
    method: 'POST',
    rejected: [401, 'invalid_client'],
    status: 400,
  },
  {
    path: 'revocations',
    ask: list,
    evidence: callerToken,
    method: 'GET',
    rejected: [401, 'invalid_token'],
    status: 401,
  },
];

for (const { path, ask, evidence: evidenceFor, method, rejected, status } of rows) {
  const prove = (evidence: string, { claims, ...rest }: ProofChanges = {}, by = owner) =>
    makeProof(by, `${issuer}/${path}`, { ...rest, claims: { htm: method, ath: hashOf(evidence), ...claims } });

  describe(`a proof at /${path}`, () => {
    let service: TestService;
    before(async () => {
      service = await startService({ attestors: attestorsWith('required'), more: clients, earlierStore: true });
    });
    after(() => service.close());
    const told = async (evidence: string, proof: string | undefined): Promise<Told> => {
      const answer = await ask(service, evidence, proof);
      return [answer.status, answer.body.error];
    };

    it('is asked for where evidence has to be pinned', async () => {
      const evidence = await evidenceFor(service);
      assert.deepEqual(await told(evidence, undefined), [status, 'invalid_dpop_proof']);
      assert.deepEqual(await told(evidence, prove(evidence)), [200, undefined]);
    });

    it('pins the evidence to its key, for every endpoint, and another key is told to operators', async () => {
      const evidence = await evidenceFor(service);
      assert.deepEqual(await told(evidence, prove(evidence)), [200, undefined]);
      const elsewhere = makeProof(thief, `${issuer}/token`);
      const { body } = await service.exchange({ subject_token: evidence }, { DPoP: elsewhere });
      assert.equal(body.error, 'invalid_request');
      assert.equal((await service.lastRecord()).alert, 'evidence_pinned_to_another_key');
      assert.deepEqual(await told(evidence, prove(evidence, {}, thief)), rejected);
      const warning = service.warnings.at(-1) ?? '';
      assert.match(warning, /^evidence_pinned_to_another_key: evidence of spiffe:\/\/example\.com\/prod-eu\/ns\//);
      assert.ok(!warning.includes(evidence));
      assert.deepEqual(await told(evidence, prove(evidence)), [200, undefined]);
    });

    it('counts as such an alert', async () => {
      const metrics = await (await fetch(`${service.healthUrl}/metrics`)).text();
      const counted =
        'counterseal_evidence_alerts_total{attestor="prod-eu",alert="evidence_pinned_to_another_key"} 2\n';
      assert.ok(metrics.includes(counted));
    });

    it('is for this endpoint and method, fresh, and used once', async () => {
      const evidence = await evidenceFor(service);
      const wrong: readonly Readonly<Record<string, unknown>>[] = [
        { htu: `${issuer}/token` },
        { htm: method === 'GET' ? 'POST' : 'GET' },
        { iat: Math.floor(Date.now() / 1000) - 120 },
        ...(method === 'GET' ? [{ ath: undefined }, { ath: hashOf('another') }] : []),
      ];
      for (const claims of wrong) {
        assert.deepEqual(await told(evidence, prove(evidence, { claims })), [status, 'invalid_dpop_proof']);
      }
      const proof = prove(evidence);
      assert.deepEqual(await told(evidence, proof), [200, undefined]);
      assert.deepEqual(await told(evidence, proof), [status, 'invalid_dpop_proof']);
    });

    it('is not used up by who has no evidence', async () => {
      const evidence = await evidenceFor(service);
      const proof = prove(evidence);
      assert.deepEqual(
        await told(method === 'GET' ? `${evidence}x` : 'a.b.c', method === 'GET' ? prove(`${evidence}x`) : proof),
        rejected,
      );
      assert.deepEqual(await told(evidence, proof), [200, undefined]);
    });
  });

  describe(`a nonce at /${path}`, () => {
    let service: TestService;
    before(async () => {
      const resources = `
  ${calendar}: { scope: [read:calendar, write:events], dpopNonce: required }
  https://payroll.example: { scope: [read:salaries] }`;
      service = await startService({ resources, attestors: attestorsWith('none'), more: clients, earlierStore: true });
    });
    after(() => service.close());

    it('is asked for as soon as any resource asks for one, and each answer brings the next', async () => {
      const evidence = await evidenceFor(service);
      const first = await ask(service, evidence, prove(evidence));
      assert.deepEqual([first.status, first.body.error], [status, 'use_dpop_nonce']);
      const next = async (answer: typeof first) => {
        const nonce = answer.headers.get('dpop-nonce');
        return ask(service, evidence, prove(evidence, { claims: { nonce } }));
      };
      const second = await next(first);
      assert.equal(second.status, 200);
      assert.equal((await next(second)).status, 200);
      const without = await ask(service, evidence, undefined);
      assert.deepEqual([without.status, without.headers.get('dpop-nonce')], [200, null]);
    });
  });

  describe(`the audience of evidence at /${path}`, () => {
    let service: TestService;
    before(async () => {
      const attestors = `
  prod-eu: { ${keys}, otherAudiences: allow }
  own: { type: kubernetes, issuer: "https://own.example", keys: { jwksFile: jwks.json }, audience: "api://counterseal" }`;
      const more = `${clients}
  own-api:
    workload: { attestor: own }
    introspect: ["${calendar}"]`;
      service = await startService({ attestors, more });
    });
    after(() => service.close());

    it('rfc7523bis §4: is the attestor’s and nothing else, even where its block allows more', async () => {
      const request = { namespace: 'servers', serviceAccount: 'calendar-api', audience: issuer };
      const sign = (claims: Readonly<Record<string, unknown>>) =>
        service.cluster.sign({ ...service.cluster.claims(request), ...claims });
      const iss = 'https://own.example';
      for (const [claims, expected] of [
        [{ aud: issuer }, [200, undefined]],
        [{ aud: [issuer] }, [200, undefined]],
        [{ aud: [issuer, 'https://other.example'] }, rejected],
        [{ aud: [issuer, `${issuer}/${path}`] }, rejected],
        [{ aud: `${issuer}/${path}` }, rejected],
        [{ iss, aud: 'api://counterseal' }, [200, undefined]],
        [{ iss, aud: ['api://counterseal', issuer] }, rejected],
      ] as const) {
        const answer = await ask(service, sign(claims), undefined);
        assert.deepEqual([answer.status, answer.body.error], expected, JSON.stringify(claims));
      }
    });
  });
}

describe('the schemes of /revocations', () => {
  let service: TestService;
  before(async () => {
    service = await startService({ more: clients, earlierStore: true });
  });
  after(() => service.close());

  it('RFC 9449 §7.1: a proof goes with DPoP, Bearer without one, and what is missing is told by its scheme', async () => {
    const evidence = await callerToken(service);
    const DPoP = makeProof(owner, `${issuer}/revocations`, { claims: { htm: 'GET', ath: hashOf(evidence) } });
    const ask = async (headers: Record<string, string>) => {
      const answer = await send(`${service.url}/revocations`, { headers });
      return [answer.status, answer.headers.get('www-authenticate')];
    };
    const challenge = 'DPoP error="invalid_dpop_proof", algs="RS256 ES256 ES384 EdDSA Ed25519"';
    assert.deepEqual(await ask({ Authorization: `DPoP ${evidence}` }), [401, challenge]);
    assert.deepEqual(await ask({ Authorization: `Bearer ${evidence}`, DPoP }), [401, 'Bearer realm="counterseal"']);
    assert.deepEqual(await ask({ Authorization: `DPoP ${evidence}`, DPoP }), [200, null]);
  });

  it('a proof of HEAD is one for HEAD', async () => {
    const evidence = await callerToken(service);
    for (const [htm, status] of [
      ['GET', 401],
      ['HEAD', 200],
    ] as const) {
      const DPoP = makeProof(owner, `${issuer}/revocations`, { claims: { htm, ath: hashOf(evidence) } });
      const headers = { Authorization: `DPoP ${evidence}`, DPoP };
      assert.equal((await send(`${service.url}/revocations`, { method: 'HEAD', headers })).status, status);
    }
  });

  it('what a proof is shown with is not said of tokens: a bearer’s stays one', async () => {
    const token = await accessToken(service);
    const client_assertion = await callerToken(service);
    const DPoP = makeProof(owner, `${issuer}/introspect`);
    assert.equal((await introspect(service, { token, client_assertion }, { DPoP })).body.token_type, 'Bearer');
  });
});
