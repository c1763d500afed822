/** The metadata (RFC 8414), and the keys that it leads to. */
import { type Case, type Check, type Matcher, type Need, rfc, type Section } from '../case.js';
import { absent, either, json, list, member, ofProfile, status } from '../matchers.js';
import { metadataUrl } from '../server.js';
import type { World } from '../world.js';
import { grants } from './grants.js';

const found: readonly Check[] = [status(200), json];

const asksFor = (url: (world: World) => string) =>
  ({ method: 'GET', to: url, headers: [['Accept', 'application/json']] }) as const;

const oauth = asksFor(({ profile }) => metadataUrl(profile.issuer));

const discovery: Section = {
  name: 'OpenID Connect Discovery 1.0 §4',
  url: 'https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfig',
};

const issuer = member(
  'issuer',
  ofProfile('the issuer, byte for byte', ({ profile }) => profile.issuer),
);

const aUrl: Matcher = {
  words: 'a URL without a fragment',
  holds: (value) => typeof value === 'string' && URL.canParse(value) && !value.includes('#'),
};

const grantTypes: Matcher = {
  words: 'each grant of supports',
  holds: (value, { profile }) =>
    grants.every(({ name, type }) => !profile.supports.has(name) || (Array.isArray(value) && value.includes(type))),
};

const asymmetric: Matcher = {
  words: 'a list of asymmetric algorithms',
  holds: (value) =>
    Array.isArray(value) && value.length > 0 && value.every((alg) => /^(?:ES|RS|PS|Ed|ML-DSA)/.test(String(alg))),
};

const withoutNone: Matcher = {
  words: 'a list without none',
  holds: (value) => Array.isArray(value) && !value.includes('none'),
};

const publicKeys: Matcher = {
  words: 'keys, and of each what is public alone',
  holds: (value) =>
    Array.isArray(value) &&
    value.length > 0 &&
    value.every(
      (key) => !['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv'].some((name) => Object.hasOwn(Object(key), name)),
    ),
};

const namedKeys: Matcher = {
  words: 'keys, each with a kid of its own',
  holds: (value) => {
    if (!Array.isArray(value)) return false;
    const names = value.map((key) => Object(key).kid);
    return names.every((name) => typeof name === 'string') && new Set(names).size === names.length;
  },
};

interface Row {
  readonly id: string;
  readonly title: string;
  readonly section: Section;
  readonly expect: readonly Check[];
  readonly needs?: readonly Need[];
  readonly level?: Case['level'];
}

const rows: readonly Row[] = [
  {
    id: 'issuer',
    title: 'stands between host and path, and has the issuer',
    section: rfc(8414, '3.3'),
    expect: [issuer],
  },
  {
    id: 'token-endpoint',
    title: 'names the token endpoint',
    section: rfc(8414, '2'),
    expect: [member('token_endpoint', aUrl)],
  },
  {
    id: 'response-types',
    title: 'names the response types',
    section: rfc(8414, '2'),
    expect: [member('response_types_supported', list)],
  },
  {
    id: 'grant-types',
    title: 'names the grants',
    section: rfc(8414, '2'),
    expect: [member('grant_types_supported', grantTypes)],
  },
  {
    id: 'client-algorithms',
    title: 'names algorithms of client assertions, and not none, where it takes those',
    section: rfc(8414, '2'),
    expect: [
      either(
        [member('token_endpoint_auth_signing_alg_values_supported', withoutNone)],
        [
          member('token_endpoint_auth_signing_alg_values_supported', absent),
          member('token_endpoint_auth_methods_supported', {
            words: 'without private_key_jwt and client_secret_jwt',
            holds: (value) =>
              !['private_key_jwt', 'client_secret_jwt'].some(
                (method) => Array.isArray(value) && value.includes(method),
              ),
          }),
        ],
      ),
    ],
  },
  {
    id: 'dpop',
    title: 'names algorithms of DPoP proofs',
    section: rfc(9449, '5.1'),
    expect: [member('dpop_signing_alg_values_supported', asymmetric)],
    needs: ['dpop'],
  },
  {
    id: 'introspection',
    title: 'names the introspection endpoint',
    section: rfc(8414, '2'),
    expect: [member('introspection_endpoint', aUrl)],
    needs: ['introspection'],
  },
  {
    id: 'revocation',
    title: 'names the revocation endpoint',
    section: rfc(8414, '2'),
    expect: [member('revocation_endpoint', aUrl)],
    needs: ['revocation'],
  },
  {
    id: 'authorization-details',
    title: 'names the types of authorization_details',
    section: rfc(9396, '10'),
    expect: [member('authorization_details_types_supported', list)],
    needs: ['authorization-details'],
  },
  {
    id: 'jwks',
    title: 'names the key set',
    section: rfc(8414, '2'),
    expect: [member('jwks_uri', aUrl)],
    needs: ['jwt-access-token'],
  },
];

export const metadata: readonly Case[] = [
  ...rows.map(
    ({ id, title, section, expect, needs = [], level = 'must' }): Case => ({
      id: `metadata/${id}`,
      title: `the metadata ${title}`,
      section,
      level,
      needs: ['metadata', ...needs],
      steps: [{ request: oauth, expect: [...found, ...expect] }],
    }),
  ),
  {
    id: 'metadata/openid',
    title: 'the same issuer where OpenID Connect asks for it: below the path',
    section: discovery,
    level: 'must',
    needs: ['openid-configuration'],
    steps: [
      {
        request: asksFor(({ profile }) => `${profile.issuer.replace(/\/$/, '')}/.well-known/openid-configuration`),
        expect: [...found, issuer],
      },
    ],
  },
  {
    id: 'metadata/openid-between',
    title: 'and between host and path',
    section: rfc(8414, '5'),
    level: 'should',
    needs: ['openid-configuration'],
    steps: [
      {
        request: asksFor(({ profile }) => metadataUrl(profile.issuer, 'openid-configuration')),
        expect: [...found, issuer],
      },
    ],
  },
  {
    id: 'keys/public',
    title: 'the key set has public keys, and nothing else of them',
    section: rfc(7517, '9.2'),
    level: 'must',
    needs: ['jwt-access-token'],
    steps: [{ request: { to: 'jwks', method: 'GET' }, expect: [status(200), member('keys', publicKeys)] }],
  },
  {
    id: 'keys/named',
    title: 'each key has a name of its own',
    section: rfc(7517, '4.5'),
    level: 'should',
    needs: ['jwt-access-token'],
    steps: [{ request: { to: 'jwks', method: 'GET' }, expect: [status(200), member('keys', namedKeys)] }],
  },
];
