import { callerIdentityForm } from '../../../attestors/aws/caller-identity/form.js';
import { googleForm } from '../../../attestors/aws/caller-identity/google.js';
import { aws } from '../../../attestors/aws/index.js';
import { describeAttestor } from '../../conformance/attestor.js';
import { formEvidence, jwtEvidence, ourIssuer } from '../../support/attestor-host.js';
import { withSignatureOf } from '../../support/tokens.js';
import { createFixture } from './fixture.js';
import { content, inLines, instanceIdentity, makeSigners, signDocument } from './instances.js';
import { createRequesting } from './requesting.js';
import { encode, googleToken, sessionOf, stsHost } from './signing.js';

describeAttestor('aws, web identity', async () => {
  const fixture = await createFixture();
  const broken = await createFixture({ webIdentity: { keys: { jwksFile: 'missing.json' } } });
  const good = fixture.token();
  const other = fixture.token({ jti: 'other' });
  const bad = (...changes: Parameters<typeof fixture.token>) => jwtEvidence(fixture.token(...changes));
  return {
    selectorKinds: aws.selectorKinds,
    attestor: fixture.attestor,
    broken: broken.attestor,
    now: () => fixture.now,
    good: jwtEvidence(good),
    bad: {
      'a signature of another token': jwtEvidence(withSignatureOf(other, good)),
      'another audience': bad({ aud: 'https://other.example' }),
      'another issuer': bad({ iss: 'https://other.example' }),
      expired: bad({ exp: fixture.now }),
      'no subject': bad({ sub: undefined }),
      'a user': bad({ sub: 'arn:aws:iam::111122223333:user/alice' }),
      'another account': bad({}, { aws_account: '444455556666' }),
      'no account': bad({}, { aws_account: undefined }),
    },
    close: async () => {
      await fixture.close();
      await broken.close();
    },
  };
});

describeAttestor('aws, caller identity', async () => {
  const fixture = await createRequesting();
  const closed = await createRequesting();
  await closed.sts.close();
  const broken = await createRequesting({ endpoints: { [stsHost]: closed.sts.url } });
  const { session } = fixture;
  const stranger = sessionOf('444455556666', 'worker');
  fixture.sts.sessions.set(stranger.accessKeyId, stranger);
  return {
    selectorKinds: aws.selectorKinds,
    attestor: fixture.attestor,
    broken: broken.attestor,
    now: () => fixture.now,
    good: await fixture.evidence(),
    bad: {
      'a signature with another secret': await fixture.evidence({ session: { ...session, secretAccessKey: 'guess' } }),
      'another session token': await fixture.evidence({ session: { ...session, sessionToken: 'x'.repeat(99) } }),
      'an unknown key': await fixture.evidence({ session: { ...session, accessKeyId: 'ASIAUNKNOWNUNKNOWN00' } }),
      'a region that is not configured': await fixture.evidence({
        host: 'sts.us-east-1.amazonaws.com',
        region: 'us-east-1',
      }),
      'a role of another account': await fixture.evidence({ session: stranger }),
      'another audience': await fixture.evidence({ audience: 'https://other.example' }),
      'no signed audience': formEvidence(googleForm, await googleToken(session, ourIssuer)),
      'signed too long ago': await fixture.evidence({ now: fixture.now - 301 }),
      'signed in the future': await fixture.evidence({ now: fixture.now + 3600 }),
    },
    close: async () => {
      await fixture.close();
      await broken.close();
      await closed.close();
    },
  };
});

describeAttestor('aws, caller identity with an instance identity document', async () => {
  const signers = await makeSigners();
  const block = { instanceIdentity: { certificates: signers.file } };
  const fixture = await createRequesting(block);
  const closed = await createRequesting();
  await closed.sts.close();
  const broken = await createRequesting({ ...block, endpoints: { [stsHost]: closed.sts.url } });
  const { frankfurt, ohio } = signers;
  const signed = await fixture.sign();
  const beside = (member: unknown) => formEvidence(callerIdentityForm, encode({ ...signed, instanceIdentity: member }));
  return {
    selectorKinds: aws.selectorKinds,
    attestor: fixture.attestor,
    broken: broken.attestor,
    now: () => fixture.now,
    good: beside(instanceIdentity(frankfurt)),
    bad: {
      'a document of another instance': beside(
        instanceIdentity(frankfurt, { ...content(), instanceId: 'i-0fedcba9876543210' }),
      ),
      'a document of another account': beside(instanceIdentity(frankfurt, { ...content(), accountId: '444455556666' })),
      'a document of a region that is not in the file': beside(instanceIdentity(ohio)),
      'a document that another key signed': beside(instanceIdentity(ohio, content(), { names: frankfurt })),
      'a document of two signers': beside(instanceIdentity(frankfurt, content(), { signers: 2 })),
      'a document without its content': beside(inLines(signDocument(frankfurt, content(), { detached: true }))),
    },
    close: async () => {
      await fixture.close();
      await broken.close();
      await closed.close();
      await signers.close();
    },
  };
});
