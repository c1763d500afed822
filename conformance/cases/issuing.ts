/** What is issued, by each grant. */
import { type Case, type Check, rfc } from '../case.js';
import {
  absent,
  claim,
  either,
  equal,
  future,
  granted,
  grantedScope,
  jwt,
  matching,
  member,
  ofProfile,
  onlyTheResource,
  past,
  refused,
  seconds,
  text,
} from '../matchers.js';
import { memberOf } from '../world.js';
import { accessTokenType, type Grant, grants, needsOf, resource, tokenExchange, tokenRequest } from './grants.js';

const token = 'access_token';

const claims: readonly Check[] = [
  jwt(token, 'at+jwt'),
  claim(
    token,
    'iss',
    ofProfile('the issuer, byte for byte', ({ profile }) => profile.issuer),
  ),
  claim(token, 'aud', onlyTheResource),
  claim(token, 'sub', text),
  claim(token, 'client_id', text),
  claim(token, 'jti', text),
  claim(token, 'exp', future),
  claim(token, 'iat', past),
];

const withoutRefreshToken = {
  'token-exchange': rfc(8693, '2.2.1'),
  'jwt-bearer': rfc(7521, '4.1'),
  'client-credentials': rfc(6749, '4.4.3'),
};

const ofGrant = (grant: Grant): readonly Case[] => [
  {
    id: `${grant.name}/issues`,
    title: 'an access token with its type, neither cached nor stored',
    section: rfc(6749, '5.1'),
    level: 'must',
    needs: needsOf(grant),
    steps: [{ request: tokenRequest(grant), expect: granted }],
  },
  {
    id: `${grant.name}/expires-in`,
    title: 'expires_in, in seconds',
    section: rfc(6749, '5.1'),
    level: 'should',
    needs: needsOf(grant),
    steps: [{ request: tokenRequest(grant), expect: [...granted, member('expires_in', seconds)] }],
  },
  {
    id: `${grant.name}/no-refresh-token`,
    title: 'no refresh token',
    section: withoutRefreshToken[grant.name],
    level: 'should',
    needs: needsOf(grant),
    steps: [{ request: tokenRequest(grant), expect: [...granted, member('refresh_token', absent)] }],
  },
  {
    id: `${grant.name}/access-token-claims`,
    title: 'a token of type at+jwt with the claims that it has to have, for the resource alone, which verifies',
    section: rfc(9068, '2.2'),
    level: 'must',
    needs: [...needsOf(grant), 'jwt-access-token'],
    steps: [{ request: tokenRequest(grant), expect: [...granted, ...claims] }],
  },
  {
    id: `${grant.name}/own-token-as-evidence`,
    title: 'its own access token is no evidence: it is for somebody else',
    section: rfc(8725, '3.9'),
    level: 'must',
    needs: [...needsOf(grant), 'jwt-access-token'],
    steps: [
      { request: tokenRequest(grant), expect: granted },
      {
        request: tokenRequest(grant, { evidence: (world) => memberOf(world, token) }),
        expect: refused(...grant.rejected),
      },
    ],
  },
  {
    id: `${grant.name}/scope-left-out`,
    title: 'no scope: all that is granted, and the answer says what',
    section: rfc(6749, '3.3'),
    level: 'must',
    needs: [...needsOf(grant), 'target.scope'],
    steps: [{ request: tokenRequest(grant), expect: [...granted, member('scope', grantedScope)] }],
  },
  {
    id: `${grant.name}/scope-as-asked`,
    title: 'a scope that is granted as it was asked for',
    section: rfc(6749, '3.3'),
    level: 'must',
    needs: [...needsOf(grant), 'target.scope'],
    steps: [
      {
        request: tokenRequest(grant, { change: { scope: ({ profile }) => profile.target.scope.join(' ') } }),
        expect: [...granted, either([member('scope', grantedScope)], [member('scope', absent)])],
      },
    ],
  },
  {
    id: `${grant.name}/scope-in-part`,
    title: 'a scope that is granted in part: the answer says which, or invalid_scope',
    section: rfc(6749, '3.3'),
    level: 'must',
    needs: [...needsOf(grant), 'target.scope'],
    steps: [
      {
        request: tokenRequest(grant, {
          change: { scope: ({ profile }) => [...profile.target.scope, 'conformance:unheard-of'].join(' ') },
        }),
        expect: [either([...granted, member('scope', grantedScope)], refused([400], 'invalid_scope'))],
      },
    ],
  },
  {
    id: `${grant.name}/resource-left-out`,
    title: 'no target: a token, or invalid_target',
    section: rfc(8707, '2'),
    level: 'must',
    needs: needsOf(grant),
    steps: [
      {
        request: tokenRequest(grant, { change: { resource: undefined } }),
        expect: [either(granted, refused([400], 'invalid_target'))],
      },
    ],
  },
];

const ofTokenExchange: readonly Case[] = [
  {
    id: 'token-exchange/issued-token-type',
    title: 'issued_token_type of an access token, and a token_type that says how it is used',
    section: rfc(8693, '2.2.1'),
    level: 'must',
    needs: needsOf(tokenExchange),
    steps: [
      {
        request: tokenRequest(tokenExchange, { change: { requested_token_type: accessTokenType } }),
        expect: [
          ...granted,
          member('issued_token_type', equal(accessTokenType)),
          member('token_type', matching('Bearer or DPoP', /^(?:bearer|dpop)$/i)),
        ],
      },
    ],
  },
  {
    id: 'token-exchange/issued-token-type-unasked',
    title: 'issued_token_type, also when none was asked for',
    section: rfc(8693, '2.2.1'),
    level: 'must',
    needs: needsOf(tokenExchange),
    steps: [
      {
        request: tokenRequest(tokenExchange),
        expect: [...granted, member('issued_token_type', matching('a token type', /^[a-z][\w+.-]*:/i))],
      },
    ],
  },
  {
    id: 'token-exchange/audience',
    title: 'the target as audience',
    section: rfc(8693, '2.1'),
    level: 'must',
    needs: [...needsOf(tokenExchange), 'target.audience'],
    steps: [
      {
        request: tokenRequest(tokenExchange, {
          change: { resource: undefined, audience: ({ profile }) => profile.target.audience ?? '' },
        }),
        expect: granted,
      },
    ],
  },
  {
    id: 'token-exchange/resource-twice',
    title: 'resource may repeat: the same one twice is one target',
    section: rfc(8693, '2.1'),
    level: 'should',
    needs: needsOf(tokenExchange),
    steps: [{ request: tokenRequest(tokenExchange, { change: { resource: [resource, resource] } }), expect: granted }],
  },
];

export const issuing: readonly Case[] = [...grants.flatMap(ofGrant), ...ofTokenExchange];
