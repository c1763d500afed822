/** How clients authenticate (RFC 6749 §2.3, RFC 7521 §4.2), where that is wrong. */
import { type Case, rfc } from '../case.js';
import { header, matching, refused } from '../matchers.js';
import { basic } from '../request.js';
import { clientCredentials, needsOf, tokenExchange, tokenRequest, unheardOf } from './grants.js';

export const clients: readonly Case[] = [
  {
    id: 'client/bad-basic',
    title: 'refuses a client that nobody knows with 401, and names the scheme',
    section: rfc(6749, '5.2'),
    level: 'must',
    needs: ['token-exchange'],
    steps: [
      {
        request: tokenRequest(
          tokenExchange,
          {},
          { headers: [['Authorization', basic('conformance-unheard-of', 'wrong')]] },
        ),
        expect: [
          ...refused([401], 'invalid_client'),
          header('WWW-Authenticate', matching('a challenge with the scheme Basic', /^Basic\b/i)),
        ],
      },
    ],
  },
  {
    id: 'client/two-ways',
    title: 'refuses a client that authenticates in two ways',
    section: rfc(6749, '2.3'),
    level: 'must',
    needs: needsOf(clientCredentials),
    steps: [
      {
        request: tokenRequest(
          clientCredentials,
          {},
          { headers: [['Authorization', basic('conformance-unheard-of', 'wrong')]] },
        ),
        expect: refused([400, 401], 'invalid_request', 'invalid_client'),
      },
    ],
  },
  {
    id: 'client/two-headers',
    title: 'refuses two Authorization headers',
    section: rfc(9110, '5.3'),
    level: 'must',
    needs: ['token-exchange'],
    steps: [
      {
        request: tokenRequest(
          tokenExchange,
          {},
          {
            headers: [
              ['Authorization', basic('conformance-one', '')],
              ['Authorization', basic('conformance-two', '')],
            ],
          },
        ),
        expect: refused([400, 401], 'invalid_request', 'invalid_client'),
      },
    ],
  },
  {
    id: 'client/no-assertion',
    title: 'refuses client credentials of nobody',
    section: rfc(6749, '5.2'),
    level: 'must',
    needs: needsOf(clientCredentials),
    steps: [
      {
        request: tokenRequest(
          clientCredentials,
          { change: { client_assertion: undefined, client_assertion_type: undefined } },
          { asClient: false },
        ),
        expect: refused([400, 401], 'invalid_client', 'invalid_request'),
      },
    ],
  },
  {
    id: 'client/unknown-assertion-type',
    title: 'refuses a client_assertion_type that nobody knows',
    section: rfc(7521, '4.2'),
    level: 'must',
    needs: needsOf(clientCredentials),
    steps: [
      {
        request: tokenRequest(clientCredentials, { change: { client_assertion_type: unheardOf } }),
        expect: refused([400, 401], 'invalid_client', 'invalid_request'),
      },
    ],
  },
  {
    id: 'client/other-client-id',
    title: 'refuses a client_id that is not the subject of the assertion',
    section: rfc(7521, '4.2'),
    level: 'must',
    needs: needsOf(clientCredentials),
    steps: [
      {
        request: tokenRequest(clientCredentials, { change: { client_id: 'conformance-unheard-of' } }),
        expect: refused([400, 401], 'invalid_client'),
      },
    ],
  },
];
