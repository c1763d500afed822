/** Workloads of AWS: roles, on whatever they run. The trust model is in README.md. */
import type { Attestor, AttestorHost, AttestorType, KeySource } from '../attestor.js';
import { createBreaker } from '../breaker.js';
import { pinOf } from '../selectors.js';
import { callerIdentityForm } from './caller-identity/form.js';
import { googleForm } from './caller-identity/google.js';
import type { CallerIdentityRoom } from './caller-identity/verify.js';
import { examineAws } from './doctor.js';
import { selectorKinds, singleKinds } from './identity.js';
import { createInstanceVerifier, loadSigners } from './instance-identity/verify.js';
import { type AwsOptions, audienceOf, issuersOf, options, plan } from './options.js';
import { stsHostOf } from './regions.js';
import { createAwsAttestor } from './verify.js';
import { maxLifetime, type WebIdentityAccount } from './web-identity.js';

async function create(attestorName: string, block: AwsOptions, host: AttestorHost): Promise<Attestor> {
  const { accepts, faults } = plan(block, host.issuer);
  for (const { path, message } of faults) throw new Error(`attestors.${attestorName}.${path.join('.')}: ${message}`);
  const webIdentity = webIdentityAccounts(block, host);
  await Promise.all([...webIdentity.values()].map(({ keys }) => keys.ready()));
  const verifyInstance = await openInstanceIdentity(block, host);
  const callerIdentity = callerIdentityRoom({ attestor: attestorName, accepts, host, verifyInstance }, block);
  return createAwsAttestor({ name: attestorName, accepts, webIdentity, callerIdentity, host });
}

const environmentOf = ({ accounts }: AwsOptions, account: string, host: AttestorHost): string =>
  accounts[account]?.environment ?? host.environment;

/** By issuer. */
function webIdentityAccounts(block: AwsOptions, host: AttestorHost): ReadonlyMap<string, WebIdentityAccount> {
  const audience = audienceOf(block, host.issuer);
  const { maxStale } = block.webIdentity.keys;
  return new Map(
    issuersOf(block).map(([account, issuer]) => [
      issuer,
      {
        account,
        environment: environmentOf(block, account, host),
        keys: host.keySet(keySource(block, issuer), { maxStale }),
        expect: { issuer, audience, otherAudiences: block.otherAudiences, maxLifetime, algorithms: ['ES384', 'RS256'] },
      },
    ]),
  );
}

/** @throws Error when the certificates cannot be used */
async function openInstanceIdentity({ callerIdentity }: AwsOptions, host: AttestorHost) {
  const file = callerIdentity?.instanceIdentity?.certificates;
  return file === undefined ? undefined : createInstanceVerifier(await loadSigners(host.path(file)), host.now);
}

/** Seconds that a signed request vouches for, unless `vouchesFor` says otherwise. */
const vouchesFor = 900;

function callerIdentityRoom(
  given: Pick<CallerIdentityRoom, 'attestor' | 'accepts' | 'host' | 'verifyInstance'>,
  block: AwsOptions,
): CallerIdentityRoom | undefined {
  if (block.callerIdentity === undefined) return undefined;
  const { host } = given;
  const { regions, endpoints, maxAge, nonce } = block.callerIdentity;
  const hosts = regions.map((region) => stsHostOf(region).host);
  return {
    ...given,
    accounts: new Map(Object.keys(block.accounts).map((account) => [account, environmentOf(block, account, host)])),
    endpoints: new Map(
      hosts.map((name) => [
        name,
        { url: endpoints[name] ?? `https://${name}`, breaker: createBreaker({ name, prefix: 'sts', now: host.now }) },
      ]),
    ),
    maxAge,
    vouchesFor: block.vouchesFor ?? vouchesFor,
    nonce,
  };
}

function keySource({ webIdentity: { keys } }: AwsOptions, issuer: string): KeySource {
  if ('jwksUri' in keys) return { uri: keys.jwksUri };
  if ('jwksFile' in keys) return { file: keys.jwksFile };
  return { issuer };
}

/** With web identity a grant by the role's id would grant nothing, as its tokens do not tell it: there no pin is told. */
const pinFor = (selectors: readonly string[], block: AwsOptions): string | null =>
  issuersOf(block).length > 0 ? null : pinOf(selectors, { 'aws:role': ['aws:role-id', 'aws:instance'] });

export const aws = Object.freeze<AttestorType<AwsOptions>>({
  type: 'aws',
  selectorKinds,
  nodeKind: 'aws:instance',
  singleKinds,
  pinFor,
  forms: Object.freeze([callerIdentityForm, googleForm]),
  facts: Object.freeze([]),
  highestAssurance: ({ callerIdentity }) => (callerIdentity === undefined ? 'low' : 'medium'),
  options,
  plan,
  create,
  examine: (_, block, host) => examineAws(block, host, (issuer) => keySource(block, issuer)),
});
