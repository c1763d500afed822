import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { attestorTypes } from '../../attestors/index.js';
import { literalHosts } from '../../src/config/hosts.js';
import { ConfigurationError, loadConfiguration, parseConfiguration } from '../../src/config/load.js';
import { type sample, yaml } from './sample.js';

const load = (changes: Partial<typeof sample> = {}, file = 'c.yaml') => parseConfiguration(file, yaml(changes));

function frozenAllTheWay(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return Object.isFrozen(value) && Object.values(value).every(frozenAllTheWay);
}

describe('config: a valid file', () => {
  it('gets the defaults that the documentation names', () => {
    const { listen, health, store, signing, audit, outbound, trustDomain, region } = load();
    assert.deepEqual(
      { listen, health, store, signing, audit, outbound, trustDomain, region },
      {
        listen: { host: '127.0.0.1', port: 8080, trustedProxies: [] },
        health: { host: '127.0.0.1', port: 9090 },
        store: { type: 'embedded', path: resolve('data') },
        signing: { type: 'local', algorithms: ['ES256'], rotateEvery: 2_592_000 },
        audit: {
          durability: 'strict',
          sinks: [{ type: 'file', path: resolve('audit.jsonl') }],
          refusalsPerSecond: 500,
        },
        outbound: { allow: [] },
        trustDomain: '127.0.0.1',
        region: undefined,
      },
    );
  });

  it('announces its end off loopback, unless it says otherwise', () => {
    for (const [more, announce] of [
      ['', 0],
      ['listen: { host: 0.0.0.0 }', 5],
      ['listen: { host: 0.0.0.0 }\ndrain: { announce: 0s }', 0],
      ['drain: { announce: 2s }', 2],
    ] as const) {
      assert.deepEqual(load({ more }).drain, { announce, deadline: 25 }, more);
    }
  });

  it('keeps what it says', () => {
    const loaded = load({
      more: `trustDomain: example.com
region: eu-central
listen: { host: "::", port: 0, trustedProxies: [10.0.0.0/8] }
health: { host: 0.0.0.0, port: 65535 }
store: { type: memory }
signing: { algorithms: [RS256, EdDSA, ES256], rotateEvery: 1d, masterKey: { file: m, previous: { file: p } }, firstKey: { file: /f.pem } }
outbound: { allow: [10.0.0.0/8, "fd00::/8"] }`,
      audit: 'audit: { durability: relaxed, sinks: [{ type: stdout }], refusalsPerSecond: 1 }',
      issuer: 'issuer: https://sts.example.com/tenant',
    });
    const { issuer, trustDomain, region, listen, health, store, signing, audit, outbound } = loaded;
    assert.deepEqual(
      { issuer, trustDomain, region, listen, health, store, signing, audit, outbound },
      {
        issuer: 'https://sts.example.com/tenant',
        trustDomain: 'example.com',
        region: 'eu-central',
        listen: { host: '::', port: 0, trustedProxies: ['10.0.0.0/8'] },
        health: { host: '0.0.0.0', port: 65535 },
        store: { type: 'memory' },
        signing: {
          type: 'local',
          algorithms: ['RS256', 'EdDSA', 'ES256'],
          rotateEvery: 86_400,
          masterKey: { file: resolve('m'), previous: { file: resolve('p') } },
          firstKey: { file: '/f.pem' },
        },
        audit: { durability: 'relaxed', sinks: [{ type: 'stdout' }], refusalsPerSecond: 1 },
        outbound: { allow: ['10.0.0.0/8', 'fd00::/8'] },
      },
    );
  });

  it('takes the files of listen.tls as relative to it, too', () => {
    const more = 'listen: { tls: { cert: { file: tls.crt }, key: { file: /k.pem }, clientCa: { file: ../ca.pem } } }';
    assert.deepEqual(load({ more }, '/etc/counterseal/c.yaml').listen.tls, {
      cert: { file: '/etc/counterseal/tls.crt' },
      key: { file: '/k.pem' },
      clientCa: { file: '/etc/ca.pem' },
      minVersion: 'TLSv1.3',
    });
  });

  it('takes paths as relative to the folder of the file, or as they are when they are absolute', () => {
    const { file, directory, store, audit, outbound } = load(
      {
        more: 'store: { type: embedded, path: ./store }\noutbound: { ca: { file: ../ca.pem } }',
        audit: 'audit: { sinks: [{ type: file, path: /log/audit.jsonl }, { type: file, path: b.jsonl }] }',
      },
      '/etc/counterseal/c.yaml',
    );
    assert.deepEqual([file, directory], ['/etc/counterseal/c.yaml', '/etc/counterseal']);
    assert.deepEqual(store, { type: 'embedded', path: '/etc/counterseal/store' });
    assert.deepEqual(
      audit.sinks.map((sink) => sink.type === 'file' && sink.path),
      ['/log/audit.jsonl', '/etc/counterseal/b.jsonl'],
    );
    assert.equal(outbound.ca?.file, '/etc/ca.pem');
  });

  for (const [issuer, expected] of [
    ['http://localhost:8080', 'localhost'],
    ['https://localhost', 'localhost'],
    ['http://127.1.2.3', '127.1.2.3'],
    ['http://[::1]:8080', 'localhost'],
  ]) {
    it(`has the trust domain ${expected} by default for ${issuer}`, () =>
      assert.equal(load({ issuer: `issuer: "${issuer}"` }).trustDomain, expected));
  }

  it('has attestors by name, with their type and validated options', () => {
    const { attestors } = load();
    assert.deepEqual([...attestors.keys()], ['prod-eu']);
    const { type, options } = attestors.get('prod-eu') ?? assert.fail();
    assert.equal(type, attestorTypes.get('kubernetes'));
    assert.ok(typeof options === 'object' && options !== null && !('type' in options));
    assert.deepEqual(
      options,
      type.options.parse({ issuer: 'https://kubernetes.default.svc', keys: { jwksFile: 'jwks.json' } }),
    );
  });

  it('has names that every object has as names like any other', () => {
    const { attestors, policy } = load({
      attestors:
        'attestors: { constructor: { type: kubernetes, issuer: "https://k8s.example", keys: { jwksFile: x } } }',
      rules: 'rules: { toString: { workload: { attestor: constructor }, deny: { resource: "*" } } }',
    });
    assert.deepEqual([...attestors.keys()], ['constructor']);
    assert.equal(policy.ruleCount, 1);
  });

  it('is frozen', () => {
    const configuration = load();
    const { attestors, policy: _, literalHosts: __, ...plain } = configuration;
    assert.ok(Object.isFrozen(configuration));
    assert.deepEqual(
      Object.entries(plain).filter(([, value]) => !frozenAllTheWay(value)),
      [],
    );
    assert.ok(frozenAllTheWay(attestors.get('prod-eu')?.options));
  });

  it('has the addresses that attestors name literally, and not those of our issuer and of resources', () => {
    const keys = (uri: string) => `{ type: kubernetes, issuer: "${uri}", keys: { jwksUri: "${uri}" } }`;
    const { literalHosts: hosts } = load({
      attestors: `attestors: { a: ${keys('http://127.0.0.2:80/x')}, b: ${keys('https://[FD00::0:1]/')}, c: ${keys('https://k8s.example/')} }`,
      resources: 'resources: { "https://10.0.0.1/": { scope: [a] } }',
      rules: 'rules: {}',
    });
    assert.deepEqual([...hosts], ['127.0.0.2', 'fd00::1']);
  });
});

describe('config: what conditions name', () => {
  it('has the addresses of decision points, of named conditions and of those in rules, and no other URL of theirs', () => {
    const { literalHosts: hosts } = load({
      more: `conditions:
  ask: { external: { authzen: "https://10.0.0.1/pdp" } }
  say: { cel: '"https://10.0.0.2" == "a"' }`,
      rules: `rules:
  agent:
    workload: { attestor: prod-eu }
    conditions: [ask, { external: { authzen: "http://[::1]:8181", each: scope } }]
    deny: { resource: "*" }`,
    });
    assert.deepEqual([...hosts].sort(), ['10.0.0.1', '::1']);
  });
});

describe('config: literalHosts', () => {
  const hosts = (value: unknown) => [...literalHosts(value)];

  it('writes addresses as URL does', () =>
    assert.deepEqual(hosts(['https://0x7f.1', 'http://[0:0::1]:80/', ['HTTPS://10.0.0.1']]), [
      '127.0.0.1',
      '::1',
      '10.0.0.1',
    ]));

  it('takes no name, no other scheme, no key and no text that holds a URL', () =>
    assert.deepEqual(
      hosts({ 'https://10.0.0.1': ['redis://10.0.0.2', 'see https://10.0.0.3', 'https://a.example', 1] }),
      [],
    ));

  it('ends on what holds itself', () => {
    const circle: unknown[] = ['http://10.0.0.1'];
    circle.push(circle);
    assert.deepEqual(hosts(circle), ['10.0.0.1']);
  });
});

describe('config: loadConfiguration', () => {
  let folder = '';
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'counterseal-config-'));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  const problemsOf = async (file: string) => {
    const error = await loadConfiguration(file).then(
      () => assert.fail('it was loaded'),
      (cause: unknown) => cause,
    );
    assert.ok(error instanceof ConfigurationError);
    return error.problems.map(({ file: named, line, column, message }) => [named, line, column, message]);
  };

  it('loads a file', async () => {
    const file = join(folder, 'valid.yaml');
    await writeFile(file, `\ufeff${yaml()}`);
    const { file: loaded, directory, environment } = await loadConfiguration(file);
    assert.deepEqual([loaded, directory, environment], [file, folder, 'production']);
  });

  it('says of a file that is not there that it cannot be read', async () => {
    const file = join(folder, 'absent.yaml');
    assert.deepEqual(await problemsOf(file), [
      [file, 1, 1, 'cannot be read: there is no such file (ENOENT): check its path'],
    ]);
  });

  it('says of a folder that it cannot be read', async () =>
    assert.deepEqual(await problemsOf(folder), [
      [folder, 1, 1, 'cannot be read: it is a folder (EISDIR): name the file in it'],
    ]));

  it('says of files that it names, and that are not there, which key names them', async () => {
    const file = join(folder, 'names.yaml');
    const attestors = `attestors:
  prod-eu: { type: kubernetes, issuer: "https://k8s.example", api: { kubeconfig: none.yaml } }`;
    await writeFile(file, yaml({ more: 'outbound: { ca: { file: none.pem } }', attestors }));
    const absent = (name: string) =>
      `${join(folder, name)} cannot be read: there is no such file (ENOENT): check its path`;
    assert.deepEqual(await problemsOf(file), [
      [file, 1, 25, absent('none.pem')],
      [file, 6, 82, absent('none.yaml')],
    ]);
    await writeFile(join(folder, 'none.pem'), '');
    await writeFile(join(folder, 'none.yaml'), '');
    await loadConfiguration(file);
  });

  it('says of a pipe that it is no file, and does not wait for it', async () => {
    const [file, pipe] = [join(folder, 'piped.yaml'), join(folder, 'pipe')];
    execFileSync('mkfifo', [pipe]);
    await writeFile(file, yaml({ more: 'outbound: { ca: { file: pipe } }' }));
    assert.deepEqual(await problemsOf(file), [[file, 1, 25, `${pipe} is no file: name a regular one`]]);
  });

  it('says of files with keys what they have to hold, and quotes nothing of them', async () => {
    const file = join(folder, 'keys.yaml');
    const signing = 'signing: { masterKey: { file: a, previous: { file: b } }, firstKey: { file: c } }';
    await writeFile(file, yaml({ more: signing }));
    await writeFile(join(folder, 'jwks.json'), '{}');
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
    const unusable = (name: string, why: string) => `${join(folder, name)} cannot be used: ${why}`;
    const masterKey = 'a master key is 32 random bytes in base64: make one with `openssl rand -base64 32`';
    const write = async (a: string, b: string, c: string) => {
      for (const [name, text] of Object.entries({ a, b, c })) await writeFile(join(folder, name), text);
    };
    await write('canary', 'canary', 'canary');
    assert.deepEqual(await problemsOf(file), [
      [file, 1, 31, unusable('a', masterKey)],
      [file, 1, 52, unusable('b', masterKey)],
      [file, 1, 77, unusable('c', 'a first key is a private key in PEM, without a passphrase')],
    ]);
    const random = `${randomBytes(32).toString('base64')}\n`;
    await write(random, random, rsa.export({ format: 'pem', type: 'pkcs8' }).toString());
    const needed = 'the key is for none of signing.algorithms, which take an EC key on P-256 (ES256)';
    assert.deepEqual(await problemsOf(file), [[file, 1, 77, unusable('c', needed)]]);
    await writeFile(file, yaml({ more: signing.replace('{', '{ algorithms: [RS256],') }));
    await loadConfiguration(file);
  });

  it('says of the headers for a collector which line is none, and quotes nothing of it', async () => {
    const [file, headers] = [join(folder, 'traced.yaml'), join(folder, 'headers')];
    const at = (endpoint: string) =>
      writeFile(file, yaml({ more: `telemetry: { traces: { endpoint: "${endpoint}", headers: { file: headers } } }` }));
    await at('https://collector.example/v1/traces');
    const missing = await problemsOf(file);
    assert.match(String(missing[0]?.[3]), /headers cannot be read: there is no such file/);
    await writeFile(headers, 'x-api-key: secret\n\nauthorization Bearer canary\n');
    const unusable = `${headers} cannot be used: line 3 is not NAME: VALUE`;
    assert.deepEqual(await problemsOf(file), [[file, 1, 90, unusable]]);
    await writeFile(headers, 'x-api-key: secret\n\nAuthorization: Bearer canary\n');
    for (const endpoint of ['https://collector.example/v1/traces', 'http://127.0.0.1:4318/v1/traces']) {
      await at(endpoint);
      await loadConfiguration(file);
    }
  });

  it('refuses a file that two would write', async () => {
    const file = join(folder, 'written.yaml');
    const audit = `audit:
  sinks:
    - { type: file, path: ./audit.jsonl }
    - { type: file, path: audit.jsonl }
    - { type: file, path: store/data.mdb }`;
    await writeFile(file, yaml({ more: 'store: { type: embedded, path: ./store }', audit }));
    const problems = await problemsOf(file);
    assert.deepEqual(
      problems.map(([, , , message]) => message),
      ['audit.sinks[0] writes this file: name another', 'the store writes this file: name another'],
    );
  });

  it('says of the token of a decision point that it cannot be read, where it stands, in place too', async () => {
    const file = join(folder, 'asks.yaml');
    const external = (name: string) =>
      `{ external: { authzen: "https://pdp.example/${name}", token: { file: ${name} } } }`;
    const rules = `rules:
  agent:
    workload: { attestor: prod-eu }
    conditions: [ask, ${external('other')}]
    deny: { resource: "*" }`;
    await writeFile(file, yaml({ more: `conditions: { ask: ${external('gone')} }`, rules }));
    await writeFile(join(folder, 'jwks.json'), '{}');
    const problems = await problemsOf(file);
    assert.deepEqual(
      problems.map(([, line, , message]) => [line, message]),
      ['gone', 'other'].map((name, index) => [
        index === 0 ? 1 : 12,
        `${join(folder, name)} cannot be read: there is no such file (ENOENT): check its path`,
      ]),
    );
  });

  it('says of a file in another encoding that it cannot be read', async () => {
    const file = join(folder, 'latin1.yaml');
    await writeFile(file, Buffer.from('region: \xe9', 'latin1'));
    assert.deepEqual(await problemsOf(file), [[file, 1, 1, 'cannot be read: it is not UTF-8: save it as UTF-8']]);
  });
});
