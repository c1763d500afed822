import assert from 'node:assert/strict';
import { outputs } from '../../src/workload/output.js';

const issued = { accessToken: 'granted-token', expiresAt: 1_800_000_000 };

describe('what counterseal token prints', () => {
  it('is the token, or the header', () => {
    assert.equal(outputs.token(issued), 'granted-token');
    assert.equal(outputs.header(issued), 'Authorization: Bearer granted-token');
  });

  it('is the response that Google’s libraries read of an executable', () => {
    assert.deepEqual(JSON.parse(outputs['executable-response'](issued)), {
      version: 1,
      success: true,
      token_type: 'urn:ietf:params:oauth:token-type:jwt',
      id_token: 'granted-token',
      expiration_time: 1_800_000_000,
    });
  });

  it('is the credential that kubectl reads, in the version that it asks for', () => {
    const credential = (info?: string) => JSON.parse(outputs['exec-credential'](issued, info));
    assert.deepEqual(credential(), {
      apiVersion: 'client.authentication.k8s.io/v1',
      kind: 'ExecCredential',
      status: { token: 'granted-token', expirationTimestamp: '2027-01-15T08:00:00.000Z' },
    });
    const asking = (version: string) => JSON.stringify({ apiVersion: version, kind: 'ExecCredential', spec: {} });
    const beta = 'client.authentication.k8s.io/v1beta1';
    assert.equal(credential(asking(beta)).apiVersion, beta);
    assert.equal(credential(asking('example.com/v1')).apiVersion, 'client.authentication.k8s.io/v1');
  });
});
