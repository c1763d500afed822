import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { azure } from '../../../attestors/azure/index.js';
import { describeAttestor } from '../../conformance/attestor.js';
import { jwtEvidence } from '../../support/attestor-host.js';
import { withSignatureOf } from '../../support/tokens.js';
import { content, documentEvidence, sharedChain, signDocument } from './documents.js';
import { createFixture, ids, otherTenant, start, subscription, tenant } from './fixture.js';

describeAttestor('azure, tokens of managed identities', async () => {
  const fixture = await createFixture();
  const broken = await createFixture({ managedIdentity: { keys: { jwksFile: 'missing.json' } } });
  const good = fixture.token();
  const other = fixture.token({ uti: 'other' });
  const bad = (changes: Readonly<Record<string, unknown>>) => jwtEvidence(fixture.token(changes));
  return {
    selectorKinds: azure.selectorKinds,
    attestor: fixture.attestor,
    broken: broken.attestor,
    now: () => fixture.now,
    good: jwtEvidence(good),
    bad: {
      'a signature of another token': jwtEvidence(withSignatureOf(other, good)),
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

describeAttestor('azure, attested documents with a token', async () => {
  const chain = await sharedChain();
  const fixture = await createFixture();
  await writeFile(join(fixture.folder, 'roots.pem'), chain.root.pem);
  const create = (jwksFile: string) =>
    azure.create(
      'azure-main',
      azure.options.parse({
        tenants: { [tenant]: { subscriptions: { [subscription]: {} } } },
        audience: 'api://counterseal',
        managedIdentity: { keys: { jwksFile } },
        attestedDocument: { roots: 'roots.pem' },
      }),
      fixture.host.host,
    );
  const bag = [chain.leaf, chain.intermediate];
  const evil = await chain.makeLeaf({ name: 'evilmetadata.azure.com' });
  const sign = (changes = {}) => signDocument(chain, { ...content(), ...changes }, { bag });
  return {
    selectorKinds: azure.selectorKinds,
    attestor: await create('jwks.json'),
    broken: await create('missing.json'),
    now: () => fixture.now,
    good: documentEvidence(sign(), fixture.token()),
    bad: {
      'no nonce': documentEvidence(sign({ nonce: '' }), fixture.token()),
      'an expired document': documentEvidence(sign({ timeStamp: content(start - 86_400).timeStamp }), fixture.token()),
      'another subscription': documentEvidence(sign({ subscriptionId: otherTenant }), fixture.token()),
      'another signer': documentEvidence(
        signDocument({ leaf: evil }, content(), { bag: [evil, chain.intermediate] }),
        fixture.token(),
      ),
      'a token of a function': documentEvidence(sign(), fixture.token({ xms_mirid: ids.site })),
      'a person’s token': documentEvidence(sign(), fixture.token({ scp: 'x' })),
      'bytes that are no document': documentEvidence(Buffer.from('x'), fixture.token()),
    },
    close: () => fixture.close(),
  };
});
