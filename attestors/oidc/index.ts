/** Workloads of any OpenID Connect issuer, such as a CI service. The trust model is in README.md. */
import type { AttestorHost, AttestorType, Finding, KeySource, KeyUse } from '../attestor.js';
import { attempt, tryKeys } from '../step.js';
import { compileRequirements } from './claims.js';
import { audienceOf, mappingOf, type OidcOptions, options, plan } from './options.js';
import { pinFor } from './pin.js';
import { createOidcAttestor } from './verify.js';

async function create(attestorName: string, block: OidcOptions, host: AttestorHost) {
  const { accepts } = plan(block, host.issuer);
  const keys = host.keySet(keySource(block), { maxStale: block.keys.maxStale });
  await keys.ready();
  return createOidcAttestor({
    name: attestorName,
    accepts,
    expect: {
      issuer: block.issuer,
      trustDomain: block.trustDomain,
      audience: audienceOf(block, host.issuer),
      otherAudiences: block.otherAudiences,
      maxLifetime: block.maxLifetime,
      algorithms: block.algorithms,
      delegation: block.role === 'delegator' ? 'may_act' : 'refuse',
    },
    environment: block.environment ?? host.environment,
    keys,
    requirements: compileRequirements(block.require),
    mapping: mappingOf(block),
    subject: block.subject,
    host,
  });
}

function keySource({ issuer, trustDomain, keys }: OidcOptions): KeySource {
  const use = trustDomain === undefined ? 'sig' : 'jwt-svid';
  if ('jwksUri' in keys) return { uri: keys.jwksUri, use };
  if ('jwksFile' in keys) return { file: keys.jwksFile, use };
  if (issuer === undefined) throw new Error('keys by discovery need an issuer');
  return { issuer };
}

async function* examine(_: string, block: OidcOptions, host: AttestorHost): AsyncGenerator<Finding> {
  const source = keySource(block);
  const fix = keysFix(source, host);
  yield await attempt(
    'issuer' in source ? 'discovery' : 'keys',
    () => tryKeys(source, host, fix),
    () => fix,
  );
}

function keysFix(source: KeySource, host: AttestorHost): string {
  if ('file' in source) return `write ${wanted(source.use)} to ${host.path(source.file)}`;
  const reach = 'outbound.allow admits private networks, outbound.ca certificate authorities';
  const instead = 'else save the keys and use keys: { jwksFile: FILE }';
  if ('uri' in source && source.use === 'jwt-svid')
    return `let ${source.uri} answer this machine with ${wanted(source.use)}: ${reach}; ${instead}`;
  if ('uri' in source) return `let ${source.uri} answer this machine: ${reach}; ${instead}`;
  return `write issuer as the document has it, and let the document and its jwks_uri answer this machine: ${reach}; ${instead}`;
}

const wanted = (use: KeyUse | undefined): string =>
  use === 'jwt-svid'
    ? 'the SPIFFE bundle of the trust domain, with keys of use jwt-svid (spire-server bundle show -format spiffe)'
    : "the issuer's JWK Set";

export const oidc = Object.freeze<AttestorType<OidcOptions>>({
  type: 'oidc',
  selectorKinds: Object.freeze(['oidc:sub']),
  mappedKinds: (block) => Object.keys(mappingOf(block)).map((each) => `oidc:${each}`),
  pinFor,
  role: ({ role }) => role,
  limitsScope: ({ scopes }) => scopes === 'authoritative',
  facts: Object.freeze([]),
  highestAssurance: () => 'low',
  options,
  plan,
  create,
  examine,
});
