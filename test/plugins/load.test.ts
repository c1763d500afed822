/** `module` in a configuration: what is loaded, from where, and what is told when it cannot be. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { attestorTypes } from '../../attestors/index.js';
import { ConfigurationError, loadConfiguration } from '../../src/config/load.js';
import { faultsOfKinds, faultsOfType } from '../../src/plugins/shape.js';
import { type sample, yaml } from '../config/sample.js';
import { finish, root } from '../support/command-line.js';
import { installExample } from '../support/plugin-folder.js';

/** A type that is as it should be; an entry of `parts` replaces one of its members by that text. */
function typeText(parts: Readonly<Record<string, string>> = {}): string {
  const members = {
    type: "'badge'",
    selectorKinds: "['badge:id']",
    facts: '[]',
    options: '{ safeParse: (block) => ({ success: true, data: block }) }',
    forms: "[{ tokenType: 'urn:example:badge', challenge: false, parse() {} }]",
    plan: "() => ({ accepts: [{ tokenType: 'urn:example:badge', issuer: 'a', audience: 'b' }], faults: [], files: [] })",
    create: 'async () => ({})',
    ...parts,
  };
  const lines = Object.entries(members).map(([name, text]) => `  ${name}: ${text},`);
  return `export const attestorType = {\n${lines.join('\n')}\n};\n`;
}

describe('config: module', () => {
  let folder: string;
  let count = 0;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'counterseal-modules-'));
    await installExample(folder);
  });
  after(() => rm(folder, { recursive: true }));

  async function write(file: string, text: string): Promise<void> {
    await mkdir(dirname(join(folder, file)), { recursive: true });
    await writeFile(join(folder, file), text);
  }
  /** A new file each time: Node imports a file once. @returns its path in the configuration */
  async function moduleOf(text: string): Promise<string> {
    const file = `own/plugin-${++count}.mjs`;
    await write(file, text);
    return `./${file}`;
  }
  async function load(changes: Partial<typeof sample>) {
    await write('c.yaml', yaml({ rules: 'rules: {}', ...changes }));
    return loadConfiguration(join(folder, 'c.yaml'));
  }
  const loadBlock = (block: string, more: Partial<typeof sample> = {}) =>
    load({ attestors: `attestors:\n  one: ${block}`, ...more });
  /** The problems, without the folder. */
  async function problems(loading: Promise<unknown>): Promise<string> {
    const error = await loading.then(
      () => assert.fail('it was loaded'),
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof ConfigurationError, String(error));
    return error.message.replaceAll(folder, '');
  }

  it('loads a package that is installed beside the file, and a file that is relative to it', async () => {
    const { attestors } = await load({
      attestors: `attestors:
  machines: { module: counterseal-machine-key, machines: {} }
  badges: { module: ${await moduleOf(typeText())} }`,
    });
    assert.deepEqual(
      [...attestors].map(([name, { type }]) => [name, type.type]),
      [
        ['machines', 'machine-key'],
        ['badges', 'badge'],
      ],
    );
  });

  it('loads a subpath of a package, by its exports, and CommonJS', async () => {
    const home = 'node_modules/@acme/badges';
    await write(`${home}/package.json`, '{ "name": "@acme/badges", "exports": { "./v2": "./lib/two.cjs" } }');
    await write(`${home}/lib/two.cjs`, typeText().replace('export const attestorType', 'exports.attestorType'));
    assert.equal((await loadBlock('{ module: "@acme/badges/v2" }')).attestors.get('one')?.type.type, 'badge');
    assert.match(
      await problems(loadBlock('{ module: "@acme/badges" }')),
      /^\/c.yaml:\d+:18: attestors.one.module: the package does not export this: its exports need it, with the condition default$/,
    );
  });

  it('says what to do about a module that is not there', async () => {
    assert.equal(
      await problems(loadBlock('{ module: no-such-package }')),
      '/c.yaml:5:18: attestors.one.module: there is no such package: install it in , or where Counterseal is installed',
    );
    assert.match(await problems(loadBlock('{ module: ./no/such.js }')), /no such module: name its file, relative to/);
  });

  for (const url of [
    'http://evil.example/x.js',
    'https://evil.example',
    'data:text/javascript,1',
    'node:fs',
    'file:///x.js',
  ]) {
    it(`refuses ${url}: a module is a package or a file beside the configuration`, async () => {
      assert.match(
        await problems(loadBlock(`{ module: "${url}" }`)),
        /attestors.one.module: expected the name of a package/,
      );
    });
  }
  for (const path of ['/etc/x.js', 'fs', '', '..', 'a\\\\b', '.hidden']) {
    it(`refuses ${JSON.stringify(path)}`, async () => {
      assert.match(await problems(loadBlock(`{ module: "${path}" }`)), /attestors.one.module: /);
    });
  }
  it('refuses what is no text', async () => {
    assert.match(await problems(loadBlock('{ module: [a] }')), /expected the name of a package, found a list/);
  });

  it('refuses type beside module, even if it is the same', async () => {
    const text = await problems(loadBlock(`{ module: ${await moduleOf(typeText())}, type: badge }`));
    assert.match(text, /attestors.one.module: a block has a type or a module, not both: remove type/);
  });

  it('tells that a module fails when it is imported, on one line', async () => {
    for (const [text, message] of [
      ["throw new Error('no license\\nfor you');", 'no license'],
      ['throw null;', 'it threw no Error'],
      ["throw Object.assign(new Error(''), { message: 7 });", 'it threw no Error'],
      ["import 'a-package-that-is-not-there';", "Cannot find package 'a-package-that-is-not-there'"],
      ['export const = 1;', ''],
    ] as const) {
      const told = await problems(loadBlock(`{ module: ${await moduleOf(text)} }`));
      assert.ok(told.includes(`plugin-${count}.mjs fails when it is imported: ${message}`), told);
      assert.equal(told.split('\n').length, 1);
    }
  });

  it('names the export that a module lacks', async () => {
    const told = await problems(loadBlock(`{ module: ${await moduleOf('export default {};')} }`));
    assert.match(told, /it has no export attestorType: a package of an attestor exports its type under this name/);
  });

  const wrong: readonly (readonly [what: string, parts: Readonly<Record<string, string>>, told: RegExp])[] = [
    ['a type that is no name', { type: "'Badge!'" }, /type is no name such as machine-key/],
    ['our type', { type: "'oidc'" }, /type oidc is one of ours: choose another name/],
    [
      'kinds of ours',
      { selectorKinds: "['k8s:ns']" },
      /selectorKinds is no list of kinds .* in a name space of its own/,
    ],
    ['kinds of a type to come', { selectorKinds: "['aws:account']" }, /selectorKinds is no list/],
    ['kinds without a name space', { selectorKinds: "['badge']" }, /selectorKinds is no list/],
    ['single kinds that are ours', { singleKinds: "['k8s:ns']" }, /singleKinds is no list/],
    ['a kind twice', { selectorKinds: "['badge:id', 'badge:id']" }, /selectorKinds is no list/],
    ['a nodeKind that is none of its kinds', { nodeKind: "'k8s:node'" }, /nodeKind is none of selectorKinds/],
    ['facts of ours', { facts: "['posture.kubelet']" }, /facts is no list of names/],
    ['the fact that pods hang on', { facts: "['podless']" }, /facts is no list of names/],
    ['options without safeParse', { options: '{}' }, /options has no safeParse: give a zod schema/],
    ['no plan', { plan: 'undefined' }, /plan is no function/],
    ['no create', { create: '1' }, /create is no function/],
    ['examine that is no function', { examine: '{}' }, /examine is no function: leave it out, or make it one/],
    ['pinFor that is no function', { pinFor: "'badge:id'" }, /pinFor is no function: leave it out, or make it one/],
    [
      'highestAssurance that is no function',
      { highestAssurance: "'low'" },
      /highestAssurance is no function: leave it/,
    ],
    ['forms that are no list', { forms: '{}' }, /forms is no list/],
    ['the form of a JWT', { forms: form('urn:ietf:params:oauth:token-type:jwt') }, /is that of a JWT: choose another/],
    [
      'a form that one of ours has',
      { forms: form('urn:counterseal:params:token-type:aws-caller-identity') },
      /type aws has the form of urn:counterseal:params:token-type:aws-caller-identity: choose another/,
    ],
    ['a form of no URI', { forms: form('badge') }, /the tokenType badge of a form is no URI/],
    ['a form without parse', { forms: "[{ tokenType: 'urn:x:y', challenge: true }]" }, /parse of the form of urn:x:y/],
    [
      'a form without challenge',
      { forms: "[{ tokenType: 'urn:x:y', parse() {} }]" },
      /challenge of the form of urn:x:y/,
    ],
  ];
  for (const [what, parts, told] of wrong) {
    it(`refuses ${what}`, async () => {
      const text = await problems(loadBlock(`{ module: ${await moduleOf(typeText(parts))} }`));
      assert.match(text, told);
      assert.match(text, /^\/c.yaml:5:18: attestors.one.module: its attestorType is not usable: /);
    });
  }

  it('the selectors that name a machine are of a kind that the type of ours has', () => {
    const kinds = [...attestorTypes.values()].flatMap(({ nodeKind, selectorKinds }) =>
      nodeKind === undefined ? [] : [[nodeKind, selectorKinds.includes(nodeKind)]],
    );
    assert.deepEqual(kinds.sort(), [
      ['aws:instance', true],
      ['azure:vm-id', true],
      ['k8s:node', true],
    ]);
  });

  it('keeps every name space of a type of ours from others', () => {
    const ours = [...attestorTypes.values()];
    for (const kind of ours.flatMap(({ selectorKinds }) => selectorKinds)) {
      assert.notDeepEqual(faultsOfKinds([`${kind}-too`], 'they'), [], kind);
    }
    for (const fact of ours.flatMap(({ facts }) => facts)) {
      const faults = faultsOfType({ facts: [`${fact}.too`] });
      assert.ok(
        faults.some((fault) => fault.startsWith('facts')),
        fact,
      );
    }
  });

  it('refuses an export that throws when it is looked at', async () => {
    const text = 'export const attestorType = { get type() { throw new Error("trap"); } };';
    assert.match(await problems(loadBlock(`{ module: ${await moduleOf(text)} }`)), /not usable: trap/);
  });

  it('refuses two modules of one type, and takes one that two blocks name', async () => {
    const [one, other] = [await moduleOf(typeText()), await moduleOf(typeText())];
    const two = (module: string) => `attestors:\n  a: { module: ${one} }\n  b: { module: ${module} }`;
    assert.match(
      await problems(load({ attestors: two(other) })),
      /attestors.b.module: its type badge is also that of another module: load only one of them$/,
    );
    assert.match(await problems(load({ attestors: two(one) })), /attestors.a accepts issuer a with audience b as well/);
  });

  it('tells what a module’s own schema says, of whatever zod it is, at the key', async () => {
    const safeParse = `() => ({ success: false, error: { issues: [
      { path: ['color'], message: 'a color' }, { path: ['sice'], message: 'no such key' }] } })`;
    const module = await moduleOf(typeText({ options: `{ safeParse: ${safeParse} }` }));
    const told = await problems(loadBlock(`{ module: ${module}, sice: 1 }`));
    assert.deepEqual(told.split('\n'), [
      '/c.yaml:5:8: attestors.one.color: missing key (expected a color)',
      `/c.yaml:5:${18 + module.length + 8}: attestors.one.sice: no such key`,
    ]);
  });

  for (const [what, parts, told] of [
    [
      'a schema that throws',
      { options: '{ safeParse() { throw new Error("oops"); } }' },
      /type badge fails on its options: oops/,
    ],
    [
      'options that cannot be frozen',
      { options: '{ safeParse: () => ({ success: true, data: { key: Buffer.from("a") } }) }' },
      /type badge makes of its options something else than plain data/,
    ],
    [
      'a schema that refuses without an issue',
      { options: '{ safeParse: () => ({ success: false, error: { issues: [] } }) }' },
      /type badge refuses its options, and does not say why/,
    ],
    ['an asynchronous schema', { options: '{ safeParse: async () => ({}) }' }, /type badge fails on its options/],
    [
      'a role that there is none of',
      { role: "() => 'person'" },
      /type badge: what role gives is neither workload nor delegator/,
    ],
    [
      'kinds by options that are ours',
      { mappedKinds: "() => ['oidc:sub']" },
      /type badge: what mappedKinds gives is no list/,
    ],
    ['a plan that throws', { plan: '() => { throw new Error("no"); }' }, /type badge has no plan for this block: no/],
    ['a plan of nothing', { plan: '() => ({ accepts: [], faults: [], files: [] })' }, /its plan accepts nothing/],
    [
      'a plan of half a route',
      { plan: '() => ({ accepts: [{}], faults: [], files: [] })' },
      /no tokenType, issuer or audience/,
    ],
    [
      'a plan for the evidence of others',
      { plan: "() => ({ accepts: [{ tokenType: 'urn:x', issuer: 'a', audience: 'b' }], faults: [], files: [] })" },
      /its plan accepts urn:x, of which it has no form/,
    ],
    [
      'files that are none',
      { plan: plan('files: [{ path: 1 }], faults: []') },
      /a file of its plan has no path or name/,
    ],
    [
      'ids of clients that are none',
      { plan: plan('files: [], faults: [], clientIds: [1]') },
      /clientIds of its plan is no list of texts/,
    ],
    [
      'faults that are none',
      { plan: plan('files: [], faults: [{ path: [] }]') },
      /a fault of its plan has no path or message/,
    ],
  ] as const) {
    it(`refuses ${what}`, async () => {
      const text = await problems(loadBlock(`{ module: ${await moduleOf(typeText(parts))} }`));
      assert.match(text, told);
      assert.match(text, /^\/c.yaml:5:8: attestors.one: /);
    });
  }

  it('judges rules by the kinds that a module declares', async () => {
    const rules = `rules: { r: { workload: { attestor: one, selectors: ["badge:nme:x"] }, grant: { resource: "https://calendar.example/mcp", scope: [read:calendar] } } }`;
    assert.match(
      await problems(loadBlock(`{ module: ${await moduleOf(typeText())} }`, { rules })),
      /rules.r.workload.selectors/,
    );
  });

  for (const page of ['docs/plugins.md', 'examples/attestor-plugin/README.md']) {
    it(`loads the block of ${page}`, async () => {
      const { publicKey } = generateKeyPairSync('ed25519');
      await write('build-1.pub.pem', String(publicKey.export({ type: 'spki', format: 'pem' })));
      const text = await readFile(join(root, page), 'utf8');
      const [, block = ''] = /```yaml\n([^`]*)```/.exec(text) ?? [];
      assert.equal((await load({ attestors: block })).attestors.get('machines')?.type.type, 'machine-key');
    });
  }

  it('counterseal check takes the example’s block, and says of a bad one what is wrong and where', async function () {
    this.timeout(60_000);
    const machines = (block: string) =>
      `attestors:\n  machines:\n    module: counterseal-machine-key\n    machines: ${block}`;
    const check = async (block: string) => {
      await write('c.yaml', yaml({ rules: 'rules: {}', attestors: machines(block) }));
      const { code, stdout, stderr } = await finish('check', '--config', join(folder, 'c.yaml'));
      return [code, `${stdout}${stderr}`.replaceAll(folder, '')] as const;
    };
    const x = 'Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE';
    const [code, text] = await check(`{ a: { publicKey: { kty: OKP, crv: Ed25519, x: ${x} } } }`);
    assert.deepEqual([code, /valid; 1 attestors/.test(text)], [0, true], text);
    for (const [block, told] of [
      [
        '{ a: { publicKey: missing.pem } }',
        /:\d+:33: attestors.machines.machines.a.publicKey: .*there is no such file/,
      ],
      ['{ a: {} }', /attestors.machines.machines.a.publicKey: missing key \(expected the path of a PEM file, or a JWK/],
      ['{ a: { publicKey: a.pem, lable: {} } }', /attestors.machines.machines.a: Unrecognized key: "lable"/],
    ] as const) {
      const [exit, output] = await check(block);
      assert.equal(exit, 1, output);
      assert.match(output, told);
    }
  });
});

function form(tokenType: string): string {
  return `[{ tokenType: '${tokenType}', challenge: false, parse() {} }]`;
}

function plan(rest: string): string {
  return `() => ({ accepts: [{ tokenType: 'urn:example:badge', issuer: 'a', audience: 'b' }], ${rest} })`;
}
