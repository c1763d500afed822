import { clientSecretForm } from '../../../attestors/client/form.js';
import { client } from '../../../attestors/client/index.js';
import { describeAttestor } from '../../conformance/attestor.js';
import { formEvidence, jwtEvidence } from '../../support/attestor-host.js';
import { now as start, withSignatureOf } from '../../support/tokens.js';
import { assertion, createFixture, secret } from './fixture.js';

async function fixtures() {
  const [fixture, broken] = [await createFixture(), await createFixture(true)];
  return {
    selectorKinds: client.selectorKinds,
    attestor: fixture.attestor,
    broken: broken.attestor,
    now: () => fixture.clock.now,
    close: async () => {
      await fixture.close();
      await broken.attestor.close();
      await broken.close();
    },
  };
}

describeAttestor('client, by its assertion', async () => {
  const good = assertion();
  const bad = (changes: Readonly<Record<string, unknown>>, header = {}) => jwtEvidence(assertion(changes, header));
  return {
    ...(await fixtures()),
    good: jwtEvidence(good),
    bad: {
      'a signature of another assertion': jwtEvidence(withSignatureOf(assertion({ jti: 'two' }), good)),
      'another audience': bad({ aud: 'https://other.example' }),
      'a further audience': bad({ aud: ['https://sts.example.com', 'https://other.example'] }),
      'an unknown client': bad({ iss: 'nobody', sub: 'nobody' }),
      'a client with a secret': bad({ iss: 'legacy', sub: 'legacy' }),
      'another subject': bad({ sub: 'legacy' }),
      'no subject': bad({ sub: undefined }),
      'no jti': bad({ jti: undefined }),
      'a jti that is too long': bad({ jti: 'x'.repeat(193) }),
      'too long a life': bad({ exp: start + 301 }),
      'a typ of an access token': bad({}, { typ: 'at+jwt' }),
      'no kid where two keys fit': bad({ iss: 'twice', sub: 'twice' }, { kid: undefined }),
    },
  };
});

describeAttestor('client, by its secret', async () => {
  const shown = (text: string) => formEvidence(clientSecretForm, Buffer.from(text).toString('base64'));
  return {
    ...(await fixtures()),
    good: shown(`legacy:${secret}`),
    bad: {
      'another secret': shown(`legacy:${secret}x`),
      'a part of the secret': shown(`legacy:${secret.slice(1)}`),
      'no secret': shown('legacy:'),
      'an unknown client': shown(`nobody:${secret}`),
      'a client with keys': shown(`batch:${secret}`),
    },
  };
});
