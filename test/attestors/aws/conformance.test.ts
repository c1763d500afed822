import { aws } from '../../../attestors/aws/index.js';
import { describeAttestor } from '../../conformance/attestor.js';
import { jwtEvidence } from '../../support/attestor-host.js';
import { createFixture } from './fixture.js';

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
      'a signature of another token': jwtEvidence(
        good.slice(0, good.lastIndexOf('.')) + other.slice(other.lastIndexOf('.')),
      ),
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
