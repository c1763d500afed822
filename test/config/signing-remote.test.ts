import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { parseConfiguration } from '../../src/config/load.js';
import { algorithmsOf } from '../../src/signing/algorithms.js';
import { problemsOf, yaml } from './sample.js';

const id = '1234abcd-12ab-34cd-56ef-1234567890ab';
const other = '0987dcba-09fe-87dc-65ba-ab0987654321';
const arn = (region: string) => `arn:aws:kms:${region}:111122223333:key/${id}`;
const kms = (keys: string, region = 'eu-central-1') => `signing: { type: aws-kms, region: ${region}, keys: ${keys} }`;
const vault = (more: string, url = 'https://vault.example') => `signing: { type: vault, url: "${url}", ${more} }`;
const ofKey = 'keys: [{ name: counterseal }]';
const load = (more: string) => parseConfiguration('counterseal.yaml', yaml({ more }));

describe('config: signing by a service', () => {
  it('has the algorithms of the keys that sign', () => {
    const rsa = `{ id: "mrk-${'0'.repeat(32)}", algorithm: RS256, state: retired }`;
    const { signing } = load(kms(`[{ id: "${arn('eu-central-1')}" }, { id: ${other}, algorithm: RS256 }, ${rsa}]`));
    assert.deepEqual(algorithmsOf(signing), ['ES256', 'RS256']);
    const keys = 'keys: [{ name: a, algorithm: EdDSA }, { name: b }]';
    assert.deepEqual(algorithmsOf(load(vault(`${keys}, auth: { tokenFile: t }`)).signing), ['EdDSA', 'ES256']);
  });

  it('makes the paths of tokens absolute, and lets addresses that stand in it be called', () => {
    const { signing, literalHosts } = load(vault(`${ofKey}, auth: { tokenFile: t }`, 'https://10.1.2.3:8200'));
    assert.deepEqual(signing.type === 'vault' && signing.auth, { tokenFile: resolve('t') });
    assert.deepEqual([...literalHosts], ['10.1.2.3']);
    const login = load(vault(`${ofKey}, auth: { kubernetes: { role: r, tokenFile: t } }`)).signing;
    const kubernetes = { role: 'r', mount: 'kubernetes', tokenFile: resolve('t') };
    assert.deepEqual(login.type === 'vault' && login.auth, { kubernetes });
  });

  const refused: Record<string, readonly [more: string, message: RegExp]> = {
    'an alias': [
      kms('[{ id: alias/counterseal }]'),
      /keys\[0\]\.id: .*no alias: it could come to mean a key that is not published/,
    ],
    'a key of another region': [
      kms(`[{ id: "${arn('eu-west-1')}" }]`),
      /the key is in eu-west-1, and signing.region is eu-central-1/,
    ],
    'no key': [kms('[]'), /a list of at least one key/],
    'no active key': [kms(`[{ id: ${id}, state: next }]`), /no key is active: one has to sign/],
    'two active keys for one algorithm': [
      kms(`[{ id: ${id} }, { id: ${other} }]`),
      /keys\[1\]: two active keys for ES256/,
    ],
    'a key twice': [
      kms(`[{ id: ${id} }, { id: "${arn('eu-central-1')}", state: next }]`),
      /keys\[1\]\.id: this key is in the list already/,
    ],
    'EdDSA of KMS': [kms(`[{ id: ${id}, algorithm: EdDSA }]`), /expected one of ES256, RS256/],
    'what is no region': [kms(`[{ id: ${id} }]`, 'europe'), /a region of AWS, such as eu-central-1/],
    'algorithms beside keys': [
      `${kms(`[{ id: ${id} }]`).slice(0, -2)}, algorithms: [ES256] }`,
      /signing.algorithms: unknown key/,
    ],
    'an endpoint by http': [
      kms(`[{ id: ${id} }], endpoint: "http://kms.example"`),
      /signing.endpoint: .*http only on loopback/,
    ],
    'a Vault by http': [
      vault(`${ofKey}, auth: { tokenFile: t }`, 'http://vault.example'),
      /signing.url: .*http only on loopback/,
    ],
    'no auth': [vault(ofKey), /signing.auth/],
    'both kinds of auth': [
      vault(`${ofKey}, auth: { tokenFile: t, kubernetes: { role: r, tokenFile: t } }`),
      /signing.auth/,
    ],
    'two keys for one algorithm of Vault': [
      vault('keys: [{ name: a }, { name: b }], auth: { tokenFile: t }'),
      /one key for each algorithm/,
    ],
    'one key for two algorithms': [
      vault('keys: [{ name: a }, { name: a, algorithm: EdDSA }], auth: { tokenFile: t }'),
      /a list of keys, each once/,
    ],
    'a name that leaves its path': [
      vault('keys: [{ name: ../sys }], auth: { tokenFile: t }'),
      /the name of a transit key/,
    ],
    'a mount that leaves its path': [
      vault(`mount: transit/../sys, ${ofKey}, auth: { tokenFile: t }`),
      /the path of a transit engine/,
    ],
    'a namespace with a line end': [
      vault(`namespace: "a\\nb", ${ofKey}, auth: { tokenFile: t }`),
      /the path of a namespace/,
    ],
    'a type that there is not': ['signing: { type: pkcs11 }', /signing.type: .*one of local, aws-kms, vault/],
  };
  for (const [what, [more, message]] of Object.entries(refused)) {
    it(`refuses ${what}`, () => {
      const problems = problemsOf(yaml({ more }));
      assert.ok(
        problems.some((problem) => message.test(problem)),
        problems.join('\n') || 'it is accepted',
      );
    });
  }
});
