import { describeAttestor } from '../../conformance/attestor.js';
import { jwtEvidence } from '../../support/attestor-host.js';
import { createFixture, ids, otherTenant } from './fixture.js';

const kinds = ['tenant', 'oid', 'client', 'subscription', 'resource-group', 'resource', 'kind'];

describeAttestor('azure, tokens of managed identities', async () => {
  const fixture = await createFixture();
  const broken = await createFixture({ managedIdentity: { keys: { jwksFile: 'missing.json' } } });
  const good = fixture.token();
  const other = fixture.token({ uti: 'other' });
  const bad = (changes: Readonly<Record<string, unknown>>) => jwtEvidence(fixture.token(changes));
  return {
    selectorKinds: kinds.map((kind) => `azure:${kind}`),
    attestor: fixture.attestor,
    broken: broken.attestor,
    now: () => fixture.now,
    good: jwtEvidence(good),
    bad: {
      'a signature of another token': jwtEvidence(
        good.slice(0, good.lastIndexOf('.')) + other.slice(other.lastIndexOf('.')),
      ),
      'another audience': bad({ aud: 'https://management.azure.com/' }),
      'another tenant': bad({ tid: otherTenant }),
      expired: bad({ exp: fixture.now }),
      'a person': bad({ scp: 'user_impersonation' }),
      'another VM': bad({ xms_az_rid: ids.otherVm }),
    },
    close: async () => {
      await fixture.close();
      await broken.close();
    },
  };
});
