/** rfc7523bis: what may stand in `aud` differs by grant, and by nothing else. */
import assert from 'node:assert/strict';
import { ask, type Way, ways } from '../support/grants.js';
import { issuer, startService, type TestService } from '../support/service.js';

const endpoint = `${issuer}/token`;
const other = 'https://other.example';
const keys = 'keys: { jwksFile: jwks.json }';
const block = (iss: string, rest: string) => `{ type: kubernetes, issuer: "${iss}", ${keys}${rest} }`;

const usual = 'https://usual.example';
const own = 'https://own.example';
const open = 'https://open.example';
const two = 'https://two.example';
const attestors = `
  usual: ${block(usual, '')}
  own: ${block(own, ', audience: "api://counterseal"')}
  open: ${block(open, ', otherAudiences: allow')}
  by-issuer: ${block(two, '')}
  by-endpoint: ${block(two, `, audience: "${endpoint}"`)}`;

const [exchange, bearer, credentials] = ways as readonly [Way, Way, Way];
const yes = true;
const no = 'audience_not_ours';
const alone = 'audience_not_issuer';
const inList = 'jwt_audience';

/** By grant: the attestor that takes it, true for the one of that name, or the reason why none does. */
const rows: readonly (readonly [iss: string, aud: unknown, Record<'exchange' | 'bearer' | 'credentials', unknown>])[] =
  [
    [usual, issuer, { exchange: yes, bearer: yes, credentials: yes }],
    [usual, [issuer], { exchange: yes, bearer: yes, credentials: yes }],
    [usual, endpoint, { exchange: no, bearer: yes, credentials: no }],
    [usual, [endpoint], { exchange: no, bearer: yes, credentials: no }],
    [usual, [issuer, endpoint], { exchange: inList, bearer: yes, credentials: alone }],
    [usual, [endpoint, other], { exchange: no, bearer: inList, credentials: no }],
    [usual, [issuer, other], { exchange: inList, bearer: inList, credentials: alone }],
    [usual, `${endpoint}/`, { exchange: no, bearer: no, credentials: no }],
    [usual, `${issuer}/`, { exchange: no, bearer: no, credentials: no }],
    [usual, [], { exchange: no, bearer: no, credentials: no }],
    [own, 'api://counterseal', { exchange: yes, bearer: yes, credentials: alone }],
    [own, endpoint, { exchange: no, bearer: no, credentials: no }],
    [own, issuer, { exchange: no, bearer: no, credentials: no }],
    [open, [issuer, other], { exchange: yes, bearer: yes, credentials: alone }],
    [open, [endpoint, other], { exchange: no, bearer: yes, credentials: no }],
    [open, issuer, { exchange: yes, bearer: yes, credentials: yes }],
    // Whose own audience it is comes first, on every grant; what fits two fits none.
    [two, issuer, { exchange: 'by-issuer', bearer: 'by-issuer', credentials: 'by-issuer' }],
    [two, endpoint, { exchange: 'by-endpoint', bearer: 'by-endpoint', credentials: alone }],
    [
      two,
      [issuer, endpoint],
      { exchange: 'audience_ambiguous', bearer: 'audience_ambiguous', credentials: 'audience_ambiguous' },
    ],
  ];

describe('the audience of evidence', () => {
  let service: TestService;
  before(async () => {
    service = await startService({ attestors, rules: '{}' });
  });
  after(() => service.close());

  for (const [iss, aud, expected] of rows) {
    for (const [name, way] of Object.entries({ exchange, bearer, credentials })) {
      it(`${way.name} of ${iss}: ${JSON.stringify(aud)}`, async () => {
        const request = { namespace: 'agents', serviceAccount: 'calendar-agent', audience: issuer };
        const token = service.cluster.sign({ ...service.cluster.claims(request), iss, aud });
        const { status, body } = await ask(service, way, token);
        const { subject, attestor, reason } = await service.lastRecord();
        const wanted = expected[name as keyof typeof expected];
        const isRejected = [no, alone, inList, 'audience_ambiguous'].includes(String(wanted));
        assert.equal(isRejected ? reason : attestor, wanted === yes ? new URL(iss).hostname.split('.')[0] : wanted);
        // No rule is there: evidence that is accepted ends at the policy.
        assert.deepEqual([status, body.error], isRejected ? way.rejected : [400, 'invalid_target']);
        assert.equal(subject === null, isRejected);
      });
    }
  }
});
