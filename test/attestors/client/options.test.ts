import assert from 'node:assert/strict';
import { clientSecretForm } from '../../../attestors/client/form.js';
import { client } from '../../../attestors/client/index.js';
import { secretFault } from '../../../attestors/client/secret.js';
import { loadConfiguration } from '../../../src/config/load.js';
import { Rejected } from '../../../src/errors.js';
import { grantTypes } from '../../../src/exchange/grants/index.js';
import { blocksOf, pasted, problemsOf, sample, yaml } from '../../config/sample.js';
import { createTestHost, ourIssuer } from '../../support/attestor-host.js';
import { createFolder } from '../../support/folder.js';
import { jwks, now } from '../../support/tokens.js';

const file = (block: string) =>
  problemsOf(yaml({ attestors: `${sample.attestors}\n  partners: { type: client, ${block} }` }));
const keys = 'keys: { jwksFile: j.json }';

describe('client options', () => {
  it('fills in the defaults', () => {
    assert.deepEqual(client.options.parse({ clients: { batch: { keys: { jwksFile: 'j.json' } } } }), {
      clients: { batch: { keys: { jwksFile: 'j.json', maxStale: 3600 }, grantTypes: ['client_credentials'] } },
      maxLifetime: 300,
    });
  });

  it('knows the grants that are served', () => {
    const all = [...grantTypes.keys()];
    const clients = { batch: { keys: { jwksFile: 'j.json' }, grantTypes: all } };
    assert.deepEqual(client.options.parse({ clients }).clients.batch?.grantTypes, all);
  });

  const wrong: Readonly<Record<string, string>> = {
    'clients: {}': 'clients: wrong value (expected a map of at least one client, found an empty map)',
    'clients: { a: {} }': 'clients.a: wrong value (expected exactly one of keys and secret, found an empty map)',
    [`clients: { a: { ${keys}, secret: { file: s } } }`]:
      'clients.a: wrong value (expected exactly one of keys and secret, found a map)',
    'clients: { a: { secret: { file: s }, algorithms: [ES256] } }':
      'clients.a.algorithms: of keys only: a secret signs nothing',
    'clients: { a: { secret: s3cret } }': 'clients.a.secret: wrong value (expected a map with file, found "s3cret")',
    [`clients: { "a:b": { ${keys} } }`]:
      'clients["a:b"]: unusable key (expected a client_id of letters, digits, ".", "_" and "-", found "a:b")',
    [`clients: { a: { ${keys}, grantTypes: [password] } }`]:
      'clients.a.grantTypes[0]: wrong value (expected one of client_credentials, urn:ietf:params:oauth:grant-type:jwt-bearer, urn:ietf:params:oauth:grant-type:token-exchange, found "password")',
  };
  for (const [block, problem] of Object.entries(wrong)) {
    it(`refuses ${block}`, () => {
      const [told = ''] = file(block);
      assert.equal(told.replace(/^c\.yaml:\d+:\d+: attestors\.partners\./, ''), problem);
    });
  }

  it('two blocks cannot have one client', () => {
    const text = `${sample.attestors}
  one: { type: client, clients: { a: { ${keys} } } }
  two: { type: client, clients: { a: { ${keys} } } }`;
    assert.match(
      problemsOf(yaml({ attestors: text })).join(),
      /attestors\.two: .*attestors\.one has a client a as well/,
    );
    const bySecret = text.replace(/(two.*)keys: \{ jwksFile: j\.json \}/, '$1secret: { file: s }');
    assert.match(problemsOf(yaml({ attestors: bySecret })).join(), /attestors\.two: .*attestors\.one has a client a/);
  });

  it('the page shows a block that is valid', () => {
    const blocks = blocksOf('attestors/client/README.md');
    assert.equal(blocks.length, 1);
    const resources = 'resources: { "https://calendar.example/mcp": { scope: [read:calendar] } }';
    for (const block of blocks) assert.deepEqual(problemsOf(pasted(`${block}${resources}\n`)), []);
  });
});

describe('client secrets', () => {
  it('are of 32 to 512 characters that are printable and differ', () => {
    const good = '0123456789abcdef0123456789abcdef';
    for (const text of [good, `${good}\n`, `${good.slice(1)}%`, good.repeat(16)]) assert.equal(secretFault(text), null);
    for (const text of [good.slice(1), good.repeat(17), '01'.repeat(32), `${good} ${good}`, `${good}é`, '']) {
      assert.match(secretFault(text) ?? '', /^expected 32 to 512 printable ASCII characters/);
    }
  });

  it('are looked at when the configuration is loaded, and none of them is told', async () => {
    const folder = await createFolder();
    const attestors =
      'attestors:\n  partners: { type: client, clients: { legacy: { secret: { file: legacy.secret } } } }';
    await folder.write({ 'c.yaml': yaml({ attestors, rules: 'rules: {}' }), 'legacy.secret': 'hunter2' });
    await assert.rejects(loadConfiguration(`${folder.path}/c.yaml`), ({ message }: Error) => {
      assert.match(
        message,
        /:5:\d+: attestors\.partners\.clients\.legacy\.secret\.file: .*legacy\.secret cannot be used/,
      );
      assert.ok(!message.includes('hunter2'));
      return true;
    });
    await folder.remove();
  });

  it('are read from Basic as they are and decoded once', () => {
    const parse = (text: string) =>
      clientSecretForm.parse(Buffer.from(text).toString('base64'), undefined as never).content;
    assert.deepEqual(parse('a:b'), { id: 'a', readings: ['b'] });
    assert.deepEqual(parse('a:b:c'), { id: 'a', readings: ['b:c'] });
    assert.deepEqual(parse('a%2Db:x%252By+z'), { id: 'a-b', readings: ['x%252By+z', 'x%2By z'] });
    assert.deepEqual(parse('a:100%'), { id: 'a', readings: ['100%'] });
    for (const text of ['', ':b', 'ab']) assert.throws(() => parse(text), Rejected);
  });
});

describe('client doctor', () => {
  it('tries the keys of each client', async () => {
    const folder = await createFolder();
    await folder.write({ 'there.json': JSON.stringify(jwks) });
    const { host, close } = createTestHost(() => now, folder.path);
    const clients = {
      there: { keys: { jwksFile: 'there.json' } },
      gone: { keys: { jwksFile: 'gone.json' } },
      legacy: { secret: { file: 'legacy.secret' } },
    };
    const findings = [];
    for await (const each of client.examine?.('partners', client.options.parse({ clients }), host) ?? [])
      findings.push([each.step, each.outcome]);
    assert.deepEqual(findings, [
      ['keys of there', 'ok'],
      ['keys of gone', 'failed'],
    ]);
    assert.equal(host.issuer, ourIssuer);
    await close();
    await folder.remove();
  });
});
