import assert from 'node:assert/strict';
import { send, startService } from '../support/service.js';
import { certificate, keyOf, mountFiles } from './certificates.js';

describe('listen.tls in the service', () => {
  it('has an https URL, and /readyz tells when its certificate ends; the health listener stays plain', async () => {
    const own = await certificate('own');
    const service = await startService({
      listen: '{ port: 0, tls: { cert: { file: tls/tls.crt }, key: { file: tls/tls.key } } }',
      prepare: (folder) => mountFiles(`${folder}/tls`, { 'tls.crt': own.pem, 'tls.key': keyOf(own) }),
    });
    assert.match(service.url, /^https:/);
    assert.match(service.healthUrl, /^http:/);
    const { status, body } = await send(`${service.healthUrl}/readyz`, {});
    const ends = own.certificate.notAfter.value.toISOString();
    assert.deepEqual([status, body.tls], [200, { not_after: ends, refused: false }]);
    await service.close();
  });
});
