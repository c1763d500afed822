/** Each step of `doctor` against an API server that has the fault which the step is there for. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Finding } from '../../../attestors/attestor.js';
import { examine } from '../../../attestors/kubernetes/doctor.js';
import { kubernetes } from '../../../attestors/kubernetes/index.js';
import { createTestHost } from '../../support/attestor-host.js';
import { makeCertificate, startUpstream } from '../../support/upstream.js';
import { type FakeApi, ownToken, send, startFakeApi } from './fake-api.js';
import { clusterUrl, sharedCluster } from './fixture.js';

type Handler = (response: ServerResponse, request: IncomingMessage) => unknown;

const paths = {
  self: 'POST /apis/authentication.k8s.io/v1/selfsubjectreviews',
  discovery: 'GET /.well-known/openid-configuration',
  keys: 'GET /openid/v1/jwks',
  access: 'POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
  review: 'POST /apis/authentication.k8s.io/v1/tokenreviews',
  list: 'GET /api/v1/pods?limit=1',
  watch: 'GET /api/v1/pods?watch=1&allowWatchBookmarks=true&timeoutSeconds=1&resourceVersion=7',
} as const;

const us = 'system:serviceaccount:counterseal:counterseal';
const live = { stale: 'deny' } as const;
const answering =
  (status: number, body: unknown): Handler =>
  (response) =>
    send(response, status, body);
const status403 = answering(403, { message: `a webhook has seen ${ownToken}` });

async function healthy(): Promise<Record<keyof typeof paths, Handler>> {
  return {
    self: answering(201, { status: { userInfo: { username: us } } }),
    discovery: answering(200, { issuer: clusterUrl, jwks_uri: 'https://10.0.0.1/openid/v1/jwks' }),
    keys: answering(200, (await sharedCluster()).jwks()),
    access: answering(201, { status: { allowed: true } }),
    review: answering(201, { status: { error: '[invalid bearer token]', user: {} } }),
    list: answering(200, { metadata: { resourceVersion: '7', continue: '' }, items: [] }),
    watch: answering(200, { type: 'BOOKMARK' }),
  };
}

/** What an API server says that denies one permission. */
const denying =
  (verb: string, resource: string): Handler =>
  async (response, request) => {
    const { spec } = JSON.parse(await text(request));
    const { resourceAttributes: one, nonResourceAttributes: other } = spec;
    const isDenied = (one?.resource ?? other?.path) === resource && (one?.verb ?? other?.verb) === verb;
    send(response, 201, { status: { allowed: !isDenied } });
  };

describe('kubernetes doctor', () => {
  let api: FakeApi;
  let folder: string;
  beforeEach(async () => {
    api = await startFakeApi(await sharedCluster());
    folder = await mkdtemp(join(tmpdir(), 'counterseal-doctor-'));
  });
  afterEach(async () => {
    await api.close();
    await rm(folder, { recursive: true });
  });

  /** @param block beside issuer, api and review; `live` is given to the steps as its schema will. @param ahead of our clock, seconds */
  async function findings(changes: Partial<Record<keyof typeof paths, Handler>> = {}, block: object = {}, ahead = 0) {
    const handlers: Record<string, Handler> = { ...(await healthy()), ...changes };
    const byPath = new Map(Object.entries(paths).map(([step, path]) => [path as string, handlers[step]]));
    api.answer((response, request) => {
      const handler = byPath.get(`${request.method} ${request.url}`) ?? answering(404, {});
      response.setHeader('date', new Date(Date.now() + ahead * 1000).toUTCString());
      return handler(response, request);
    });
    const { live: watched, ...options } = {
      issuer: clusterUrl,
      api: { kubeconfig: api.kubeconfig },
      review: true,
      ...block,
    } as { live?: typeof live };
    const parsed = kubernetes.options.parse(options);
    const { host, close } = createTestHost(() => Date.now() / 1000, folder);
    const found: Finding[] = [];
    const steps =
      watched === undefined
        ? kubernetes.examine?.('prod-eu', parsed, host)
        : examine({
            options: { ...parsed, issuer: clusterUrl, live: watched },
            audience: 'https://sts.example.com',
            keySource: (server) => ({ name: 'the API server', load: async (signal) => server?.keys(signal) }),
            host,
          });
    for await (const finding of steps ?? []) found.push(finding);
    await close();
    assert.ok(!JSON.stringify(found).includes(ownToken), 'a finding has our token');
    return found;
  }

  const outcomes = (found: readonly Finding[]) => found.map(({ step, outcome }) => `${outcome} ${step}`);

  /** The one step that failed. */
  function onlyFailure(found: readonly Finding[]) {
    const [failed, ...others] = found.flatMap((finding) => (finding.outcome === 'failed' ? [finding] : []));
    assert.ok(failed !== undefined && others.length === 0, JSON.stringify(found));
    return failed;
  }

  it('finds nothing wrong where nothing is, in the order of the steps', async () => {
    const found = await findings({}, { live });
    assert.deepEqual(outcomes(found), [
      'ok connection',
      'ok discovery',
      'ok keys',
      'ok permission to get /openid/v1/jwks',
      'ok permission to create tokenreviews.authentication.k8s.io',
      ...['pods', 'nodes', 'namespaces', 'serviceaccounts'].flatMap((resource) =>
        ['get', 'list', 'watch'].map((verb) => `ok permission to ${verb} ${resource}`),
      ),
      'ok TokenReview',
      'ok watch',
      'ok clock',
    ]);
    assert.match(found[0]?.message ?? '', new RegExp(`kubeconfig knows us as ${us}$`));
    assert.match(found[2]?.message ?? '', /^1 usable key from the API server$/);
  });

  it('sends a token that is none to TokenReview, with the audience of the attestor', async () => {
    let sent: unknown;
    await findings({
      review: async (response, request) => {
        sent = JSON.parse(await text(request));
        send(response, 201, { status: {} });
      },
    });
    const { spec } = sent as { spec: { token: string; audiences: string[] } };
    assert.deepEqual(spec, { token: 'counterseal-doctor', audiences: ['https://sts.example.com'] });
  });

  it('leaves out what the attestor does not use', async () => {
    await writeFile(join(folder, 'jwks.json'), JSON.stringify((await sharedCluster()).jwks()));
    const found = await findings({}, { review: false, keys: { jwksFile: 'jwks.json' } });
    assert.deepEqual(outcomes(found), [
      'ok connection',
      'ok discovery',
      'ok keys',
      'skipped permissions',
      'skipped TokenReview',
      'skipped watch',
      'ok clock',
    ]);
    assert.ok(!api.requests.includes(paths.keys));
  });

  it('without api looks at the keys alone, and says why at each other step', async () => {
    await writeFile(join(folder, 'jwks.json'), JSON.stringify((await sharedCluster()).jwks()));
    const found = await findings({}, { api: undefined, review: false, keys: { jwksFile: 'jwks.json' } });
    assert.deepEqual(
      found.filter(({ outcome }) => outcome !== 'skipped').map(({ step, message }) => [step, message]),
      [['keys', '1 usable key from jwks.json']],
    );
    assert.equal(found.length, 7);
    for (const { outcome, message } of found) if (outcome === 'skipped') assert.match(message, /has no api/);
    assert.deepEqual(api.requests, []);
  });

  it('an older API server does not say who we are, and that is no fault', async () => {
    const found = await findings({ self: answering(404, {}) });
    assert.match(found[0]?.message ?? '', /accepts our credentials$/);
    assert.ok(found.every(({ outcome }) => outcome !== 'failed'));
  });

  describe('names the fix when', () => {
    type Fault = [step: string, message: RegExp, fix: RegExp, changes: Parameters<typeof findings>[0], block?: object];
    const faults: Record<string, Fault> = {
      'our credentials do not hold': [
        'connection',
        /answered 401/,
        /^renew the token or client certificate/,
        { self: answering(401, { echo: ownToken }) },
      ],
      'we have no credentials': [
        'connection',
        /403.*does not know who we are: give the kubeconfig's user a credential/,
        /./,
        { self: status403 },
      ],
      'the connection breaks': [
        'connection',
        /could not be asked/,
        /^make the API server reachable/,
        { self: (response) => response.destroy() },
      ],
      'something else answers': [
        'connection',
        /is not a SelfSubjectReview/,
        /something else answers there$/,
        { self: answering(200, { hello: 'world' }) },
      ],
      'the issuer is another': [
        'discovery',
        /^the cluster's issuer is https:\/\/other\.example, the attestor's is https:\/\/kubernetes\.default\.svc$/,
        /^write issuer: https:\/\/other\.example instead of https:\/\/kubernetes\.default\.svc/,
        { discovery: answering(200, { issuer: 'https://other.example' }) },
      ],
      'the discovery document may not be read': [
        'discovery',
        /403 to GET \/\.well-known\/openid-configuration: bind the ClusterRole system:service-account-issuer-discovery/,
        /^grant that/,
        { discovery: status403 },
      ],
      'the discovery document names no issuer': [
        'discovery',
        /not a discovery document/,
        /something else answers/,
        { discovery: answering(200, { issuer: ownToken }) },
      ],
      'the keys may not be read': [
        'keys',
        /no keys from the API server: .*403/,
        /^bind the ClusterRole system:service-account-issuer-discovery to system:serviceaccount:counterseal:counterseal, or/,
        { keys: status403 },
      ],
      'there are no keys': [
        'keys',
        /no keys from the API server: .*has no key for/,
        /jwksFile/,
        { keys: answering(200, { keys: [] }) },
      ],
      'there is no key file': [
        'keys',
        /no keys from none\.json: .*ENOENT/,
        /kubectl get --raw \/openid\/v1\/jwks > \/\S+\/none\.json$/,
        {},
        { keys: { jwksFile: 'none.json' } },
      ],
      'no URL gives keys': [
        'keys',
        /no keys from http:\/\/127\.0\.0\.1:1\/jwks: .*ECONNREFUSED/,
        /outbound\.allow .* outbound\.ca/,
        {},
        { keys: { jwksUri: 'http://127.0.0.1:1/jwks' } },
      ],
      'nobody may ask what they may': [
        'permission to get /openid/v1/jwks',
        /403.*bind the ClusterRole system:basic-user/,
        /^grant that/,
        { access: status403 },
        { review: false },
      ],
      'we may not read keys': [
        'permission to get /openid/v1/jwks',
        /counterseal may not$/,
        /^add \{ nonResourceURLs: \[\/openid\/v1\/jwks\], verbs: \[get\] \} to a ClusterRole that is bound to system:serviceaccount:counterseal:counterseal$/,
        { access: denying('get', '/openid/v1/jwks') },
      ],
      'we may not watch nodes': [
        'permission to watch nodes',
        /may not$/,
        /^add \{ apiGroups: \[""\], resources: \[nodes\], verbs: \[watch\] \}/,
        { access: denying('watch', 'nodes') },
        { live },
      ],
      'a review accepts what is no token': [
        'TokenReview',
        /accepts a token that is none/,
        /^do not use it/,
        { review: answering(201, { status: { authenticated: true, user: { username: ownToken } } }) },
      ],
      'a review is none': ['TokenReview', /no TokenReview/, /^do not use it/, { review: answering(200, [ownToken]) }],
      'the watch is refused': ['watch', /403 to GET \/api\/v1\/pods/, /^grant that/, { watch: status403 }, { live }],
      'the watch is forgotten at once': [
        'watch',
        /cannot be watched/,
        /proxy/,
        { watch: answering(410, {}) },
        { live },
      ],
      'the list is none': ['watch', /cannot be watched/, /proxy/, { list: answering(200, { items: [] }) }, { live }],
    };
    for (const [what, [step, message, fix, changes, block]] of Object.entries(faults)) {
      it(what, async () => {
        const failed = onlyFailure(await findings(changes, block));
        assert.equal(failed.step, step);
        assert.match(failed.message, message);
        assert.match(failed.fix, fix);
      });
    }

    for (const [ahead, words] of [
      [90, /90 s ahead of ours/],
      [-8, /8 s behind ours/],
    ] as const) {
      it(`the API server's clock is off by ${ahead} s`, async () => {
        const failed = onlyFailure(await findings({}, {}, ahead));
        assert.equal(failed.step, 'clock');
        assert.match(failed.message, words);
        assert.match(failed.fix, /NTP/);
      });
    }

    it('the certificate is of an unknown authority', async function () {
      const certificate = makeCertificate();
      if (certificate === null) return this.skip();
      const upstream = await startUpstream((_request, response) => send(response, 200, {}), certificate);
      const kubeconfig = join(folder, 'kubeconfig');
      await writeFile(
        kubeconfig,
        `{ clusters: [{ name: c, cluster: { server: "https://127.0.0.1:${upstream.port}" } }], users: [{ name: u, user: { token: ${ownToken} } }], contexts: [{ name: x, context: { cluster: c, user: u } }], current-context: x }`,
      );
      const failed = onlyFailure(await findings({}, { api: { kubeconfig } }));
      await upstream.close();
      assert.equal(failed.step, 'connection');
      assert.match(failed.message, /certificate cannot be verified \(DEPTH_ZERO_SELF_SIGNED_CERT\)/);
      assert.match(failed.fix, /^set `certificate-authority` of the kubeconfig/);
    });

    it('the kubeconfig cannot be read', async () => {
      const failed = onlyFailure(await findings({}, { api: { kubeconfig: 'none' } }));
      assert.match(failed.message, /none cannot be read as a kubeconfig file \(ENOENT\)/);
      assert.match(failed.fix, /kubectl --kubeconfig \S+none version/);
    });

    it('there is no cluster around us', async function () {
      if (process.env.KUBERNETES_SERVICE_HOST !== undefined) this.skip();
      const failed = onlyFailure(await findings({}, { api: 'in-cluster' }));
      assert.match(failed.message, /KUBERNETES_SERVICE_HOST/);
      assert.match(failed.fix, /run this in a pod/);
    });
  });

  it('skips what needs a connection when there is none, and still loads keys from elsewhere', async () => {
    await writeFile(join(folder, 'jwks.json'), JSON.stringify((await sharedCluster()).jwks()));
    const down = { self: (response: ServerResponse) => response.destroy() };
    assert.deepEqual(outcomes(await findings(down, { keys: { jwksFile: 'jwks.json' } })), [
      'failed connection',
      'skipped discovery',
      'ok keys',
      'skipped permissions',
      'skipped TokenReview',
      'skipped watch',
      'skipped clock',
    ]);
    const found = await findings(down);
    assert.deepEqual(outcomes(found)[2], 'skipped keys');
    for (const { outcome, message } of found)
      if (outcome === 'skipped') assert.equal(message, 'there is no connection');
  });

  it('does not try what it may not do', async () => {
    const reviews = await findings({ access: denying('create', 'tokenreviews') });
    assert.equal(onlyFailure(reviews).step, 'permission to create tokenreviews.authentication.k8s.io');
    assert.equal(
      reviews.find(({ step }) => step === 'TokenReview')?.message,
      'we may not create tokenreviews.authentication.k8s.io',
    );
    assert.ok(!api.requests.includes(paths.review));
    const watches = await findings({ access: denying('list', 'pods') }, { live });
    assert.equal(watches.find(({ step }) => step === 'watch')?.message, 'we may not list pods');
    assert.ok(!api.requests.includes(paths.list));
  });

  it('a missing Date says nothing about the clocks', async () => {
    let calls = 0;
    const found = await findings({
      self: (response) => {
        calls += 1;
        if (calls > 1) {
          response.removeHeader('date');
          response.sendDate = false;
        }
        send(response, 201, { status: { userInfo: { username: us } } });
      },
    });
    assert.match(onlyFailure(found).fix, /pass the Date header on/);
  });
});
