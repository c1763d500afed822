/** A profile that is wrong is told with its place, before anything is sent. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cases } from '../../conformance/cases/index.js';
import { showEvidence } from '../../conformance/evidence.js';
import { generateKey } from '../../conformance/jws.js';
import { loadProfile, ProfileError, profileJsonSchema } from '../../conformance/profile.js';
import { renderList } from '../../conformance/report/list.js';
import { root } from '../support/command-line.js';
import { createFolder, type TestFolder } from '../support/folder.js';
import { makeIssuerKey } from './servers.js';

const good = `issuer: https://sts.example.com
supports: [token-exchange]
evidence: { issuer: https://ci.example.com, key: { file: key.jwk }, claims: { sub: build } }
target: { resource: https://api.example.com, scope: [read] }
`;

describe('conformance: profiles', () => {
  let folder: TestFolder;
  before(async () => {
    folder = await createFolder();
    const { jwk } = makeIssuerKey();
    await folder.write({
      'key.jwk': JSON.stringify(jwk),
      'text.jwk': 'secret-text',
      'public.jwk': JSON.stringify({ ...jwk, d: undefined }),
      'nameless.jwk': JSON.stringify({ ...jwk, kid: undefined }),
      'curve.jwk': JSON.stringify({ ...jwk, alg: 'RS256' }),
      secret: 'canary-of-a-secret\n',
    });
  });
  after(() => folder.remove());

  async function load(text: string) {
    await folder.write({ 'profile.yaml': text });
    return loadProfile(join(folder.path, 'profile.yaml'));
  }

  const refused = (text: string, expected: RegExp) =>
    assert.rejects(load(text), (error) => {
      assert.ok(error instanceof ProfileError);
      assert.match(error.message, expected);
      assert.doesNotMatch(error.message, /secret-text|canary/);
      return true;
    });

  it('are read with their defaults, files relative to them', async () => {
    const profile = await load(good);
    const { evidence } = profile;
    assert.ok('key' in evidence);
    assert.deepEqual([evidence.audience, evidence.lifetime, evidence.key.kid], [profile.issuer, 300, 'conformance']);
    assert.deepEqual([profile.deadline, profile.client, profile.caller], [10_000, undefined, undefined]);
    const { client } = await load(`${good}client: { id: a, secret: { file: secret } }\n`);
    assert.equal(client?.secret, 'canary-of-a-secret');
  });

  const wrong: readonly (readonly [what: string, text: string, expected: RegExp])[] = [
    ['what is no YAML', 'issuer: [', /profile\.yaml:1:\d+: /],
    ['an unknown key', `${good}isuer: x\n`, /profile\.yaml:\d:1: Unrecognized key: "isuer"/],
    ['no issuer', good.replace(/^issuer.*\n/, ''), /: issuer: the issuer: an http or https URL/],
    ['an unknown capability', good.replace('[token-exchange]', '[token-exchange, saml]'), /:2:1: supports\.1: /],
    ['no grant', good.replace('[token-exchange]', '[dpop]'), /:2:1: supports: at least one of token-exchange/],
    [
      'evidence of neither kind',
      good.replace(/^evidence.*$/m, 'evidence: {}'),
      /:3:1: evidence: \{ issuer, key, claims \}/,
    ],
    [
      'a lifetime in minutes',
      good.replace('{ issuer: https://ci', '{ lifetime: 5m, issuer: https://ci'),
      /:3:13: evidence\.lifetime: a duration in seconds/,
    ],
    ['a deadline in words', `${good}deadline: soon\n`, /:5:1: deadline: a duration in seconds such as 10s/],
    ['a key that is not there', good.replace('key.jwk', 'none.jwk'), /none\.jwk cannot be read \(ENOENT\)/],
    ['a key that is no JSON', good.replace('key.jwk', 'text.jwk'), /text\.jwk: a private JWK is expected/],
    ['a public key', good.replace('key.jwk', 'public.jwk'), /public\.jwk: the members of a private key for ES256/],
    ['a key without a name', good.replace('key.jwk', 'nameless.jwk'), /nameless\.jwk: kid: /],
    [
      'a key for another algorithm',
      good.replace('key.jwk', 'curve.jwk'),
      /curve\.jwk: the members of a private key for RS256/,
    ],
  ];
  for (const [what, text, expected] of wrong) it(`are refused with ${what}`, () => refused(text, expected));

  const around = {
    stranger: generateKey('ES256'),
    trap: 'http://127.0.0.1:1',
    tokenEndpoint: 'https://x.example',
    deadline: 5000,
  };

  it('with a command are told what it prints, for the variant that is named', async () => {
    const command = ['sh', '-c', 'echo " made $COUNTERSEAL_VARIANT in $(cat secret) "'];
    const { evidence } = await load(good.replace(/^evidence.*$/m, `evidence: { command: ${JSON.stringify(command)} }`));
    assert.equal(await showEvidence(evidence, 'expired', around), 'made expired in canary-of-a-secret');
  });

  it('with a command that fails are told its code, and nothing that it printed', async () => {
    const command = ['sh', '-c', 'echo canary-of-a-secret; echo canary-of-a-secret >&2; exit 3'];
    const { evidence } = await load(good.replace(/^evidence.*$/m, `evidence: { command: ${JSON.stringify(command)} }`));
    await assert.rejects(showEvidence(evidence, 'good', around), {
      message: 'the command for evidence failed (good): 3',
    });
  });

  const read = (path: string) => readFileSync(join(root, path), 'utf8');

  it('have a JSON Schema, committed as it is generated (npm run schema)', () =>
    assert.equal(
      read('schema/counterseal-conformance.schema.json'),
      `${JSON.stringify(profileJsonSchema(), null, 2)}\n`,
    ));

  it('and so is the list of cases', () => assert.equal(read('conformance/CASES.md'), renderList(cases)));

  it('have each key in the README', () => {
    const page = read('conformance/README.md');
    const { properties = {} } = profileJsonSchema();
    for (const key of Object.keys(properties)) assert.ok(page.includes(`| \`${key}\` |`), key);
  });
});
