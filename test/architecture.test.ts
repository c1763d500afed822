/** Imports point one way (DESIGN "Rooms"). */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const root = fileURLToPath(new URL('..', import.meta.url));
const files = ['src', 'attestors']
  .flatMap((folder) => readdirSync(join(root, folder), { recursive: true }).map((file) => join(folder, String(file))))
  .filter((file) => file.endsWith('.ts'))
  .sort();

interface Import {
  readonly from: string;
  /** A file of the project, or a package's name. */
  readonly to: string;
  readonly typeOnly: boolean;
  /** What of it is imported, types left out; null: all of it. */
  readonly names: readonly string[] | null;
}

const textOf = (file: string): string => readFileSync(join(root, file), 'utf8');
const parse = (file: string, text: string) => ts.createSourceFile(file, text, ts.ScriptTarget.ESNext, true);

function importsOf(file: string, text = textOf(file)): Import[] {
  const found: Import[] = [];
  const add = (specifier: string, typeOnly: boolean, names: Import['names'] = null) => {
    const to = specifier.startsWith('.')
      ? relative(root, resolve(root, dirname(file), specifier)).replace(/\.js$/, '.ts')
      : specifier;
    found.push({ from: file, to, typeOnly, names });
  };
  const visit = (node: ts.Node): void => {
    if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier !== undefined) {
      const typeOnly = ts.isImportDeclaration(node) ? node.importClause?.isTypeOnly === true : node.isTypeOnly;
      add((node.moduleSpecifier as ts.StringLiteral).text, typeOnly, namesOf(node));
    }
    if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [argument] = node.arguments;
      if (argument !== undefined && ts.isStringLiteral(argument)) add(argument.text, false);
    }
    ts.forEachChild(node, visit);
  };
  visit(parse(file, text));
  return found;
}

function namesOf(node: ts.ImportDeclaration | ts.ExportDeclaration): Import['names'] {
  const named = ts.isImportDeclaration(node) ? node.importClause?.namedBindings : node.exportClause;
  const whole = ts.isImportDeclaration(node) && node.importClause?.name !== undefined;
  if (whole || named === undefined || !(ts.isNamedImports(named) || ts.isNamedExports(named))) return null;
  return named.elements.flatMap((each) => (each.isTypeOnly ? [] : [(each.propertyName ?? each.name).text]));
}

/** Modules that connect, listen or resolve names. Of node:net what only looks at addresses, and of node:tls its list of roots, are left out. */
const networkModules = new Set([
  'undici',
  'http',
  'https',
  'http2',
  'net',
  'tls',
  'dgram',
  'dns',
  'dns/promises',
  '@aws-sdk/client-kms',
  '@aws-sdk/client-sts',
  '@kubernetes/client-node',
]);
const harmless: Readonly<Record<string, readonly string[]>> = {
  net: ['isIP', 'isIPv4', 'isIPv6', 'BlockList'],
  tls: ['rootCertificates'],
};
const networkGlobals = new Set(['fetch', 'WebSocket', 'EventSource']);

/** By which a file may reach the network: modules, and globals wherever their name stands. */
function waysOut(file: string, text = textOf(file)): string[] {
  const ways = importsOf(file, text).flatMap(({ to, typeOnly, names }) => {
    const module = to.replace(/^node:/, '');
    if (typeOnly || !networkModules.has(module)) return [];
    return names?.every((name) => harmless[module]?.includes(name)) ? [] : [module];
  });
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node) && networkGlobals.has(node.text)) ways.push(node.text);
    ts.forEachChild(node, visit);
  };
  visit(parse(file, text));
  return ways;
}

const imports = files.flatMap((file) => importsOf(file));
const roomOf = (file: string) =>
  file.startsWith('attestors/') ? 'attestors' : (file.split('/')[1] ?? '').replace(/\.ts$/, '');

/** Each room, and the rooms that it may import from. */
const may: Readonly<Record<string, readonly string[]>> = {
  main: [
    'command-line',
    'config',
    'doctor',
    'keys',
    'policy',
    'protected-resource',
    'revoke',
    'run',
    'server',
    'telemetry',
    'tls',
    'workers',
    'workload',
  ],
  // Of the commands: what they tell people, and the group that is about policies.
  'command-line': ['audit', 'config', 'policy', 'policy-cases', 'policy-tools'],
  'protected-resource': ['config'],
  run: ['rooms'],
  rooms: [],
  workers: ['app', 'config', 'endpoints', 'listener', 'rooms', 'telemetry'],
  // Commands about policies: nothing of the service imports it.
  'policy-tools': [
    'attestors',
    'audit',
    'authorization-details',
    'config',
    'policy',
    'policy-cases',
    'posture-sources',
  ],
  // Cases are a command, and what a policy has to pass before the service takes it.
  'policy-cases': ['config', 'policy', 'posture-sources'],
  doctor: ['attestor-host', 'attestors', 'config'],
  keys: ['config', 'signing', 'store'],
  revoke: ['config', 'revocation', 'store'],
  server: [
    'app',
    'attestor-host',
    'attestors',
    'audit',
    'binding',
    'challenge',
    'config',
    'endpoints',
    'exchange',
    'external',
    'geo',
    'introspection',
    'limits',
    'listener',
    'outbound',
    'posture-sources',
    'policy-cases',
    'revocation',
    'rooms',
    'signing',
    'store',
    'telemetry',
  ],
  listener: ['tls'],
  tls: [],
  app: ['endpoints', 'exchange', 'introspection', 'limits', 'signing', 'telemetry'],
  'attestor-host': ['attestors', 'challenge', 'jwt', 'outbound', 'revocation'],
  endpoints: [
    'attestors',
    'authorization-details',
    'binding',
    'challenge',
    'exchange',
    'introspection',
    'jwt',
    'limits',
    'policy',
    'signing',
    'telemetry',
  ],
  introspection: ['attestors', 'binding', 'exchange', 'jwt', 'policy', 'revocation', 'signing'],
  exchange: [
    'attestors',
    'audit',
    'authorization-details',
    'behaviour',
    'binding',
    'challenge',
    'jwt',
    'limits',
    'policy',
    'revocation',
    'signing',
    'store',
  ],
  limits: ['attestors', 'store'],
  binding: ['attestors', 'challenge', 'jwt', 'store'],
  behaviour: ['attestors', 'policy', 'store'],
  external: ['attestors', 'exchange', 'jwt', 'outbound', 'policy'],
  revocation: ['store'],
  telemetry: ['attestors', 'binding', 'exchange', 'introspection', 'limits', 'outbound', 'policy', 'store'],
  config: ['attestors', 'binding', 'geo', 'limits', 'plugins', 'policy', 'posture-sources', 'signing', 'telemetry'],
  // When a file has changed is told in one way.
  geo: ['config'],
  'posture-sources': ['attestors', 'exchange', 'outbound', 'policy'],
  plugins: ['attestors'],
  // For authors of attestors, and for tests: nothing of the service imports it.
  conformance: ['attestor-host', 'attestors', 'exchange', 'jwt', 'outbound', 'plugins'],
  policy: ['attestors', 'audit', 'authorization-details', 'signing'],
  // What resource servers look with, too: nothing of the service is in it.
  'authorization-details': [],
  audit: ['authorization-details', 'policy'],
  jwt: ['attestors', 'outbound'],
  signing: ['attestors', 'jwt', 'outbound', 'store'],
  challenge: ['attestors', 'store'],
  store: [],
  outbound: ['attestors'],
  workload: ['attestors'],
  attestors: ['errors'],
};

/** Files that any room of src may import, because they import nothing but each other. */
const leaves = new Set([
  'errors',
  'addresses',
  'batch',
  'bucket',
  'bearer',
  'deadline',
  'file-version',
  'linear-pattern',
  'nearest',
  'outages',
  'requests-in-flight',
  'summary',
  'text',
  'version',
  'watched-files',
]);

describe('architecture', () => {
  it('finds the source', () => assert.ok(files.length > 30 && imports.length > 100));

  it('every import between rooms is one that the design allows', () => {
    const wrong = imports.filter(({ from, to }) => {
      if (!to.startsWith('src/') && !to.startsWith('attestors/')) return false;
      const [room, other] = [roomOf(from), roomOf(to)];
      const leaf = room !== 'attestors' && leaves.has(other);
      return room !== other && !leaf && !(may[room] ?? []).includes(other);
    });
    assert.deepEqual(wrong, []);
  });

  it('no import leaves the project', () => {
    const wrong = imports.filter(
      ({ to }) => to.startsWith('..') || to.startsWith('test/') || to.startsWith('examples/'),
    );
    assert.deepEqual(wrong, []);
  });

  it('the black-box suite and the service share nothing', () => {
    const suite = readdirSync(join(root, 'conformance'), { recursive: true })
      .map((file) => join('conformance', String(file)))
      .filter((file) => file.endsWith('.ts'));
    assert.ok(suite.length > 20);
    const isOurs = (to: string) => to.startsWith('..') || to.endsWith('.ts');
    const leaving = suite
      .flatMap((file) => importsOf(file))
      .filter(({ to }) => isOurs(to) && !to.startsWith('conformance/'));
    assert.deepEqual(leaving, []);
    assert.deepEqual(
      imports.filter(({ to }) => to.startsWith('conformance/')),
      [],
    );
  });

  it('there is no circle, of types neither', () => {
    const graph = new Map(files.map((file) => [file, imports.filter((one) => one.from === file).map((one) => one.to)]));
    const state = new Map<string, 'open' | 'done'>();
    const circles: string[] = [];
    const visit = (file: string, path: readonly string[]): void => {
      if (state.get(file) === 'open') circles.push([...path, file].join(' → '));
      if (state.has(file)) return;
      state.set(file, 'open');
      for (const next of graph.get(file) ?? []) visit(next, [...path, file]);
      state.set(file, 'done');
    };
    for (const file of files) visit(file, []);
    assert.deepEqual(circles, []);
  });

  it('only the way out, the clients of Kubernetes and AWS KMS, doctors of clouds and what runs in a workload reach the network', () => {
    const allowed = [
      'attestors/aws/doctor.ts',
      'attestors/azure/metadata.ts',
      'attestors/kubernetes/connection.ts',
      'src/config/',
      'src/listener.ts',
      'src/outbound',
      'src/signing/aws-kms.ts',
      'src/tls/',
      'src/workload/',
    ];
    assert.deepEqual(
      files.filter((file) => waysOut(file).length > 0 && !allowed.some((prefix) => file.startsWith(prefix))),
      [],
    );
  });

  it('knows each way to the network, and what is none', () => {
    for (const [text, ways] of [
      ["import { connect, isIP } from 'node:net';", ['net']],
      ["import net from 'net';", ['net']],
      ["import * as net from 'node:net';", ['net']],
      ["import { connect as isIP } from 'node:net';", ['net']],
      ["export { createConnection } from 'node:net';", ['net']],
      ["export * from 'node:net';", ['net']],
      ["const { connect } = await import('node:net');", ['net']],
      ["import 'node:http2';", ['http2']],
      ["import { request } from 'node:https';", ['https']],
      ['await fetch(url);', ['fetch']],
      ['await globalThis.fetch(url);', ['fetch']],
      ['const get = fetch;', ['fetch']],
      ['new WebSocket(url);', ['WebSocket']],
      ["import { BlockList, isIP, type LookupFunction } from 'node:net';", []],
      ["import type { Socket } from 'node:net';", []],
      ["import { rootCertificates } from 'node:tls';", []],
      ["import { connect, rootCertificates } from 'node:tls';", ['tls']],
      ["import { isIP } from 'node:tls';", ['tls']],
    ] as const) {
      assert.deepEqual(waysOut('src/any.ts', text), ways, text);
    }
  });

  it('only main reads argv and the environment', () => {
    const readers = files.filter((file) => /process\.(argv|env)\b/.test(textOf(file)));
    assert.deepEqual(readers, ['src/main.ts']);
  });

  it('Koa stays in app.ts', () => {
    assert.deepEqual([...new Set(imports.filter(({ to }) => to === 'koa').map(({ from }) => from))], ['src/app.ts']);
  });
});
