/** `counterseal doctor oidc`: what an issuer has to answer, and what to do when it does not. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Finding } from '../../../attestors/attestor.js';
import { oidc } from '../../../attestors/oidc/index.js';
import { createTestHost } from '../../support/attestor-host.js';
import { finish } from '../../support/command-line.js';
import { attestorsOnly } from '../../support/configuration.js';
import { startUpstream, type Upstream } from '../../support/upstream.js';
import { sharedSigner, start } from './fixture.js';

describe('oidc doctor', function () {
  this.timeout(30_000);
  let upstream: Upstream;
  let url = '';
  let folder = '';
  let named = '';

  before(async () => {
    const keys = JSON.stringify((await sharedSigner()).jwks());
    upstream = await startUpstream((request, response) => {
      response.setHeader('connection', 'close');
      response.end(request.url === '/jwks' ? keys : JSON.stringify({ issuer: named, jwks_uri: `${url}/jwks` }));
    });
    url = `http://127.0.0.1:${upstream.port}`;
    folder = await mkdtemp(join(tmpdir(), 'counterseal-oidc-doctor-'));
    await writeFile(join(folder, 'jwks.json'), keys);
  });
  beforeEach(() => {
    named = url;
  });
  after(async () => {
    await upstream.close();
    await rm(folder, { recursive: true });
  });

  async function findings(block: Readonly<Record<string, unknown>> = {}): Promise<readonly Finding[]> {
    const { host, close } = createTestHost(() => start, folder);
    const found: Finding[] = [];
    const options = oidc.options.parse({ issuer: url, ...block });
    for await (const finding of oidc.examine?.('ci', options, host) ?? []) found.push(finding);
    await close();
    return found;
  }

  it('says how many keys there are, and where they were found', async () => {
    assert.deepEqual(await findings(), [
      { step: 'discovery', outcome: 'ok', message: `1 usable key from ${url}/.well-known/openid-configuration` },
    ]);
    const file = await findings({ keys: { jwksFile: 'jwks.json' } });
    assert.deepEqual(file, [{ step: 'keys', outcome: 'ok', message: '1 usable key from jwks.json' }]);
    const uri = await findings({ keys: { jwksUri: `${url}/jwks` } });
    assert.deepEqual(uri, [{ step: 'keys', outcome: 'ok', message: `1 usable key from ${url}/jwks` }]);
  });

  for (const [what, block, message, fix] of [
    [
      'a file that is not there',
      { jwksFile: 'none.json' },
      /none\.json.*ENOENT/,
      /write the issuer's JWK Set to .*none\.json/,
    ],
    [
      'a URL that answers otherwise',
      { jwksUri: 'URL/other' },
      /no array named keys/,
      /let .*\/other answer this machine/,
    ],
  ] as const) {
    it(`says what to do about ${what}`, async () => {
      const keys = JSON.parse(JSON.stringify(block).replace('URL', url)) as unknown;
      const [finding, ...others] = await findings({ keys });
      assert.deepEqual(others, []);
      assert.ok(finding?.outcome === 'failed', JSON.stringify(finding));
      assert.match(finding.message, message);
      assert.match(finding.fix, fix);
    });
  }

  it('as a command: exit 0 when all is well, and 1 with the fix when another issuer stands in the document', async () => {
    const file = join(folder, 'counterseal.yaml');
    await writeFile(
      file,
      attestorsOnly(`  ci: { type: oidc, issuer: "${url}" }
  other: { type: oidc, issuer: "https://ci.invalid" }`),
    );
    const well = await finish('doctor', 'oidc', 'ci', '--config', file);
    assert.deepEqual([well.code, well.stderr], [0, '']);
    assert.match(well.stdout, /^ci \(oidc\)\n {2}ok {7}discovery: 1 usable key from http/);
    named = 'https://canary.example';
    const ill = await finish('doctor', 'oidc', 'ci', '--config', file);
    assert.equal(ill.code, 1);
    assert.match(ill.stdout, /FAILED {3}discovery: .* does not have the issuer .*: write issuer as it stands there/);
    assert.match(ill.stdout, /fix: write issuer as the document has it, and let the document and its jwks_uri answer/);
    assert.ok(!ill.stdout.includes('canary'));
  });
});
