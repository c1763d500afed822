/** `counterseal doctor` and `counterseal cluster add`, as processes of their own. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { type FakeApi, ownToken, send, startFakeApi } from './attestors/kubernetes/fake-api.js';
import { clusterUrl, sharedCluster } from './attestors/kubernetes/fixture.js';
import { finish } from './support/command-line.js';
import { attestorsOnly } from './support/configuration.js';
import { issuer } from './support/service.js';

describe('the command line: doctor and cluster add', function () {
  this.timeout(30_000);
  let folder = '';
  let api: FakeApi;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'counterseal-main-'));
    await writeFile(join(folder, 'jwks.json'), JSON.stringify((await sharedCluster()).jwks()));
    api = await startFakeApi(await sharedCluster());
  });
  after(async () => {
    await api.close();
    await rm(folder, { recursive: true, force: true });
  });

  /** @param attestors YAML under `attestors:` */
  async function configuration(attestors: string): Promise<string> {
    const file = join(folder, 'counterseal.yaml');
    await writeFile(file, attestorsOnly(attestors));
    return file;
  }

  const west = (keys = 'jwks.json') => `
  west: { type: kubernetes, issuer: "https://west.example", keys: { jwksFile: ${keys} } }
`;

  /** An API server on which all is well, but for what is said. @param issuerFound by discovery */
  function play(issuerFound: string, listStatus = 200) {
    api.answer(async (response, { method, url }) => {
      if (url === '/openid/v1/jwks') return send(response, 200, (await sharedCluster()).jwks());
      if (url === '/.well-known/openid-configuration') return send(response, 200, { issuer: issuerFound });
      if (url?.endsWith('/selfsubjectreviews')) {
        return send(response, 201, { status: { userInfo: { username: 'a\u001b[31mb' } } });
      }
      if (url?.endsWith('/selfsubjectaccessreviews')) return send(response, 201, { status: { allowed: true } });
      if (url?.endsWith('/tokenreviews') && method === 'POST') return send(response, 201, { status: {} });
      if (url?.startsWith('/api/v1/pods')) return send(response, listStatus, nothing(url.includes('watch=1')));
      return send(response, 404, {});
    });
  }

  const nothing = (isWatch: boolean) => {
    const metadata = { resourceVersion: '1' };
    return isWatch ? { type: 'BOOKMARK', object: { metadata } } : { metadata, items: [] };
  };

  describe('doctor', () => {
    it('exit 0 when no step failed; a step is a line, its control characters written out', async () => {
      play(clusterUrl);
      const config = await configuration(`${west()}
  east: { type: kubernetes, issuer: "${clusterUrl}", api: { kubeconfig: "${api.kubeconfig}" }, review: true }
`);
      const { code, stdout, stderr } = await finish('doctor', 'kubernetes', '--config', config);
      assert.deepEqual([code, stderr], [0, '']);
      const [first, ...lines] = stdout.split('\n');
      assert.equal(first, 'west (kubernetes)');
      assert.equal(lines[2], '  ok       keys: 1 usable key from jwks.json');
      assert.equal(lines[4], '  skipped  TokenReview (the attestor has no api)');
      assert.equal(lines[7], 'east (kubernetes)');
      assert.match(
        lines[8] ?? '',
        /^ {2}ok {7}connection: the API server of \S+kubeconfig knows us as a\\u001b\[31mb$/,
      );
      assert.ok(!stdout.includes('FAILED') && !stdout.includes(ownToken));
    });

    it('exit 1 when one failed, with the fix below it; only the attestor that is named', async () => {
      const config = await configuration(
        `${west('none.json')}  other: { type: kubernetes, issuer: "https://o.example", keys: { jwksFile: jwks.json } }\n`,
      );
      const { code, stdout, stderr } = await finish('doctor', 'kubernetes', 'west', '--config', config);
      assert.deepEqual([code, stderr], [1, '']);
      assert.match(
        stdout,
        /^ {2}FAILED {3}keys: no keys from none\.json: .*ENOENT.*\n {9} {2}fix: write the cluster's keys/m,
      );
      assert.ok(!stdout.includes('other'));
      const well = await finish('doctor', 'kubernetes', 'other', '--config', config);
      assert.equal(well.code, 0);
    });

    for (const [what, words, ...args] of [
      ['no attestor of the type', /has no attestor of type oidc/, 'oidc'],
      [
        'no attestor of the name',
        /has no attestor east of type kubernetes; of this type it has west/,
        'kubernetes',
        'east',
      ],
    ] as const) {
      it(`${what}: exit 1 and what there is`, async () => {
        const config = await configuration(west());
        const { code, stdout, stderr } = await finish('doctor', ...args, '--config', config);
        assert.deepEqual([code, stdout], [1, '']);
        assert.match(stderr, words);
      });
    }
  });

  describe('cluster add', () => {
    it('prints a block for a kubeconfig: with what is there already it is a valid configuration', async () => {
      play(clusterUrl);
      const config = await configuration(west());
      const args = ['--kubeconfig', api.kubeconfig, '--audience', 'counterseal-east', '--config', config];
      const { code, stdout, stderr } = await finish('cluster', 'add', 'east', ...args);
      assert.equal(code, 0, stderr);
      assert.deepEqual(parse(stdout), {
        east: {
          type: 'kubernetes',
          issuer: clusterUrl,
          audience: 'counterseal-east',
          api: { kubeconfig: api.kubeconfig },
          live: {},
        },
      });
      assert.match(
        stderr,
        /note: many clusters have the issuer https:\/\/kubernetes\.default\.svc: .* different audiences/,
      );
      assert.match(stderr, /ok {7}watch/);
      assert.ok(!`${stdout}${stderr}`.includes(ownToken));
      await writeFile(config, `${await readFile(config, 'utf8')}${stdout}`);
      assert.equal((await finish('check', '--config', config)).code, 0);
    });

    it('prints a block for an issuer and a key file, and says what there is not', async () => {
      const keys = join(folder, 'jwks.json');
      const args = ['--issuer', 'https://oidc.example', '--jwks-file', keys];
      const { code, stdout, stderr } = await finish('cluster', 'add', 'far', ...args);
      assert.equal(code, 0, stderr);
      assert.deepEqual(parse(stdout), {
        far: { type: 'kubernetes', issuer: 'https://oidc.example', keys: { jwksFile: keys } },
      });
      assert.match(stderr, /^counterseal: ok {7}keys: 1 usable key/m);
      assert.match(stderr, /no live facts: the token of a deleted pod is accepted until it expires/);
      assert.ok(!stderr.includes('skipped') && !stderr.includes('different audiences'));
    });

    it('prints nothing on stdout when a check fails, and the fix on stderr', async () => {
      const failures: [string[], RegExp][] = [
        [['--issuer', clusterUrl, '--jwks-file', join(folder, 'none')], /fix: write the cluster's keys there/],
        [['--issuer', clusterUrl, '--jwks-uri', `http://10.0.0.1/jwks`], /keys\.jwksUri: .*http only on loopback/],
        [['--issuer', clusterUrl, '--jwks-uri', 'http://127.0.0.1:1/jwks'], /ECONNREFUSED[\s\S]*fix: make http/],
        [
          ['--kubeconfig', join(folder, 'none')],
          /FAILED {3}discovery: .*none cannot be read[\s\S]*fix: [\s\S]*issuer of the cluster/,
        ],
      ];
      for (const [args, words] of failures) {
        const { code, stdout, stderr } = await finish('cluster', 'add', 'far', ...args);
        assert.deepEqual([code, stdout], [1, ''], args.join(' '));
        assert.match(stderr, words);
      }
    });

    it('a watch that is refused fails the check of a kubeconfig', async () => {
      play(clusterUrl, 403);
      const { code, stdout, stderr } = await finish('cluster', 'add', 'east', '--kubeconfig', api.kubeconfig);
      assert.deepEqual([code, stdout], [1, '']);
      assert.match(stderr, /FAILED {3}watch: .*403[\s\S]*east would not work yet/);
    });

    it('refuses what would collide with the attestors of the configuration', async () => {
      const config = await configuration(west());
      const keys = ['--jwks-file', join(folder, 'jwks.json'), '--config', config];
      for (const [name, url, words] of [
        [
          'east',
          'https://west.example',
          /attestors\.west accepts issuer https:\/\/west\.example with audience .*an audience of its own/,
        ],
        ['west', 'https://east.example', /has an attestor west: choose another name/],
        ['a b', 'https://east.example', /"a b" cannot be the name/],
        ['east', issuer, /audience: tokens for .* are made for another service/],
      ] as const) {
        const { code, stdout, stderr } = await finish('cluster', 'add', name, '--issuer', url, ...keys);
        assert.deepEqual([code, stdout], [1, ''], name);
        assert.match(stderr, words);
      }
      const shared = ['--issuer', 'https://west.example', '--audience', 'counterseal-east', ...keys];
      assert.equal((await finish('cluster', 'add', 'east', ...shared)).code, 0);
    });
  });
});
