/** What becomes of a token: introspection (RFC 7662, RFC 9701) and revocation (RFC 7009). */
import { type Case, type Check, type Form, type Request, rfc, type Value } from '../case.js';
import {
  absent,
  claim,
  equal,
  granted,
  header,
  json,
  jwt,
  mediaType,
  member,
  ofProfile,
  refused,
  status,
} from '../matchers.js';
import { basicOf } from '../request.js';
import { evidenceOf, memberOf, type World } from '../world.js';
import { assertionType, evidence, tokenRequest } from './grants.js';

const jwtMediaType = 'application/token-introspection+jwt';

const issue = { request: tokenRequest('any'), expect: granted };

const issued: Value = (world) => memberOf(world, 'access_token');

/** With the last characters of the signature changed. */
const altered: Value = (world) => `${memberOf(world, 'access_token').slice(0, -8)}AAAAAAAA`;

const asCaller = ({ profile }: World): Form => {
  const { caller } = profile;
  if (caller === undefined || 'id' in caller) return {};
  return { client_assertion_type: assertionType, client_assertion: (world) => evidenceOf(world, caller, 'good') };
};

/** Undefined where it shows evidence: then no header is sent. */
const callerBasic: Value = ({ profile }) =>
  profile.caller && 'id' in profile.caller ? basicOf(profile.caller) : undefined;

/** As the caller of the profile. */
function introspect(token: Value | undefined, accept = 'application/json'): Request {
  return {
    to: 'introspection',
    form: (world) => ({ token, ...asCaller(world) }),
    headers: [
      ['Accept', accept],
      ['Authorization', callerBasic],
    ],
  };
}

/** As whom the token was issued to. */
function revoke(token: Value | undefined, change: Form = {}): Request {
  const form = ({ profile }: World): Form =>
    profile.client === undefined
      ? { token, client_assertion_type: assertionType, client_assertion: evidence(), ...change }
      : { token, ...change };
  return { to: 'revocation', form, asClient: true };
}

const active = (is: boolean): readonly Check[] => [status(200), json, member('active', equal(is))];

const nothingElse: readonly Check[] = ['sub', 'client_id', 'scope', 'aud', 'exp', 'iss', 'jti'].map((name) =>
  member(name, absent),
);

const introspection: readonly Case[] = [
  {
    id: 'introspection/active',
    title: 'a token that was just issued is active',
    section: rfc(7662, '2.2'),
    level: 'must',
    needs: ['introspection', 'caller'],
    steps: [issue, { request: introspect(issued), expect: active(true) }],
  },
  {
    id: 'introspection/unknown',
    title: 'text that is no token is not active',
    section: rfc(7662, '2.2'),
    level: 'must',
    needs: ['introspection', 'caller'],
    steps: [{ request: introspect('conformance-unheard-of'), expect: active(false) }],
  },
  {
    id: 'introspection/says-no-more',
    title: 'and nothing else is said of it',
    section: rfc(7662, '2.2'),
    level: 'should',
    needs: ['introspection', 'caller'],
    steps: [{ request: introspect('conformance-unheard-of'), expect: [...active(false), ...nothingElse] }],
  },
  {
    id: 'introspection/altered',
    title: 'a token with another signature is not active',
    section: rfc(7662, '4'),
    level: 'must',
    needs: ['introspection', 'caller'],
    steps: [issue, { request: introspect(altered), expect: active(false) }],
  },
  {
    id: 'introspection/no-token',
    title: 'refuses a request without token',
    section: rfc(7662, '2.1'),
    level: 'must',
    needs: ['introspection', 'caller'],
    steps: [{ request: introspect(undefined), expect: refused([400], 'invalid_request') }],
  },
  {
    id: 'introspection/nobody',
    title: 'tells nobody who has not authenticated',
    section: rfc(7662, '2.3'),
    level: 'must',
    needs: ['introspection'],
    steps: [
      issue,
      {
        request: { to: 'introspection', form: { token: issued } },
        expect: [status(401, 400, 403), member('active', absent)],
      },
    ],
  },
  {
    id: 'introspection/get',
    title: 'takes no token in the query',
    section: rfc(7662, '2.1'),
    level: 'must',
    needs: ['introspection', 'caller'],
    steps: [
      issue,
      { request: { ...introspect(issued), method: 'GET', formIn: 'query' }, expect: [status(400, 401, 403, 404, 405)] },
    ],
  },
  {
    id: 'introspection/jwt',
    title: 'answers as a JWT for the caller, where that is asked for',
    section: rfc(9701, '5'),
    level: 'must',
    needs: ['introspection', 'jwt-introspection', 'caller'],
    steps: [
      issue,
      {
        request: introspect(issued, jwtMediaType),
        expect: [
          status(200),
          header('Content-Type', mediaType(jwtMediaType)),
          jwt('body', 'token-introspection+jwt'),
          claim(
            'body',
            'iss',
            ofProfile('the issuer', ({ profile }) => profile.issuer),
          ),
          claim('body', 'aud', { words: 'whom it is for', holds: (value) => value !== undefined }),
          claim('body', 'token_introspection', {
            words: 'an object with active true',
            holds: (value) => Object(value).active === true,
          }),
        ],
      },
    ],
  },
];

const jwtWithoutMore: Case = {
  id: 'introspection/jwt-claims',
  title: 'without sub and exp, so that nobody takes it for an access token',
  section: rfc(9701, '5'),
  level: 'should',
  needs: ['introspection', 'jwt-introspection', 'caller'],
  steps: [
    issue,
    {
      request: introspect(issued, jwtMediaType),
      expect: [
        status(200),
        jwt('body', 'token-introspection+jwt'),
        claim('body', 'sub', absent),
        claim('body', 'exp', absent),
      ],
    },
  ],
};

const done: readonly Check[] = [status(200)];

const revocation: readonly Case[] = [
  {
    id: 'revocation/own',
    title: 'a client revokes a token of its own',
    section: rfc(7009, '2.2'),
    level: 'must',
    needs: ['revocation'],
    steps: [issue, { request: revoke(issued), expect: done }],
  },
  {
    id: 'revocation/inactive',
    title: 'a revoked token is not active any more',
    section: rfc(7009, '2.1'),
    level: 'must',
    needs: ['revocation', 'introspection', 'caller'],
    steps: [
      issue,
      { request: introspect(issued), expect: active(true) },
      { request: revoke(issued), expect: done },
      { request: introspect(issued), expect: active(false) },
    ],
  },
  {
    id: 'revocation/unknown',
    title: 'text that is no token is answered with 200',
    section: rfc(7009, '2.2'),
    level: 'must',
    needs: ['revocation'],
    steps: [{ request: revoke('conformance-unheard-of'), expect: done }],
  },
  {
    id: 'revocation/unknown-hint',
    title: 'ignores a token_type_hint that it does not know',
    section: rfc(7009, '2.2'),
    level: 'must',
    needs: ['revocation'],
    steps: [issue, { request: revoke(issued, { token_type_hint: 'conformance_unheard_of' }), expect: done }],
  },
  {
    id: 'revocation/no-token',
    title: 'refuses a request without token',
    section: rfc(7009, '2.1'),
    level: 'must',
    needs: ['revocation'],
    steps: [{ request: revoke(undefined), expect: refused([400], 'invalid_request') }],
  },
  {
    id: 'revocation/nobody',
    title: 'takes nothing from nobody: the token stays active',
    section: rfc(7009, '2.1'),
    level: 'must',
    needs: ['revocation', 'introspection', 'caller'],
    steps: [
      issue,
      {
        request: { to: 'revocation', form: { token: issued } },
        expect: refused([401, 400], 'invalid_client', 'invalid_request'),
      },
      { request: introspect(issued), expect: active(true) },
    ],
  },
  {
    id: 'revocation/others',
    title: "a client revokes no token of another's",
    section: rfc(7009, '2.1'),
    level: 'must',
    needs: ['revocation', 'introspection', 'other-caller'],
    steps: [
      issue,
      { request: { ...introspect(issued), to: 'revocation' }, expect: [status(200, 400, 401, 403)] },
      { request: introspect(issued), expect: active(true) },
    ],
  },
];

export const after: readonly Case[] = [...introspection, jwtWithoutMore, ...revocation];
