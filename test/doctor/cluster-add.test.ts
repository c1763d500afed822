import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { addCluster, type ClusterOptions } from '../../src/doctor/cluster-add.js';
import { renderFinding } from '../../src/doctor/doctor.js';
import { clusterUrl, sharedCluster } from '../attestors/kubernetes/fixture.js';
import { startUpstream } from '../support/upstream.js';

describe('cluster add', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'counterseal-add-'));
    await writeFile(join(folder, 'jwks.json'), JSON.stringify((await sharedCluster()).jwks()));
  });
  after(() => rm(folder, { recursive: true }));

  it('says which options go together', async () => {
    const wrong: ClusterOptions[] = [
      {},
      { issuer: clusterUrl },
      { jwksFile: 'x' },
      { issuer: clusterUrl, jwksFile: 'x', jwksUri: 'https://x.example' },
      { kubeconfig: 'x', inCluster: true },
      { kubeconfig: 'x', issuer: clusterUrl },
      { inCluster: true, jwksFile: 'x' },
    ];
    for (const options of wrong) {
      await assert.rejects(
        addCluster('east', options, undefined, () => {}),
        /^Error: say which cluster: --kubeconfig FILE, or --in-cluster, or --issuer URL with one of/,
        JSON.stringify(options),
      );
    }
  });

  it('loads the keys of a URL by the only way out, and leaves the default audience out', async () => {
    const keys = JSON.stringify((await sharedCluster()).jwks());
    const upstream = await startUpstream((_request, response) => response.end(keys));
    const jwksUri = `http://127.0.0.1:${upstream.port}/jwks`;
    const block = await addCluster('far', { issuer: 'https://oidc.example', jwksUri }, undefined, () => {});
    await upstream.close();
    assert.deepEqual(parse(block), {
      far: { type: 'kubernetes', issuer: 'https://oidc.example', keys: { jwksUri } },
    });
  });

  it('every common issuer has the note, another has not', async () => {
    for (const [issuer, expected] of [
      ['https://kubernetes.default', true],
      ['https://kubernetes.default.svc', true],
      ['https://kubernetes.default.svc.cluster.local', true],
      ['https://kubernetes.default.svc.example.com', false],
      ['https://oidc.example/kubernetes.default.svc', false],
    ] as const) {
      const told: string[] = [];
      await addCluster('far', { issuer, jwksFile: join(folder, 'jwks.json') }, undefined, (line) => told.push(line));
      assert.equal(
        told.some((line) => /note: many clusters have the issuer .* need different audiences/.test(line)),
        expected,
        issuer,
      );
    }
  });
});

describe('a finding as it is printed', () => {
  it('has one line, and one for the fix', () => {
    assert.deepEqual(renderFinding({ step: 'keys', outcome: 'ok', message: 'two' }), ['ok       keys: two']);
    assert.deepEqual(renderFinding({ step: 'keys', outcome: 'skipped', message: 'no api' }), [
      'skipped  keys (no api)',
    ]);
    assert.deepEqual(renderFinding({ step: 'keys', outcome: 'failed', message: 'none', fix: 'make some' }), [
      'FAILED   keys: none',
      '         fix: make some',
    ]);
  });

  it('lets neither a token through, nor what a terminal acts on', () => {
    const token = `eyJhbGciOiJSUzI1NiJ9.${'e30x'.repeat(9)}.c2ln`;
    const message = `seen ${token}\n\u001b[2Jok       keys`;
    const [line] = renderFinding({ step: 'keys', outcome: 'ok', message });
    assert.equal(line, 'ok       keys: seen [token]\\u000a\\u001b[2Jok       keys');
  });
});
