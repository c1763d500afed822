/** The form of requests to the token endpoint, whatever the grant. */
import { type Case, type Form, rfc, type Section } from '../case.js';
import { absent, granted, header, matching, noStore, refused, status } from '../matchers.js';
import {
  evidence,
  type Grant,
  jwtBearer,
  jwtType,
  needsOf,
  resource,
  tokenExchange,
  tokenRequest,
  unheardOf,
} from './grants.js';

/** What is wrong with a request, and what it is answered. */
export interface Row {
  readonly id: string;
  readonly title: string;
  readonly change: Form;
  readonly error: string;
  readonly section: Section;
}

const ofAnyGrant: readonly Row[] = [
  {
    id: 'no-grant-type',
    title: 'no grant_type',
    change: { grant_type: undefined },
    error: 'invalid_request',
    section: rfc(6749, '5.2'),
  },
  {
    id: 'empty-grant-type',
    title: 'an empty grant_type, which counts as none',
    change: { grant_type: '' },
    error: 'invalid_request',
    section: rfc(6749, '3.2'),
  },
  {
    id: 'unknown-grant',
    title: 'a grant that nobody knows',
    change: { grant_type: unheardOf },
    error: 'unsupported_grant_type',
    section: rfc(6749, '5.2'),
  },
  {
    id: 'password-grant',
    title: 'the password grant',
    change: { grant_type: 'password', username: 'a', password: 'b' },
    error: 'unsupported_grant_type',
    section: rfc(9700, '2.4'),
  },
  {
    id: 'repeated-grant-type',
    title: 'grant_type twice',
    change: { grant_type: [tokenExchange.type, tokenExchange.type] },
    error: 'invalid_request',
    section: rfc(6749, '3.2'),
  },
  {
    id: 'repeated-scope',
    title: 'scope twice',
    change: { scope: ['a', 'a'] },
    error: 'invalid_request',
    section: rfc(6749, '3.2'),
  },
];

const ofTokenExchange: readonly Row[] = [
  {
    id: 'no-subject-token',
    title: 'no subject_token',
    change: { subject_token: undefined },
    error: 'invalid_request',
    section: rfc(8693, '2.1'),
  },
  {
    id: 'empty-subject-token',
    title: 'an empty subject_token',
    change: { subject_token: '' },
    error: 'invalid_request',
    section: rfc(8693, '2.1'),
  },
  {
    id: 'blank-subject-token',
    title: 'a blank subject_token',
    change: { subject_token: ' ' },
    error: 'invalid_request',
    section: rfc(8693, '2.1'),
  },
  {
    id: 'no-subject-token-type',
    title: 'no subject_token_type',
    change: { subject_token_type: undefined },
    error: 'invalid_request',
    section: rfc(8693, '2.1'),
  },
  {
    id: 'unknown-subject-token-type',
    title: 'a subject_token_type that nobody knows',
    change: { subject_token_type: unheardOf },
    error: 'invalid_request',
    section: rfc(8693, '2.2.2'),
  },
  {
    id: 'wrong-subject-token-type',
    title: 'a subject_token_type that the token is not of',
    change: { subject_token_type: 'urn:ietf:params:oauth:token-type:saml2' },
    error: 'invalid_request',
    section: rfc(8693, '2.2.2'),
  },
  {
    id: 'unknown-requested-token-type',
    title: 'a requested_token_type that nobody knows',
    change: { requested_token_type: unheardOf },
    error: 'invalid_request',
    section: rfc(8693, '2.2.2'),
  },
  {
    id: 'actor-token-alone',
    title: 'actor_token without its type',
    change: { actor_token: evidence() },
    error: 'invalid_request',
    section: rfc(8693, '2.1'),
  },
  {
    id: 'actor-token-type-alone',
    title: 'actor_token_type without the token',
    change: { actor_token_type: jwtType },
    error: 'invalid_request',
    section: rfc(8693, '2.1'),
  },
  {
    id: 'bad-actor-token',
    title: 'an actor_token that is none',
    change: { actor_token: 'garbage', actor_token_type: jwtType },
    error: 'invalid_request',
    section: rfc(8693, '2.2.2'),
  },
  {
    id: 'repeated-subject-token',
    title: 'subject_token twice',
    change: { subject_token: [evidence(), evidence()] },
    error: 'invalid_request',
    section: rfc(6749, '3.2'),
  },
];

const refusal = (row: Row): Pick<Case, 'title' | 'section' | 'level'> => ({
  title: `refuses ${row.title}`,
  section: row.section,
  level: 'must',
});

const ofJwtBearer: readonly Row[] = [
  {
    id: 'no-assertion',
    title: 'no assertion',
    change: { assertion: undefined },
    error: 'invalid_request',
    section: rfc(6749, '5.2'),
  },
  {
    id: 'empty-assertion',
    title: 'an empty assertion',
    change: { assertion: '' },
    error: 'invalid_request',
    section: rfc(6749, '3.2'),
  },
  {
    id: 'repeated-assertion',
    title: 'assertion twice',
    change: { assertion: [evidence(), evidence()] },
    error: 'invalid_request',
    section: rfc(6749, '3.2'),
  },
];

/** The wire itself. */
const wire: readonly Case[] = [
  {
    id: 'request/get',
    title: 'GET gives no token, even with all parameters in the query',
    section: rfc(6749, '3.2'),
    level: 'must',
    needs: [],
    steps: [
      {
        request: tokenRequest('any', {}, { method: 'GET', formIn: 'query' }),
        expect: [status(400, 401, 403, 404, 405), header('Location', absent)],
      },
    ],
  },
  {
    id: 'request/get-405',
    title: 'GET is answered with 405 and Allow',
    section: rfc(9110, '15.5.6'),
    level: 'should',
    needs: [],
    steps: [
      {
        request: tokenRequest('any', {}, { method: 'GET', formIn: 'query' }),
        expect: [status(405), header('Allow', matching('POST', /\bPOST\b/))],
      },
    ],
  },
  {
    id: 'request/json-body',
    title: 'refuses parameters as JSON',
    section: rfc(6749, 'B'),
    level: 'must',
    needs: [],
    steps: [{ request: tokenRequest('any', {}, { formIn: 'json' }), expect: refused([400, 415], 'invalid_request') }],
  },
  {
    id: 'request/no-content-type',
    title: 'refuses a body without Content-Type',
    section: rfc(6749, 'B'),
    level: 'should',
    needs: [],
    steps: [
      { request: tokenRequest('any', {}, { contentType: null }), expect: refused([400, 415], 'invalid_request') },
    ],
  },
  {
    id: 'request/all-in-query',
    title: 'refuses a request whose parameters are in the query',
    section: rfc(6749, '3.2'),
    level: 'must',
    needs: [],
    steps: [
      // Whoever looks for the client in the body first finds none.
      {
        request: tokenRequest('any', {}, { formIn: 'query' }),
        expect: refused([400, 401], 'invalid_request', 'invalid_client'),
      },
    ],
  },
  {
    id: 'request/resource-in-query',
    title: 'takes no parameter from the query',
    section: rfc(6749, '3.2'),
    level: 'should',
    needs: [],
    steps: [
      {
        request: tokenRequest('any', { change: { resource: undefined } }, { query: { resource } }),
        expect: refused([400], 'invalid_request', 'invalid_target'),
      },
    ],
  },
  {
    id: 'request/unknown-parameter',
    title: 'ignores a parameter that it does not know',
    section: rfc(6749, '3.2'),
    level: 'must',
    needs: [],
    steps: [{ request: tokenRequest('any', { change: { conformance_unheard_of: 'x' } }), expect: granted }],
  },
  {
    id: 'request/empty-parameter',
    title: 'takes an empty parameter for none',
    section: rfc(6749, '3.2'),
    level: 'must',
    needs: [],
    steps: [{ request: tokenRequest('any', { change: { scope: '' } }), expect: granted }],
  },
  {
    id: 'request/charset',
    title: 'takes a Content-Type with charset=UTF-8',
    section: rfc(6749, 'B'),
    level: 'should',
    needs: [],
    steps: [
      {
        request: tokenRequest('any', {}, { contentType: 'application/x-www-form-urlencoded;charset=UTF-8' }),
        expect: granted,
      },
    ],
  },
  {
    id: 'request/too-large',
    title: 'refuses a body of 1 MiB, and goes on serving',
    section: rfc(9110, '15.5.14'),
    level: 'must',
    needs: [],
    steps: [
      {
        request: tokenRequest('any', { change: { conformance_unheard_of: 'x'.repeat(1024 * 1024) } }),
        expect: [status(413, 400)],
      },
      { request: tokenRequest('any'), expect: granted },
    ],
  },
  {
    id: 'request/too-large-413',
    title: 'says 413 of it',
    section: rfc(9110, '15.5.14'),
    level: 'should',
    needs: [],
    steps: [
      {
        request: tokenRequest('any', { change: { conformance_unheard_of: 'x'.repeat(1024 * 1024) } }),
        expect: refused([413], 'invalid_request'),
      },
    ],
  },
  {
    id: 'request/error-no-store',
    title: 'errors are not stored',
    section: rfc(6749, '5.2'),
    level: 'should',
    needs: [],
    steps: [
      {
        request: tokenRequest('any', { change: { grant_type: unheardOf } }),
        expect: [...refused([400], 'unsupported_grant_type'), noStore],
      },
    ],
  },
];

const ofGrant = (grant: Grant, rows: readonly Row[]): readonly Case[] =>
  rows.map((row) => ({
    ...refusal(row),
    id: `${grant.name}/${row.id}`,
    needs: needsOf(grant),
    steps: [{ request: tokenRequest(grant, { change: row.change }), expect: refused([400], row.error) }],
  }));

export const requests: readonly Case[] = [
  ...wire,
  ...ofAnyGrant.map((row) => ({
    ...refusal(row),
    id: `request/${row.id}`,
    needs: [],
    steps: [{ request: tokenRequest('any', { change: row.change }), expect: refused([400], row.error) }],
  })),
  ...ofGrant(tokenExchange, ofTokenExchange),
  ...ofGrant(jwtBearer, ofJwtBearer),
];
