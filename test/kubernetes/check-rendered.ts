/**
 * `counterseal check` of what `helm template` rendered, as the init container runs it: its files in a folder, in the place of its mounts.
 * Usage: check-rendered.ts RENDERED-FILE; ends as `counterseal check` does.
 */
import { spawnSync } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { mmdb } from '../support/mmdb.js';
import { authority, certificate, keyOf } from '../tls/certificates.js';

type Files = Readonly<Record<string, string | Buffer>>;

interface Source {
  readonly name?: string;
  readonly secretName?: string;
  readonly items?: readonly { readonly key: string; readonly path: string }[];
}
interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly data?: Readonly<Record<string, string>>;
  readonly spec: {
    readonly template: {
      readonly spec: {
        readonly volumes: readonly { readonly name: string; readonly configMap?: Source; readonly secret?: Source }[];
        readonly initContainers: readonly {
          readonly args: readonly string[];
          readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
        }[];
      };
    };
  };
}

const root = mkdtempSync(join(tmpdir(), 'counterseal-rendered-'));
try {
  process.exitCode = check(readFileSync(String(process.argv[2]), 'utf8'), await brought());
} finally {
  rmSync(root, { recursive: true });
}

function check(rendered: string, brought: Readonly<Record<string, Files>>): number {
  const manifests = parseAllDocuments(rendered)
    .map((document) => document.toJS() as Manifest | null)
    .filter((manifest) => manifest !== null);
  const objects = { ...brought, ...Object.fromEntries(manifests.flatMap(filesOf)) };
  const deployment = manifests.find(({ kind }) => kind === 'Deployment');
  const container = deployment?.spec.template.spec.initContainers[0];
  if (deployment === undefined || container === undefined) throw new Error('no init container was rendered');
  for (const { name, mountPath } of container.volumeMounts) {
    const volume = deployment.spec.template.spec.volumes.find((each) => each.name === name);
    mount(mountPath, volume?.configMap ?? volume?.secret, objects);
  }
  const moved = movedBelow(container.volumeMounts.map(({ mountPath }) => mountPath));
  const config = moved('/etc/counterseal/config/counterseal.yaml');
  writeFileSync(config, moved(readFileSync(config, 'utf8')));
  const args = container.args.map(moved);
  return spawnSync(process.execPath, ['bin/counterseal.js', ...args], { stdio: 'inherit' }).status ?? 1;
}

/** Absolute paths that lead to a mount are led into our folder; others stay, and nothing is there. */
function movedBelow(mountPaths: readonly string[]): (text: string) => string {
  const paths = new RegExp(`(?<![^\\s"'])(?=(?:${mountPaths.join('|')})(?![\\w.-]))`, 'g');
  return (text) => text.replace(paths, root);
}

function filesOf({ kind, metadata, data = {} }: Manifest): [string, Files][] {
  if (kind === 'ConfigMap') return [[metadata.name, data]];
  if (kind !== 'Secret') return [];
  const decoded = Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64')] as const);
  return [[metadata.name, Object.fromEntries(decoded)]];
}

/** Of what is neither a ConfigMap nor a Secret, there is an empty folder. */
function mount(mountPath: string, source: Source | undefined, objects: Readonly<Record<string, Files>>): void {
  mkdirSync(join(root, mountPath), { recursive: true });
  if (source === undefined) return;
  const name = source.name ?? source.secretName ?? '';
  const files = objects[name];
  if (files === undefined)
    throw new Error(`${name} is mounted at ${mountPath}: neither the chart nor this test makes it`);
  const items = source.items ?? Object.keys(files).map((key) => ({ key, path: key }));
  for (const { key, path } of items) {
    const content = files[key];
    if (content === undefined) throw new Error(`${name} is mounted at ${mountPath}, and has no ${key}`);
    writeFileSync(join(root, mountPath, path), content);
  }
}

/** Secrets and ConfigMaps that deploy/helm/ci/*.yaml expect of whoever installs. */
async function brought(): Promise<Record<string, Files>> {
  const own = await certificate('sts.example.com');
  const ca = { 'ca.crt': (await authority('authority')).pem };
  const pair = { ...ca, 'tls.crt': own.pem, 'tls.key': keyOf(own) };
  const firstKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const masterKey = () => randomBytes(32).toString('base64');
  const x = randomBytes(32).toString('base64url');
  return {
    'sts-tls': pair,
    'counterseal-tls': pair,
    'redis-tls': pair,
    clients: ca,
    'company-ca': ca,
    'my-keys': {
      'master-key': masterKey(),
      'previous-master-key': masterKey(),
      'first-key.pem': firstKey.export({ type: 'pkcs8', format: 'pem' }),
    },
    'redis-password': { password: 'only-for-tests' },
    redis: { 'redis-password': 'only-for-tests', 'sentinel-password': 'only-for-tests' },
    rules: { 'rules.yaml': 'resources: {}\nrules: {}\n' },
    geo: { 'countries.mmdb': mmdb({ '203.0.113.0/24': { country: { iso_code: 'DE' } } }) },
    clusters: { 'east.json': JSON.stringify({ keys: [{ kty: 'OKP', crv: 'Ed25519', kid: 'east', x }] }) },
  };
}
