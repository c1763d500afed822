import { describeAttestor } from '../../conformance/attestor.js';
import { jwtEvidence } from '../../support/attestor-host.js';
import { withSignatureOf } from '../../support/tokens.js';
import { createFixture } from './fixture.js';

describeAttestor('oidc', async () => {
  const block = { require: { repository_owner: 'acme' }, selectors: { repo: 'repository', owner: 'repository_owner' } };
  const fixture = await createFixture(block);
  const broken = await createFixture({ ...block, keys: { jwksFile: 'missing.json' } });
  const claims = { repository: 'acme/api', repository_owner: 'acme' };
  const good = fixture.token(claims);
  const other = fixture.token({ ...claims, jti: 'other' });
  const bad = (changes: Readonly<Record<string, unknown>>) => jwtEvidence(fixture.token({ ...claims, ...changes }));
  return {
    selectorKinds: ['oidc:sub', 'oidc:repo', 'oidc:owner'],
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
      'another owner': bad({ repository_owner: 'evil' }),
      'a claim with a control character': bad({ repository: 'acme/\u001b[2J' }),
      'an actor': bad({ act: { sub: 'x' } }),
    },
    close: async () => {
      await fixture.close();
      await broken.close();
    },
  };
});

describeAttestor('oidc: SPIFFE JWT-SVIDs', async () => {
  const block = { preset: 'spiffe', trustDomain: 'acme.example', keys: { jwksFile: 'bundle.json' } };
  const fixture = await createFixture(block);
  const broken = await createFixture({ ...block, keys: { jwksFile: 'missing.json' } });
  const svid = { iss: undefined, jti: undefined, nbf: undefined, sub: 'spiffe://acme.example/ns/agents' };
  const bad = (changes: Readonly<Record<string, unknown>>) => jwtEvidence(fixture.token({ ...svid, ...changes }));
  return {
    selectorKinds: ['oidc:sub'],
    attestor: fixture.attestor,
    broken: broken.attestor,
    now: () => fixture.now,
    good: jwtEvidence(fixture.token(svid)),
    bad: {
      'another audience': bad({ aud: 'https://other.example' }),
      'an issuer': bad({ iss: 'https://ci.example' }),
      'another trust domain': bad({ sub: 'spiffe://evil.example/ns/agents' }),
      expired: bad({ exp: fixture.now }),
      'no subject': bad({ sub: undefined }),
      'a subject with a control character': bad({ sub: 'spiffe://acme.example/ns/\u001b[2J' }),
    },
    close: async () => {
      await fixture.close();
      await broken.close();
    },
  };
});
