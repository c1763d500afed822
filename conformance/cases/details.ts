/** `authorization_details` (RFC 9396), where the server claims them. */
import { type Case, rfc, type Value } from '../case.js';
import { granted, member, refused } from '../matchers.js';
import { tokenRequest } from './grants.js';

const details: Value = ({ profile }) => JSON.stringify(profile.target.authorizationDetails);

const asking = (authorization_details: Value) => tokenRequest('any', { change: { authorization_details } });

const rows: readonly (readonly [id: string, title: string, section: string, details: Value])[] = [
  ['unknown-type', 'of a type that nobody knows', '5', '[{"type":"urn:conformance.example:unheard-of"}]'],
  ['no-type', 'without a type', '2', '[{}]'],
  ['no-list', 'that are no list', '2', '{"type":"conformance"}'],
  ['no-json', 'that are no JSON', '2', '[{'],
  [
    'unknown-field',
    'with a field that nobody knows',
    '5',
    ({ profile }) =>
      JSON.stringify(profile.target.authorizationDetails?.map((one) => ({ ...one, conformance_unheard_of: true }))),
  ],
];

/** RFC 9396 §5 speaks of what is a list of objects; what is none may be a malformed request as well. */
const errorsOf = (id: string) =>
  ['no-list', 'no-json'].includes(id)
    ? ['invalid_authorization_details', 'invalid_request']
    : ['invalid_authorization_details'];

export const authorizationDetails: readonly Case[] = [
  {
    id: 'authorization-details/granted',
    title: 'says in the answer what was granted',
    section: rfc(9396, '7'),
    level: 'must',
    needs: ['authorization-details', 'target.authorizationDetails'],
    steps: [
      {
        request: asking(details),
        expect: [
          ...granted,
          member('authorization_details', {
            words: 'a list with the types that were asked for',
            holds: (value, { profile }) =>
              Array.isArray(value) &&
              (profile.target.authorizationDetails ?? []).every(({ type }) =>
                value.some((one) => Object(one).type === type),
              ),
          }),
        ],
      },
    ],
  },
  ...rows.map(
    ([id, title, section, wrong]): Case => ({
      id: `authorization-details/${id}`,
      title: `refuses authorization_details ${title}`,
      section: rfc(9396, section),
      level: 'must',
      needs: ['authorization-details', ...(id === 'unknown-field' ? (['target.authorizationDetails'] as const) : [])],
      steps: [{ request: asking(wrong), expect: refused([400], ...errorsOf(id)) }],
    }),
  ),
];
