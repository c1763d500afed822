import assert from 'node:assert/strict';
import { permissionName, permissions } from '../../../attestors/kubernetes/permissions.js';
import { documentedRole } from '../../cluster/cluster.js';

const names = (options: Parameters<typeof permissions>[0]) => permissions(options).map(permissionName);

describe('kubernetes permissions', () => {
  const reviews = 'create tokenreviews.authentication.k8s.io';
  const objects = ['pods', 'nodes', 'namespaces', 'serviceaccounts'].flatMap((resource) =>
    ['get', 'list', 'watch'].map((verb) => `${verb} ${resource}`),
  );

  it('without api there is nobody to ask', () => {
    assert.deepEqual(names({ keys: { jwksFile: 'jwks.json' }, review: false }), []);
  });

  it('keys are read where they come from the API server, said or not', () => {
    for (const keys of [undefined, { from: 'api' }]) {
      assert.deepEqual(names({ api: 'in-cluster', keys, review: false }), ['get /openid/v1/jwks']);
    }
    for (const keys of [{ jwksFile: 'jwks.json' }, { jwksUri: 'https://keys.example' }]) {
      assert.deepEqual(names({ api: 'in-cluster', keys, review: false }), []);
    }
  });

  it('reviews are made where the options ask for them, of stale facts too', () => {
    const keys = { jwksFile: 'jwks.json' };
    assert.deepEqual(names({ api: 'in-cluster', keys, review: true }), [reviews]);
    const stale = names({ api: 'in-cluster', keys, review: false, live: { stale: 'review' } });
    assert.deepEqual(stale, [reviews, ...objects]);
  });

  it('live facts are read, listed and watched', () => {
    const keys = { jwksFile: 'jwks.json' };
    assert.deepEqual(names({ api: 'in-cluster', keys, review: false, live: { stale: 'deny' } }), objects);
  });

  it('all of them together are the role of the attestor’s page', async () => {
    const role = (await documentedRole()).flatMap(({ verbs, resources = [], apiGroups = [], nonResourceURLs = [] }) =>
      verbs.flatMap((verb) => [
        ...nonResourceURLs.map((path) => `${verb} ${path}`),
        ...resources.map((resource) => `${verb} ${[resource, ...apiGroups].filter((part) => part !== '').join('.')}`),
      ]),
    );
    const all = names({ api: 'in-cluster', review: true, live: { stale: 'review' } });
    assert.deepEqual(role.sort(), [...all].sort());
  });
});
