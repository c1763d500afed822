/** `counterseal doctor azure`, with a stand-in for the metadata service that asks for its header as the real one does. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import type { Finding } from '../../../attestors/attestor.js';
import { examineAzure } from '../../../attestors/azure/doctor.js';
import { azure } from '../../../attestors/azure/index.js';
import { createMetadata } from '../../../attestors/azure/metadata.js';
import { startUpstream, type Upstream } from '../../support/upstream.js';
import { type Chain, content, sharedChain, signDocument, vmId } from './documents.js';
import { audience, createFixture, type Fixture, ids, oid, otherTenant, subscription, tenant } from './fixture.js';

describe('azure doctor', function () {
  this.timeout(20_000);
  let chain: Chain;
  let fixture: Fixture;
  let upstream: Upstream;
  let answers: Record<string, (query: URLSearchParams) => unknown>;

  function serve({ url = '', headers }: IncomingMessage, response: ServerResponse): void {
    const { pathname, searchParams } = new URL(url, 'http://x');
    const answer = headers.metadata === 'true' ? answers[pathname]?.(searchParams) : undefined;
    response.writeHead(answer === undefined ? 400 : 200).end(JSON.stringify(answer ?? { error: 'invalid_request' }));
  }

  before(async () => {
    chain = await sharedChain();
    fixture = await createFixture();
    await writeFile(join(fixture.folder, 'roots.pem'), chain.root.pem);
    upstream = await startUpstream(serve);
  });
  beforeEach(() => {
    answers = {
      '/metadata/instance': () => ({ compute: { vmId } }),
      '/metadata/identity/oauth2/token': (query) =>
        query.get('resource') === audience ? { access_token: fixture.token(), token_type: 'Bearer' } : undefined,
      '/metadata/attested/document': (query) => ({
        encoding: 'pkcs7',
        signature: signDocument(
          chain,
          { ...content(), nonce: query.get('nonce') },
          { bag: [chain.leaf, chain.intermediate] },
        ).toString('base64'),
      }),
    };
  });
  after(async () => {
    await upstream.close();
    await fixture.close();
  });

  async function findings(
    block: object = {},
    origin = `http://127.0.0.1:${upstream.port}`,
  ): Promise<readonly Finding[]> {
    const options = azure.options.parse({
      tenants: { [tenant]: {} },
      audience,
      managedIdentity: { keys: { jwksFile: 'jwks.json' } },
      attestedDocument: { roots: 'roots.pem' },
      ...block,
    });
    const found: Finding[] = [];
    for await (const each of examineAzure(options, fixture.host.host, createMetadata(origin))) found.push(each);
    return found;
  }

  it('on a machine of Azure, verifies its own token and document', async () => {
    const [keys, roots, metadata, token, document, ...others] = await findings();
    assert.deepEqual(others, []);
    assert.deepEqual(keys, { step: 'keys', outcome: 'ok', message: '1 usable key from jwks.json' });
    assert.match(roots?.message ?? '', /^CN=Test Global Root \(SHA-256 [0-9A-F]{64}, until 20\d\d-/);
    assert.equal(metadata?.outcome, 'ok');
    assert.deepEqual(token, {
      step: 'token',
      outcome: 'ok',
      message: `the identity ${oid} of tenant ${tenant}, on vm ${ids.vm.toLowerCase()}`,
    });
    assert.deepEqual(document, {
      step: 'document',
      outcome: 'ok',
      message: `of the virtual machine ${vmId} of subscription ${subscription}`,
    });
  });

  it('elsewhere, skips what needs the metadata service, and says why', async () => {
    const gone = await startUpstream(() => {});
    await gone.close();
    const outcomes = (await findings({}, `http://127.0.0.1:${gone.port}`)).map(({ step, outcome }) => [step, outcome]);
    assert.deepEqual(outcomes.slice(2), [
      ['metadata', 'skipped'],
      ['token', 'skipped'],
      ['document', 'skipped'],
    ]);
    answers = {};
    const [, , other] = await findings();
    assert.match(other?.message ?? '', /does not answer as Azure's metadata service \(status 400\)/);
  });

  it('asks for no document where none is accepted', async () => {
    const steps = (await findings({ attestedDocument: undefined })).map(({ step, outcome }) => [step, outcome]);
    assert.deepEqual(steps, [
      ['keys', 'ok'],
      ['metadata', 'ok'],
      ['token', 'ok'],
      ['document', 'skipped'],
    ]);
  });

  const failures: readonly (readonly [
    what: string,
    step: string,
    block: object,
    change: () => void,
    message: RegExp,
    fix: RegExp,
  ])[] = [
    [
      'an identity that cannot ask Azure',
      'resource manager',
      { tenants: { [tenant]: { resourceManager: { client: oid, assertion: { file: 'none' } } } } },
      () => {},
      /none cannot be read \(ENOENT\)/,
      /federated credential/,
    ],
    [
      'keys that are not there',
      'keys',
      { managedIdentity: { keys: { jwksFile: 'none.json' } } },
      () => {},
      /ENOENT/,
      /write Microsoft Entra's JWK Set/,
    ],
    ['roots that are none', 'roots', { attestedDocument: { roots: 'jwks.json' } }, () => {}, /no PEM/, /write PEM/],
    [
      'an audience that is not registered',
      'token',
      { audience: 'api://other' },
      () => {},
      /no token for api:\/\/other \(status 400\)/,
      /register an application/,
    ],
    [
      'another tenant',
      'token',
      { tenants: { [otherTenant]: {} } },
      () => {},
      /issuer of a configured tenant/,
      /check tenants/,
    ],
    [
      'a subscription that is not listed',
      'token',
      { tenants: { [tenant]: { subscriptions: { [otherTenant]: {} } } } },
      () => {},
      /is not listed/,
      /subscriptions/,
    ],
    [
      'a token for another audience',
      'token',
      {},
      () => {
        answers['/metadata/identity/oauth2/token'] = () => ({ access_token: fixture.token({ aud: 'x' }) });
      },
      /aud: expected "api:\/\/counterseal"/,
      /check tenants and audience/,
    ],
    [
      'a token that is none',
      'token',
      {},
      () => {
        answers['/metadata/identity/oauth2/token'] = () => ({ access_token: 'x' });
      },
      /no JSON object/,
      /check/,
    ],
    [
      'no document',
      'document',
      {},
      () => {
        answers['/metadata/attested/document'] = () => ({});
      },
      /no attested document/,
      /try again/,
    ],
    ['a document of other roots', 'document', { attestedDocument: {} }, () => {}, /do not lead to a root/, /roots/],
  ];
  for (const [what, step, block, change, message, fix] of failures) {
    it(`says what to do about ${what}`, async () => {
      change();
      const finding = (await findings(block)).find((each) => each.step === step);
      assert.ok(finding?.outcome === 'failed', JSON.stringify(finding));
      assert.match(finding.message, message);
      assert.match(finding.fix, fix);
    });
  }

  it('has no token in what it says', async () => {
    assert.ok(
      !JSON.stringify(await findings({ tenants: { [otherTenant]: {} } })).includes(fixture.token().slice(0, 40)),
    );
  });
});
