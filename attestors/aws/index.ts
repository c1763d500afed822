/** Workloads of AWS: roles, on whatever they run. The trust model is in README.md. */
import type { Attestor, AttestorHost, AttestorType, KeySource } from '../attestor.js';
import { selectorKinds } from './identity.js';
import { type AwsOptions, audienceOf, issuersOf, options, plan } from './options.js';
import { createAwsAttestor } from './verify.js';
import { maxLifetime, type WebIdentityAccount } from './web-identity.js';

async function create(attestorName: string, block: AwsOptions, host: AttestorHost): Promise<Attestor> {
  const { accepts, faults } = plan(block, host.issuer);
  for (const { path, message } of faults) throw new Error(`attestors.${attestorName}.${path.join('.')}: ${message}`);
  const webIdentity = webIdentityAccounts(block, host);
  await Promise.all([...webIdentity.values()].map(({ keys }) => keys.ready()));
  return createAwsAttestor({ name: attestorName, accepts, webIdentity, host });
}

/** By issuer. */
function webIdentityAccounts(block: AwsOptions, host: AttestorHost): ReadonlyMap<string, WebIdentityAccount> {
  const audience = audienceOf(block, host.issuer);
  const { maxStale } = block.webIdentity.keys;
  return new Map(
    issuersOf(block).map(([account, issuer]) => [
      issuer,
      {
        account,
        environment: block.accounts[account]?.environment ?? host.environment,
        keys: host.keySet(keySource(block, issuer), { maxStale }),
        expect: { issuer, audience, otherAudiences: block.otherAudiences, maxLifetime, algorithms: ['ES384', 'RS256'] },
      },
    ]),
  );
}

function keySource({ webIdentity: { keys } }: AwsOptions, issuer: string): KeySource {
  if ('jwksUri' in keys) return { uri: keys.jwksUri };
  if ('jwksFile' in keys) return { file: keys.jwksFile };
  return { issuer };
}

export const aws = Object.freeze<AttestorType<AwsOptions>>({
  type: 'aws',
  selectorKinds,
  facts: Object.freeze([]),
  options,
  plan,
  create,
});
