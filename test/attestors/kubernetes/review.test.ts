import assert from 'node:assert/strict';
import { Rejected, Unavailable } from '../../../src/errors.js';
import { callWith, jwtEvidence, ourIssuer } from '../../support/attestor-host.js';
import { type FakeApi, ownToken, type ReviewStatus, send, startFakeApi } from './fake-api.js';
import { createFixture, type Fixture, refused, sharedCluster } from './fixture.js';

type User = NonNullable<ReviewStatus['user']>;

const inUser = (change: (user: User) => unknown) => (honest: ReviewStatus) => ({
  ...honest,
  user: honest.user && change(honest.user),
});
const inExtra = (key: string, value: readonly string[] | undefined) =>
  inUser(({ extra, ...user }) => ({ ...user, extra: { ...extra, [`authentication.kubernetes.io/${key}`]: value } }));

describe('kubernetes attestor with review', () => {
  let api: FakeApi;
  let fixture: Fixture;
  beforeEach(async () => {
    const cluster = await sharedCluster();
    api = await startFakeApi(cluster);
    fixture = await createFixture({ api: { kubeconfig: api.kubeconfig }, review: true }, cluster);
  });
  afterEach(async () => {
    await fixture.close();
    await api.close();
  });

  it('has high assurance when the API server says what the token says', async () => {
    const attestation = await fixture.attest(await fixture.token());
    assert.equal(attestation.assurance, 'high');
    assert.deepEqual(api.requests, ['GET /openid/v1/jwks', 'POST /apis/authentication.k8s.io/v1/tokenreviews']);
  });

  it('has low assurance for a token without a pod all the same', async () => {
    assert.equal((await fixture.attest(await fixture.token({ pod: null }))).assurance, 'low');
  });

  it('asks for our audience, and shows its own token', async () => {
    let asked: unknown;
    api.review((honest, review) => {
      asked = review;
      return honest;
    });
    const token = await fixture.token();
    await fixture.attest(token);
    assert.deepEqual(asked, { token, audiences: [ourIssuer] });
    assert.deepEqual([...api.authorizations], [`Bearer ${ownToken}`]);
  });

  it('asks for the audience that the token has, where the grant takes the token endpoint for us', async () => {
    const asked: unknown[] = [];
    api.review((honest, { audiences }) => {
      asked.push(audiences);
      return honest;
    });
    const evidence = jwtEvidence(await fixture.token({ audience: `${ourIssuer}/token` }));
    await refused(fixture.attestor.attest(evidence, callWith()), 'jwt_audience');
    const audienceAlias = { of: ourIssuer, alias: `${ourIssuer}/token` };
    const jwt = { ...(evidence.jwt ?? assert.fail('no JWT')), audienceAlias };
    await fixture.attestor.attest({ ...evidence, jwt }, callWith());
    assert.deepEqual(asked, [[`${ourIssuer}/token`]]);
  });

  it('does not ask about a token whose signature does not hold', async () => {
    const [header, payload] = (await fixture.token()).split('.');
    const [, , signature] = (await fixture.token()).split('.');
    await refused(fixture.attest(`${header}.${payload}.${signature}`), 'jwt_signature');
    assert.deepEqual(api.requests, ['GET /openid/v1/jwks']);
  });

  it('accepts a token with jti from an API server that tells no credential-id', async () => {
    api.review(inExtra('credential-id', undefined));
    await fixture.attest(await fixture.token());
  });

  it('accepts a pod without a node when both say so', async () => {
    await fixture.attest(await fixture.token({ node: null }));
  });

  const refusals: Readonly<Record<string, (honest: ReviewStatus) => unknown>> = {
    'authenticated is false': () => ({ authenticated: false, error: 'service account token has been invalidated' }),
    'authenticated is left out': ({ authenticated: _, ...rest }) => rest,
  };
  for (const [what, change] of Object.entries(refusals)) {
    it(`rejects when ${what}`, async () => {
      api.review(change);
      const error = await refused(fixture.attest(await fixture.token()), 'review_refused');
      assert.ok(error instanceof Rejected);
      if ('error' in Object(change({}))) assert.match(error.detail, /has been invalidated/);
    });
  }

  const disagreements: Readonly<Record<string, readonly [field: string, change: (honest: ReviewStatus) => unknown]>> = {
    'audiences are left out': ['audiences', ({ audiences: _, ...rest }) => rest],
    'audiences are empty': ['audiences', (honest) => ({ ...honest, audiences: [] })],
    'audiences are those of another': ['audiences', (honest) => ({ ...honest, audiences: [`${ourIssuer}/`] })],
    'the user is left out': ['username', ({ user: _, ...rest }) => rest],
    'the user is another': [
      'username',
      inUser((user) => ({ ...user, username: 'system:serviceaccount:agents:other' })),
    ],
    'the service account was made again': ['uid', inUser((user) => ({ ...user, uid: 'another' }))],
    'the uid is left out': ['uid', inUser(({ uid: _, ...user }) => user)],
    'the pod is another': ['pod-name', inExtra('pod-name', ['other-0'])],
    'the pod is left out': ['pod-name', inExtra('pod-name', undefined)],
    'there are two pods': ['pod-name', inExtra('pod-name', ['calendar-agent-0', 'calendar-agent-0'])],
    'the pod was made again': ['pod-uid', inExtra('pod-uid', ['another'])],
    'the pod uid is left out': ['pod-uid', inExtra('pod-uid', [])],
    'the node is another': ['node-name', inExtra('node-name', ['node-2'])],
    'the node is left out': ['node-name', inExtra('node-name', undefined)],
    'the node was made again': ['node-uid', inExtra('node-uid', ['another'])],
    'the credential is another': ['credential-id', inExtra('credential-id', ['JTI=another'])],
    'the credential is empty': ['credential-id', inExtra('credential-id', [])],
    'there is no extra at all': ['pod-name', inUser(({ extra: _, ...user }) => user)],
  };
  for (const [what, [field, change]] of Object.entries(disagreements)) {
    it(`rejects when ${what}`, async () => {
      api.review(change);
      const error = await refused(fixture.attest(await fixture.token()), 'review_disagrees');
      assert.ok(error instanceof Rejected);
      assert.ok(error.detail.includes(`about ${field}:`), error.detail);
    });
  }

  it('rejects when the API server names a pod, a node or a credential that the token does not', async () => {
    for (const [key, field] of [['pod-name'], ['pod-uid'], ['node-name'], ['node-uid'], ['credential-id']]) {
      api.review(inExtra(String(key), ['unexpected']));
      const bare = fixture.changed(({ jti: _, ...claims }) => claims, { pod: null });
      const error = await refused(fixture.attest(bare), 'review_disagrees');
      assert.ok(error.detail.includes(`about ${field ?? key}:`), error.detail);
    }
  });

  it('quotes no part of the token when the API server does', async () => {
    const token = await fixture.token();
    for (const part of [token, ...token.split('.')]) {
      api.review(() => ({ error: `bad token ${part}` }));
      const { message } = await refused(fixture.attest(token), 'review_refused');
      api.review(inUser((user) => ({ ...user, username: part })));
      const { message: other } = await refused(fixture.attest(token), 'review_disagrees');
      for (const secret of token.split('.')) assert.ok(![message, other].join().includes(secret.slice(0, 40)));
    }
  });

  it('rejects a token that expires while it is reviewed', async () => {
    const token = await fixture.token();
    api.review((honest) => {
      fixture.now += 3600;
      return honest;
    });
    await refused(fixture.attest(token), 'jwt_expired');
  });

  it('dates what it observed before the review, not after', async () => {
    const token = await fixture.token();
    const before = fixture.now;
    api.review((honest) => {
      fixture.now += 5;
      return honest;
    });
    assert.equal((await fixture.attest(token)).attestedAt, before);
  });

  describe('is unavailable, never rejected, when', () => {
    const faults: Readonly<
      Record<string, readonly [reason: string, detail: RegExp, answer: Parameters<FakeApi['answer']>[0]]>
    > = {
      'the API server does not know us': [
        'api_credentials',
        /401.*tokenreviews.*credentials/,
        (response) => send(response, 401, {}),
      ],
      'we may not create reviews': [
        'api_forbidden',
        /403.*system:auth-delegator/,
        (response) => send(response, 403, {}),
      ],
      'the API server fails': ['api_failed', /500/, (response) => send(response, 500, {})],
      'the API server is overloaded': ['api_failed', /429/, (response) => send(response, 429, {})],
      'the API server redirects': [
        'api_failed',
        /302/,
        (response) => response.writeHead(302, { location: '/x' }).end(),
      ],
      'the answer is not JSON': ['api_unreadable', /not JSON/, (response) => response.writeHead(201).end('<html>')],
      'the answer is empty': ['api_unreadable', /not JSON/, (response) => response.writeHead(201).end()],
      'the answer is not a review': [
        'api_unreadable',
        /TokenReview/,
        (response) => send(response, 201, { status: [] }),
      ],
      'authenticated is a string': [
        'api_unreadable',
        /TokenReview/,
        (response) => send(response, 201, { status: { authenticated: 'true' } }),
      ],
      'authenticated is true, and there is an error (OpenBao, CVE-2026-46405)': [
        'review_failed',
        /webhook is down/,
        (response) => send(response, 201, { status: { authenticated: true, error: 'webhook is down' } }),
      ],
      'the answer is huge': ['api_too_long', /1 MiB/, (response) => response.writeHead(201).end('x'.repeat(1_048_577))],
      'the connection breaks': ['api_unreachable', /could not be asked/, (response) => response.destroy()],
      'the answer breaks off': [
        'api_unreachable',
        /could not be asked/,
        (response) => response.writeHead(201, { 'content-length': 9 }).write('{', () => response.destroy()),
      ],
    };
    for (const [what, [reason, detail, answer]] of Object.entries(faults)) {
      it(what, async () => {
        api.answer(answer);
        const error = await refused(fixture.attest(await fixture.token()), reason);
        assert.ok(error instanceof Unavailable);
        assert.match(error.detail, detail);
        assert.ok(!`${error.stack}${error.cause}`.includes(ownToken));
      });
    }

    it('the API server is gone', async () => {
      const token = await fixture.token();
      await api.close();
      const error = await refused(fixture.attest(token), 'api_unreachable');
      assert.match(error.detail, /ECONNREFUSED|ECONNRESET/);
      api = await startFakeApi(fixture.cluster);
    });

    for (const [what, begin] of [
      ['does not answer', () => {}],
      ['does not finish its answer', (response) => response.writeHead(201).write('{')],
    ] satisfies [string, Parameters<FakeApi['answer']>[0]][]) {
      it(`the API server ${what} before the deadline`, async () => {
        const deadline = new AbortController();
        api.answer((response) => {
          begin(response);
          setImmediate(() => deadline.abort());
        });
        await refused(fixture.attest(await fixture.token(), deadline.signal), 'api_deadline');
      });
    }
  });
});
