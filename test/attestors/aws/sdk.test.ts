/** The local STS against AWS's own client: what one takes for a request, an answer and an error, the other does too. */
import assert from 'node:assert/strict';
import { GetCallerIdentityCommand, GetWebIdentityTokenCommand, STSClient } from '@aws-sdk/client-sts';
import { account } from './fixture.js';
import { bodyOfRequest, region, sessionOf } from './signing.js';
import { type Session, type Sts, startSts } from './sts-server.js';

describe('aws: the local STS', () => {
  const session = sessionOf(account, 'worker');
  let sts: Sts;
  before(async () => {
    sts = await startSts(() => Date.now() / 1000, [session]);
  });
  after(() => sts.close());

  async function send(credentials: Session, command: GetCallerIdentityCommand | GetWebIdentityTokenCommand) {
    const client = new STSClient({ region, endpoint: sts.url, maxAttempts: 1, credentials: { ...credentials } });
    try {
      return await (command instanceof GetCallerIdentityCommand ? client.send(command) : client.send(command));
    } finally {
      client.destroy();
    }
  }
  const tokenFor = (audience: string) =>
    new GetWebIdentityTokenCommand({ Audience: [audience], SigningAlgorithm: 'ES384', DurationSeconds: 60 });

  it('answers the SDK, whose body is byte for byte the one that evidence has to have', async () => {
    const { $metadata: _, ...identity } = await send(session, new GetCallerIdentityCommand({}));
    assert.deepEqual(identity, session.identity);
    assert.equal(sts.received.at(-1)?.body, bodyOfRequest);
  });

  it('gives the token of web identity, or the error of an account that has it turned off', async () => {
    await assert.rejects(send(session, tokenFor('x')), { name: 'OutboundWebIdentityFederationDisabledException' });
    sts.webIdentity = (audience) => `token for ${audience}`;
    const answer = await send(session, tokenFor('https://sts.example.com'));
    assert.ok('WebIdentityToken' in answer && answer.WebIdentityToken === 'token for https://sts.example.com');
  });

  it('refuses the SDK’s signature with another secret, token or key', async () => {
    const command = new GetCallerIdentityCommand({});
    await assert.rejects(send({ ...session, secretAccessKey: 'guess' }, command), { name: 'SignatureDoesNotMatch' });
    await assert.rejects(send({ ...session, sessionToken: 'x' }, command), { name: 'InvalidClientTokenId' });
    await assert.rejects(send({ ...session, accessKeyId: 'ASIAX' }, command), { name: 'InvalidClientTokenId' });
  });
});
