/** What can only be said of two sections together. */
import { isIPv4 } from 'node:net';
import type { Route } from '../../attestors/attestor.js';
import { isLoopback } from '../../attestors/options.js';
import { algorithmsOf } from '../signing/algorithms.js';
import { pathsOf, valueAt } from './path.js';
import { type Finding, renderFound } from './problem.js';
import type { Sections } from './schema.js';
import { announceOf } from './sections/drain.js';
import { seesCertificates } from './sections/listeners.js';
import { isShared } from './sections/store.js';

/**
 * @param valid the sections that are valid in themselves; a check whose sections are not all there is left out
 * @param values as the file has them, without defaults
 */
export function checkAcross(valid: Partial<Sections>, values: unknown): Finding[] {
  return [
    ...checkTrustDomain(valid),
    ...checkPorts(valid, values),
    ...checkDrain(valid, values),
    ...checkAttestors(valid),
    ...checkAlgorithms(valid),
    ...checkTokenTypes(valid),
    ...checkMasterKey(valid),
    ...checkCertificates(valid, values),
  ];
}

/** Only for an issuer on loopback. */
export function defaultTrustDomain(issuer: string): string {
  const { hostname } = new URL(issuer);
  return hostname === '[::1]' ? 'localhost' : hostname;
}

function checkTrustDomain(valid: Partial<Sections>): Finding[] {
  if (!('trustDomain' in valid) || valid.trustDomain !== undefined || valid.issuer === undefined) return [];
  if (isLoopback(new URL(valid.issuer).hostname)) return [];
  return [
    {
      path: ['trustDomain'],
      message: 'missing key: off loopback it is required, so that subjects do not change when the issuer moves',
      expected: 'a SPIFFE trust domain such as example.com',
    },
  ];
}

/** A default is nothing that can be pointed at: the port that stands in the file is. */
function checkPorts({ listen, health }: Partial<Sections>, values: unknown): Finding[] {
  if (listen === undefined || health === undefined || listen.port !== health.port || listen.port === 0) return [];
  if (!overlap(listen.host, health.host)) return [];
  const section = valueAt(values, ['health', 'port']) === undefined ? 'listen' : 'health';
  const message = 'listen and health cannot both have this port: give each its own';
  return [{ path: [section, 'port'], message, found: renderFound(listen.port) }];
}

function checkDrain({ drain, listen }: Partial<Sections>, values: unknown): Finding[] {
  if (drain === undefined || listen === undefined) return [];
  const announce = announceOf(drain, listen);
  if (announce < drain.deadline) return [];
  const key = valueAt(values, ['drain', 'deadline']) === undefined ? 'announce' : 'deadline';
  const message = `drain.announce (${announce}s) is a part of drain.deadline (${drain.deadline}s), which has to be longer`;
  return [{ path: ['drain', key], message }];
}

function overlap(one: string, other: string): boolean {
  if (one === other || one === '::' || other === '::') return true;
  return (one === '0.0.0.0' || other === '0.0.0.0') && isIPv4(one) && isIPv4(other);
}

/** Evidence goes to the one attestor that has its route. */
export function checkAttestors({ attestors = {}, issuer }: Partial<Sections>): Finding[] {
  if (issuer === undefined) return [];
  const findings: Finding[] = [];
  const owners = new Map<string, string>();
  const registered = new Map<string, string>();
  for (const [name, { type, options }] of Object.entries(attestors)) {
    const { accepts, clientIds = [], faults } = type.plan(options, issuer);
    for (const id of clientIds) {
      const owner = registered.get(id);
      if (owner === undefined) registered.set(id, name);
      else findings.push({ path: ['attestors', name], message: sameClient(owner, id) });
    }
    if (faults.length === 0 && accepts.some((route) => route.issuer === issuer)) {
      findings.push({ path: ['attestors', name, 'issuer'], message: ourOwnIssuer });
    }
    for (const { path, message } of faults) findings.push({ path: ['attestors', name, ...path], message });
    for (const route of accepts) {
      const key = JSON.stringify([route.tokenType, route.issuer, route.audience]);
      const owner = owners.get(key);
      if (owner === undefined) owners.set(key, name);
      else findings.push({ path: ['attestors', name], message: sameRoute(owner, route) });
    }
  }
  return findings;
}

const ourOwnIssuer = 'this is our own issuer: the tokens that we issue are no evidence';

const sameClient = (owner: string, id: string) =>
  `attestors.${owner} has a client ${id} as well: give each a client_id of its own, because others name a client by nothing else`;

const sameRoute = (owner: string, { issuer, audience }: Route) =>
  `attestors.${owner} accepts issuer ${issuer} with audience ${audience} as well: give each an audience of its own, and ask for that audience in the workloads’ tokens`;

function checkAlgorithms({ resources, signing }: Partial<Sections>): Finding[] {
  if (resources === undefined || signing === undefined) return [];
  const algorithms = algorithmsOf(signing);
  const place = signing.type === 'local' ? 'signing.algorithms' : 'the algorithms of signing.keys';
  return Object.entries(resources).flatMap(([uri, { algorithm }]) =>
    algorithm === undefined || algorithms.includes(algorithm)
      ? []
      : [
          {
            path: ['resources', uri, 'algorithm'],
            message: `not one of ${place}: add it there, or choose one of them`,
            expected: `one of ${algorithms.join(', ')}`,
            found: renderFound(algorithm),
          },
        ],
  );
}

/** The draft that a type of token is of. */
const draftOf = Object.freeze({ txn_token: 'transaction-tokens', 'id-jag': 'id-jag' } as const);

/** A transaction token is for one trust domain, which its audience names (draft of transaction tokens §7.2). */
function checkTokenTypes(valid: Partial<Sections>): Finding[] {
  const { drafts, issuer, resources = {}, trustDomain } = valid;
  if (drafts === undefined || issuer === undefined || !('trustDomain' in valid)) return [];
  const domain = trustDomain ?? defaultTrustDomain(issuer);
  return Object.entries(resources).flatMap(([name, { tokenType = 'access_token' }]) => {
    if (tokenType === 'access_token' || tokenType === 'jwt') return [];
    const path = ['resources', name];
    const draft = draftOf[tokenType];
    const message = `is of a draft: switch drafts.${draft} on`;
    const off = { path: [...path, 'tokenType'], message, found: renderFound(tokenType) };
    const expected = `${domain}, our trust domain`;
    const place = { path, at: 'key' as const, message: 'unusable key for transaction tokens' };
    const other = { ...place, expected, found: renderFound(name) };
    return [
      ...(drafts[draft] === undefined ? [off] : []),
      ...(tokenType === 'txn_token' && name !== domain ? [other] : []),
    ];
  });
}

function checkMasterKey({ signing, store }: Partial<Sections>): Finding[] {
  if (signing === undefined || store === undefined || !isShared(store)) return [];
  if (signing.type !== 'local' || signing.masterKey !== undefined) return [];
  return [{ path: ['signing', 'masterKey'], message: masterKeyIsMissing, expected: 'a map with file' }];
}

/** What nobody can show keeps everybody out. */
function checkCertificates({ listen }: Partial<Sections>, values: unknown): Finding[] {
  if (listen === undefined || seesCertificates(listen)) return [];
  const message = 'no client can show a certificate: set listen.tls.clientCa, or listen.clientCertificateHeader';
  return bindings
    .flatMap((key) => pathsOf(values, key))
    .filter((path) => valueAt(values, path) === 'mtls')
    .map((path) => ({ path, message, found: renderFound('mtls') }));
}

const bindings = [
  'resources.*.binding',
  'conditions.*.binding',
  'rules.*.conditions[].binding',
  'rules.*.grant.binding',
];

const masterKeyIsMissing =
  'missing key: private keys do not lie in a store of others in plain text; make a master key with `openssl rand -base64 32`, for all replicas';
