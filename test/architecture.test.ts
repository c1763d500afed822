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
}

function importsOf(file: string): Import[] {
  const source = ts.createSourceFile(file, readFileSync(join(root, file), 'utf8'), ts.ScriptTarget.ESNext, true);
  const found: Import[] = [];
  const add = (specifier: string, typeOnly: boolean) => {
    const to = specifier.startsWith('.')
      ? relative(root, resolve(root, dirname(file), specifier)).replace(/\.js$/, '.ts')
      : specifier;
    found.push({ from: file, to, typeOnly });
  };
  const visit = (node: ts.Node): void => {
    if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier !== undefined) {
      const typeOnly = ts.isImportDeclaration(node) ? node.importClause?.isTypeOnly === true : node.isTypeOnly;
      add((node.moduleSpecifier as ts.StringLiteral).text, typeOnly);
    }
    if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [argument] = node.arguments;
      if (argument !== undefined && ts.isStringLiteral(argument)) add(argument.text, false);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

const imports = files.flatMap(importsOf);
const roomOf = (file: string) =>
  file.startsWith('attestors/') ? 'attestors' : (file.split('/')[1] ?? '').replace(/\.ts$/, '');

/** Each room, and the rooms that it may import from. */
const may: Readonly<Record<string, readonly string[]>> = {
  main: ['config', 'server', 'policy'],
  server: ['app', 'attestor-host', 'attestors', 'audit', 'config', 'exchange', 'outbound', 'signing', 'store'],
  app: ['endpoints', 'exchange', 'signing'],
  'attestor-host': ['attestors', 'jwt', 'outbound'],
  endpoints: ['exchange', 'signing'],
  exchange: ['attestors', 'audit', 'jwt', 'policy', 'signing', 'store'],
  config: ['attestors', 'policy', 'signing'],
  policy: ['attestors', 'audit', 'signing'],
  audit: ['policy'],
  jwt: ['attestors', 'outbound'],
  signing: ['store'],
  store: [],
  outbound: [],
  attestors: [],
};

/** Files that any room may import, because they import nothing but each other. */
const leaves = new Set(['errors', 'addresses', 'deadline', 'nearest', 'text']);

describe('architecture', () => {
  it('finds the source', () => assert.ok(files.length > 30 && imports.length > 100));

  it('every import between rooms is one that the design allows', () => {
    const wrong = imports.filter(({ from, to }) => {
      if (!to.startsWith('src/') && !to.startsWith('attestors/')) return false;
      const [room, other] = [roomOf(from), roomOf(to)];
      return room !== other && !leaves.has(other) && !(may[room] ?? []).includes(other);
    });
    assert.deepEqual(wrong, []);
  });

  it('no import leaves the project', () => {
    const wrong = imports.filter(
      ({ to }) => to.startsWith('..') || to.startsWith('test/') || to.startsWith('examples/'),
    );
    assert.deepEqual(wrong, []);
  });

  it('there is no circle', () => {
    const graph = new Map(
      files.map((file) => [file, imports.filter((one) => one.from === file && !one.typeOnly).map((one) => one.to)]),
    );
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

  it('only the way out and the Kubernetes client reach the network', () => {
    const clients = new Set([
      'undici',
      'node:http',
      'node:https',
      'node:tls',
      'node:dns',
      'node:dns/promises',
      '@kubernetes/client-node',
    ]);
    const users = new Set(imports.filter(({ to, typeOnly }) => clients.has(to) && !typeOnly).map(({ from }) => from));
    const allowed = ['attestors/kubernetes/api.ts', 'src/config/', 'src/outbound', 'src/server.ts'];
    assert.deepEqual(
      [...users].filter((file) => !allowed.some((prefix) => file.startsWith(prefix))),
      [],
    );
  });

  it('only main reads argv, and nothing reads the environment', () => {
    const readers = files.filter((file) => /process\.(argv|env)\b/.test(readFileSync(join(root, file), 'utf8')));
    assert.deepEqual(readers, []);
  });

  it('Koa stays in app.ts', () => {
    assert.deepEqual([...new Set(imports.filter(({ to }) => to === 'koa').map(({ from }) => from))], ['src/app.ts']);
  });
});
