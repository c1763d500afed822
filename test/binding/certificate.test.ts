/** Tokens bound to certificates (RFC 8705 §3): on our own TLS, and behind a proxy that says what it saw. */
import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { request } from 'node:https';
import { connect, type TLSSocket } from 'node:tls';
import type { Issued } from '../attestors/cms/pki.js';
import { clientKey, makeProof } from '../support/proof.js';
import {
  calendar,
  claimsOf,
  grantType,
  issuer,
  jwtType,
  send,
  startService,
  type TestService,
} from '../support/service.js';
import { authority, certificate, keyOf, mountFiles } from '../tls/certificates.js';

const thumbprint = ({ der }: Issued) => hash('sha256', der, 'base64url');
const workload = '{ attestor: prod-eu, selectors: ["k8s:ns:agents"] }';
const rules = `
  reader: { workload: ${workload}, grant: { resource: "${calendar}", scope: [read:calendar] } }
  writer: { workload: ${workload}, grant: { resource: "${calendar}", scope: [write:events], binding: mtls } }`;

describe('a token bound to a certificate', () => {
  let service: TestService;
  let client: Issued;
  const header = () => ({ 'Client-Cert': `:${client.der.toString('base64')}:` });
  before(async () => {
    client = await certificate('client');
    const listen = '{ port: 0, trustedProxies: [127.0.0.0/8], clientCertificateHeader: Client-Cert }';
    service = await startService({ rules, listen, earlierStore: true });
  });
  after(() => service.close());

  it('is issued behind a trusted proxy, where a rule asks for it', async () => {
    const { status, body } = await service.exchange({}, header());
    assert.deepEqual([status, body.token_type, body.scope], [200, 'Bearer', 'read:calendar write:events']);
    assert.deepEqual(claimsOf(body.access_token).cnf, { 'x5t#S256': thumbprint(client) });
    const { facts, granted } = await service.lastRecord();
    assert.deepEqual([facts?.binding, granted?.binding], Array(2).fill({ mtls: thumbprint(client) }));
  });

  it('is bound to both where there is a proof too', async () => {
    const key = clientKey();
    const { body } = await service.exchange({}, { ...header(), DPoP: makeProof(key, `${issuer}/token`) });
    assert.equal(body.token_type, 'DPoP');
    assert.deepEqual(Object.keys(claimsOf(body.access_token).cnf as object), ['jkt', 'x5t#S256']);
  });

  it('is told as invalid_client where nothing is granted without', async () => {
    const { status, body } = await service.exchange({ scope: 'write:events' });
    assert.deepEqual([status, body.error], [401, 'invalid_client']);
    assert.equal((await service.lastRecord()).reason, 'binding_missing');
  });

  it('is refused where the header is no certificate, came twice, or has more than one', async () => {
    const { 'Client-Cert': good } = header();
    const trailing = Buffer.concat([client.der, Buffer.from([0])]).toString('base64');
    for (const value of [`${good}, ${good}`, ':AAAA:', `:${trailing}:`, encodeURIComponent(client.pem), 'x']) {
      const { status, body } = await service.exchange({}, { 'Client-Cert': value });
      assert.deepEqual([status, body.error], [400, 'invalid_request']);
      assert.equal((await service.lastRecord()).reason, 'client_certificate_unreadable');
    }
  });

  it('is in the metadata', async () => {
    const { body } = await send(`${service.url}/.well-known/oauth-authorization-server`, {});
    assert.equal(body.tls_client_certificate_bound_access_tokens, true);
  });
});

describe('a token bound to a certificate, on our own TLS', () => {
  let service: TestService;
  let [root, own, clientCa, client]: Issued[] = [];
  before(async () => {
    [root, clientCa] = [await authority('root'), await authority('clients')];
    own = await certificate('own', { by: root });
    client = await certificate('client', { by: clientCa });
    const [server, authorities] = [own, clientCa];
    service = await startService({
      rules,
      earlierStore: true,
      listen:
        '{ port: 0, tls: { cert: { file: tls/tls.crt }, key: { file: tls/tls.key }, clientCa: { file: tls/ca.crt } } }',
      prepare: (folder) =>
        mountFiles(`${folder}/tls`, { 'tls.crt': server.pem, 'tls.key': keyOf(server), 'ca.crt': authorities.pem }),
    });
  });
  after(() => service.close());

  const options = () => {
    assert.ok(root && client);
    return { servername: 'sts.test', ca: root.pem, cert: client.pem, key: keyOf(client) };
  };

  /** @param session of an earlier connection */
  async function exchange(headers: Record<string, string> = {}, session?: Buffer) {
    const { port } = new URL(service.url);
    let ticket: Buffer | undefined;
    const socket: TLSSocket = connect({ host: '127.0.0.1', port: Number(port), ...options(), session });
    socket.on('session', (given) => {
      ticket = given;
    });
    const form = new URLSearchParams({
      grant_type: grantType,
      subject_token_type: jwtType,
      subject_token: await service.token(),
      resource: calendar,
    }).toString();
    const text = await new Promise<string>((resolve, reject) => {
      const req = request(
        {
          method: 'POST',
          path: '/token',
          createConnection: () => socket,
          headers: { ...headers, 'Content-Type': 'application/x-www-form-urlencoded', 'Content-Length': form.length },
        },
        (res) => {
          let body = '';
          res.setEncoding('utf8').on('data', (part: string) => {
            body += part;
          });
          res.on('end', () => resolve(body));
        },
      );
      req.on('error', reject);
      req.end(form);
    });
    const reused = socket.isSessionReused();
    socket.destroy();
    return { body: JSON.parse(text) as Record<string, unknown>, ticket, reused };
  }

  it('is issued to the certificate of the connection, whatever the header says', async () => {
    assert.ok(client && own);
    const { body } = await exchange({ 'Client-Cert': `:${own.der.toString('base64')}:` });
    assert.equal(body.scope, 'read:calendar write:events');
    assert.deepEqual(claimsOf(body.access_token).cnf, { 'x5t#S256': thumbprint(client) });
  });

  it('is the same in a session that is resumed', async () => {
    assert.ok(client);
    const { ticket } = await exchange();
    const { body, reused } = await exchange({}, ticket);
    assert.equal(reused, true);
    assert.deepEqual(claimsOf(body.access_token).cnf, { 'x5t#S256': thumbprint(client) });
  });
});
