/** The workload's side, against a stand-in for the service; with the real one in command.test.ts. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Surroundings } from '../../src/workload/platform.js';
import { obtainToken, type TokenOptions } from '../../src/workload/token.js';
import { startUpstream, type Upstream } from '../support/upstream.js';

interface Seen {
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly form: URLSearchParams;
}
type Answer = { readonly status?: number; readonly headers?: Record<string, string>; readonly body?: unknown };
type Answers = Readonly<Record<string, (seen: Seen) => Answer>>;

const documentType = 'urn:counterseal:params:token-type:azure-attested-document';
const jwtType = 'urn:ietf:params:oauth:token-type:jwt';
const granted: Answer = { body: { access_token: 'granted-token', expires_in: 600, token_type: 'Bearer' } };
const refused = (error: string): Answer => ({
  status: 400,
  body: { error, error_description: 'Read the log.', decision_id: 'decision-1' },
});

describe('counterseal token', () => {
  const upstreams: Upstream[] = [];
  let folder = '';
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'counterseal-token-'));
    await writeFile(join(folder, 'token'), 'projected.token.here\n');
  });
  after(() => rm(folder, { recursive: true }));
  afterEach(async () => {
    for (const upstream of upstreams.splice(0)) await upstream.close();
  });

  /** @returns the origin, and what came, by path */
  async function serve(answers: Answers) {
    const seen: Seen[] = [];
    const respond = (request: IncomingMessage, response: ServerResponse, text: string) => {
      const url = new URL(request.url ?? '', 'http://stand-in');
      const one = {
        path: url.pathname,
        query: url.searchParams,
        headers: request.headers,
        form: new URLSearchParams(text),
      };
      seen.push(one);
      const { status = 200, headers = {}, body = {} } = answers[url.pathname]?.(one) ?? { status: 404 };
      response.writeHead(status, headers).end(JSON.stringify(body));
    };
    const upstream = await startUpstream((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk) => chunks.push(chunk));
      request.on('end', () => respond(request, response, Buffer.concat(chunks).toString()));
    });
    upstreams.push(upstream);
    const at = (path: string) => seen.filter((one) => one.path === path);
    return { origin: `http://127.0.0.1:${upstream.port}`, at };
  }

  const nowhere = 'http://127.0.0.1:9';
  const around = (changes: Partial<Surroundings> = {}): Surroundings => ({
    env: { AWS_EC2_METADATA_DISABLED: 'true' },
    metadata: nowhere,
    tokenFile: join(folder, 'none'),
    ...changes,
  });
  const asked = (issuer: string, changes: Partial<TokenOptions> = {}): TokenOptions => ({
    issuer,
    resource: 'https://calendar.example/mcp',
    scope: undefined,
    audience: undefined,
    platform: undefined,
    ...changes,
  });
  const inPod = () => around({ tokenFile: join(folder, 'token') });

  it('exchanges the token of the file, read anew each time', async () => {
    const { origin, at } = await serve({ '/token': () => granted });
    const before = Math.floor(Date.now() / 1000);
    const issued = await obtainToken(asked(origin, { scope: 'read:calendar write:events' }), inPod());
    assert.equal(issued.accessToken, 'granted-token');
    assert.ok(issued.expiresAt >= before + 600 && issued.expiresAt <= before + 605);
    assert.deepEqual(Object.fromEntries(at('/token')[0]?.form ?? []), {
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token_type: jwtType,
      subject_token: 'projected.token.here',
      resource: 'https://calendar.example/mcp',
      scope: 'read:calendar write:events',
    });
    const file = join(folder, 'rotating');
    for (const token of ['first', 'second']) {
      await writeFile(file, token);
      await obtainToken(asked(origin), around({ tokenFile: file }));
      assert.equal(at('/token').at(-1)?.form.get('subject_token'), token);
    }
  });

  it('asks GitHub for a token with the audience, and says which permission is missing', async () => {
    const github = await serve({ '/id': () => ({ body: { value: 'github.job.token' } }) });
    const { origin, at } = await serve({ '/token': () => granted });
    const env = {
      GITHUB_ACTIONS: 'true',
      ACTIONS_ID_TOKEN_REQUEST_URL: `${github.origin}/id?api-version=2`,
      ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'request-bearer',
    };
    await obtainToken(asked(origin, { audience: 'https://ours.example' }), around({ env }));
    const [request] = github.at('/id');
    assert.deepEqual(Object.fromEntries(request?.query ?? []), {
      'api-version': '2',
      audience: 'https://ours.example',
    });
    assert.equal(request?.headers.authorization, 'Bearer request-bearer');
    assert.equal(at('/token')[0]?.form.get('subject_token'), 'github.job.token');
    const without = obtainToken(asked(origin), around({ env: { GITHUB_ACTIONS: 'true' } }));
    await assert.rejects(without, /permissions: \{ id-token: write \}/);
  });

  it('asks the endpoint of a function or web app for its managed identity', async () => {
    const endpoint = await serve({ '/msi/token': () => ({ body: { access_token: 'identity.of.function' } }) });
    const { origin, at } = await serve({ '/token': () => granted });
    const env = {
      IDENTITY_ENDPOINT: `${endpoint.origin}/msi/token`,
      IDENTITY_HEADER: 'secret',
      AZURE_CLIENT_ID: 'id-1',
    };
    await obtainToken(asked(origin, { audience: 'api://counterseal' }), around({ env }));
    const [request] = endpoint.at('/msi/token');
    assert.deepEqual(Object.fromEntries(request?.query ?? []), {
      'api-version': '2019-08-01',
      resource: 'api://counterseal',
      client_id: 'id-1',
    });
    assert.equal(request?.headers['x-identity-header'], 'secret');
    assert.equal(at('/token')[0]?.form.get('subject_token'), 'identity.of.function');
    assert.equal(at('/challenge').length, 0);
  });

  const azureMachine: Answers = {
    '/metadata/instance/compute': ({ headers }) => ({ status: headers.metadata === 'true' ? 200 : 400 }),
    '/metadata/identity/oauth2/token': () => ({ body: { access_token: 'identity.of.machine' } }),
    '/metadata/attested/document': ({ query }) => ({
      body: { encoding: 'pkcs7', signature: `doc-${query.get('nonce')}` },
    }),
  };

  it('shows the attested document with the identity where the service gives nonces for it', async () => {
    const machine = await serve(azureMachine);
    const { origin, at } = await serve({ '/token': () => granted, '/challenge': () => ({ body: { nonce: 'n1' } }) });
    await obtainToken(asked(origin), around({ metadata: machine.origin }));
    assert.equal(at('/challenge')[0]?.form.get('subject_token_type'), documentType);
    const [form] = at('/token').map((one) => one.form);
    assert.equal(form?.get('subject_token_type'), documentType);
    const evidence = JSON.parse(Buffer.from(form?.get('subject_token') ?? '', 'base64url').toString());
    assert.deepEqual(evidence, { document: 'doc-n1', managedIdentityToken: 'identity.of.machine' });
  });

  it('shows the identity alone where it gives none, and where the document was not accepted', async () => {
    const machine = await serve(azureMachine);
    const none = await serve({ '/token': () => granted });
    await obtainToken(asked(none.origin), around({ metadata: machine.origin }));
    assert.deepEqual(
      none.at('/token').map(({ form }) => form.get('subject_token')),
      ['identity.of.machine'],
    );
    const picky = await serve({
      '/challenge': () => ({ body: { nonce: 'n1' } }),
      '/token': ({ form }) => (form.get('subject_token_type') === jwtType ? granted : refused('invalid_request')),
    });
    await obtainToken(asked(picky.origin), around({ metadata: machine.origin }));
    assert.deepEqual(
      picky.at('/token').map(({ form }) => form.get('subject_token_type')),
      [documentType, jwtType],
    );
  });

  it('comes again when the service says when, with evidence that is made anew', async () => {
    const machine = await serve(azureMachine);
    let calls = 0;
    const busy: Answer = { status: 503, headers: { 'retry-after': '0' }, body: { error: 'temporarily_unavailable' } };
    const { origin, at } = await serve({
      '/challenge': () => ({ body: { nonce: `n${calls}` } }),
      '/token': () => (++calls < 3 ? busy : granted),
    });
    await obtainToken(asked(origin), around({ metadata: machine.origin }));
    assert.equal(new Set(at('/token').map(({ form }) => form.get('subject_token'))).size, 3);
    calls = -10;
    await assert.rejects(obtainToken(asked(origin), inPod()), /\/token answered 503: temporarily_unavailable/);
    assert.equal(calls, -7);
  });

  it('says what the service said, with the id of the decision, and asks no more when more evidence changes nothing', async () => {
    const machine = await serve(azureMachine);
    const { origin, at } = await serve({
      '/challenge': () => ({ status: 404 }),
      '/token': () => refused('invalid_target'),
    });
    const error = await obtainToken(asked(origin), around({ metadata: machine.origin })).catch((error) => error);
    assert.match(error.message, /answered 400: invalid_target: Read the log\. \(decision_id decision-1\)/);
    assert.equal(at('/token').length, 1);
    const rejected = await serve({ '/token': () => refused('invalid_request') });
    await assert.rejects(obtainToken(asked(rejected.origin), inPod()), (error: Error) => {
      assert.match(error.message, /^token-file: the evidence was not accepted\n {2}jwt: .*decision-1/);
      return !error.message.includes('projected.token.here');
    });
  });

  it('asks again when nobody answers, and says what to look at', async () => {
    let connections = 0;
    const dropping = await startUpstream(({ socket }) => void (++connections && socket.destroy()));
    upstreams.push(dropping);
    const there = obtainToken(asked(`http://127.0.0.1:${dropping.port}`), inPod());
    await assert.rejects(there, /\/token failed: .*: is the service running, and is this its address\?/);
    assert.equal(connections, 3);
  });

  it('says that a file is empty, which the platform has yet to write', async () => {
    await writeFile(join(folder, 'empty'), '\n');
    const empty = obtainToken(asked('https://sts.example'), around({ tokenFile: join(folder, 'empty') }));
    await assert.rejects(empty, /empty is empty: the platform has not written a token yet/);
  });

  it('names what is missing when there is no platform, or none that answers', async () => {
    await assert.rejects(
      obtainToken(asked('https://sts.example'), around()),
      /no platform was found: there is no .*none/,
    );
    const file = obtainToken(asked('https://sts.example', { platform: 'token-file' }), around());
    await assert.rejects(file, /none cannot be read \(ENOENT\): name the file/);
    const machine = await serve({
      ...azureMachine,
      '/metadata/identity/oauth2/token': () => ({ status: 400, body: { error_description: 'Identity not found' } }),
    });
    const azure = obtainToken(asked('https://sts.example'), around({ metadata: machine.origin }));
    await assert.rejects(
      azure,
      /Azure answered 400 without access_token: Identity not found; assign a managed identity/,
    );
  });

  it('sends evidence to no issuer without TLS, follows no redirect, and reads no answer that is none', async () => {
    for (const issuer of ['http://sts.example', 'ftp://127.0.0.1', 'sts.example', 'https//x']) {
      await assert.rejects(obtainToken(asked(issuer), inPod()), /is no https URL/);
    }
    const elsewhere = await serve({ '/token': () => granted });
    const { origin } = await serve({
      '/token': () => ({ status: 307, headers: { location: `${elsewhere.origin}/token` } }),
    });
    await assert.rejects(obtainToken(asked(origin), inPod()), /POST http:.*\/token failed/);
    assert.equal(elsewhere.at('/token').length, 0);
    const empty = await serve({ '/token': () => ({ body: ['no', 'object'] }) });
    await assert.rejects(obtainToken(asked(empty.origin), inPod()), /answered 200 without access_token/);
  });
});
