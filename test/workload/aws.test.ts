/** `counterseal token` with a role of AWS: the real SDK, the real service, and an STS that verifies every signature. */
import assert from 'node:assert/strict';
import { decodeJwt } from 'jose';
import { endOf, startWith } from '../support/command-line.js';
import { type AwsStandIn, startAws } from './aws-stand-in.js';

describe('counterseal token on AWS', function () {
  this.timeout(30_000);
  let standIn: AwsStandIn;
  before(async () => {
    standIn = await startAws();
  });
  after(() => standIn.close());

  const run = (env: Readonly<Record<string, string>> = {}) => {
    const { service, resource } = standIn;
    return endOf(startWith({ ...standIn.env, ...env }, 'token', '--issuer', service.url, '--resource', resource));
  };
  const actions = () => standIn.sts.received.map(({ body }) => new URLSearchParams(body).get('Action'));

  it('shows a signed request, with a nonce, where the account has not switched federation on', async () => {
    const { code, stdout, stderr } = await run();
    assert.equal(code, 0, stderr);
    const { attestation } = decodeJwt(stdout.trim()) as { attestation: { assurance: string; instance: string } };
    assert.equal(attestation.assurance, 'medium');
    assert.match(attestation.instance, /^session:aws:/);
    // The second came from the service.
    assert.deepEqual(actions(), ['GetWebIdentityToken', 'GetCallerIdentity']);
  });

  it('shows the role’s token where it has', async () => {
    standIn.federate();
    standIn.sts.received.length = 0;
    const { code, stdout, stderr } = await run();
    assert.equal(code, 0, stderr);
    const { attestation } = decodeJwt(stdout.trim()) as { attestation: { instance: string } };
    assert.match(attestation.instance, /^role:aws:/);
    assert.deepEqual(actions(), ['GetWebIdentityToken']);
  });

  it('says what both kinds of evidence came to, when neither is accepted', async () => {
    const { code, stdout, stderr } = await run({ AWS_SECRET_ACCESS_KEY: 'of-somebody-else' });
    assert.deepEqual([code, stdout], [1, '']);
    assert.match(
      stderr,
      /aws: the evidence was not accepted\n {2}web identity: .* \(SignatureDoesNotMatch\).*\n {2}aws-caller-identity: .* answered 400: invalid_request/,
    );
    assert.ok(!stderr.includes('of-somebody-else'));
  });

  it('names the variable that is missing when no region is known', async () => {
    const { AWS_REGION: _, ...env } = standIn.env;
    const args = ['token', '--issuer', standIn.service.url, '--resource', standIn.resource];
    const { code, stderr } = await endOf(startWith({ ...env, AWS_CONFIG_FILE: '/nowhere' }, ...args));
    assert.deepEqual([code, /set AWS_REGION/.test(stderr)], [1, true], stderr);
  });
});
