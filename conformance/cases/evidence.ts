/** Evidence that must not be accepted, by each grant in its own error. */
import { type Case, type Check, rfc, type Section } from '../case.js';
import { granted, quiet, refused } from '../matchers.js';
import type { Variant } from '../variants.js';
import { evidenceOf } from '../world.js';
import { evidence, type Grant, grants, needsOf, tokenExchange, tokenRequest } from './grants.js';

const bis: Section = {
  name: 'rfc7523bis §3',
  url: 'https://datatracker.ietf.org/doc/html/draft-ietf-oauth-rfc7523bis#section-3',
};

interface Row {
  readonly variant: Variant;
  readonly title: string;
  readonly section: Section;
  /** Default must. `must of assertions`: RFC 7523 asks for it, and RFC 8693 leaves it to the server what it accepts as subject_token. */
  readonly level?: Case['level'] | 'must of assertions';
}

const rows: readonly Row[] = [
  { variant: 'garbage', title: 'text that is no token', section: rfc(7519, '7.2') },
  { variant: 'bad-signature', title: 'a signature of another key', section: rfc(7515, '5.2') },
  { variant: 'altered-claims', title: 'claims that were changed after signing', section: rfc(7515, '5.2') },
  { variant: 'expired', title: 'expired an hour ago', section: rfc(7519, '4.1.4') },
  { variant: 'not-yet-valid', title: 'valid in an hour', section: rfc(7519, '4.1.5') },
  { variant: 'no-expiry', title: 'without exp', section: rfc(7523, '3'), level: 'must of assertions' },
  { variant: 'distant-expiry', title: 'good for ten years', section: rfc(7523, '3'), level: 'should' },
  { variant: 'text-expiry', title: 'exp as text', section: rfc(7519, '4.1.4') },
  { variant: 'no-subject', title: 'without sub', section: rfc(7523, '3'), level: 'must of assertions' },
  { variant: 'no-issuer', title: 'without iss', section: rfc(7523, '3'), level: 'must of assertions' },
  { variant: 'untrusted-issuer', title: 'of an issuer that is not trusted', section: rfc(7523, '3') },
  { variant: 'no-audience', title: 'without aud', section: rfc(7523, '3'), level: 'must of assertions' },
  { variant: 'wrong-audience', title: 'for another audience', section: rfc(7519, '4.1.3') },
  { variant: 'longer-audience', title: 'for an audience that begins with ours', section: rfc(7519, '4.1.3') },
  { variant: 'alg-none', title: 'without a signature', section: rfc(8725, '3.2') },
  { variant: 'alg-none-capitals', title: 'without a signature, NONE', section: rfc(8725, '3.2') },
  { variant: 'alg-none-signed', title: 'alg none with a signature', section: rfc(8725, '3.2') },
  { variant: 'alg-small-letters', title: 'alg in other letters', section: rfc(7515, '4.1.1') },
  { variant: 'public-key-as-secret', title: 'an HMAC with the public key as PEM', section: rfc(8725, '2.1') },
  { variant: 'public-jwk-as-secret', title: 'an HMAC with the public key as JWK', section: rfc(8725, '2.1') },
  { variant: 'wrong-curve', title: 'the algorithm of another curve', section: rfc(7518, '3.4') },
  { variant: 'unknown-critical', title: 'a critical header that nobody knows', section: rfc(7515, '4.1.11') },
  { variant: 'unencoded-payload', title: 'b64 false', section: rfc(7797, '7') },
  { variant: 'encrypted', title: 'a JWE', section: rfc(8725, '3.1') },
  { variant: 'json-form', title: 'the JSON form of a JWS', section: rfc(7519, '1') },
  { variant: 'nested', title: 'a JWT within a JWT', section: rfc(8725, '3.3') },
  { variant: 'duplicate-claims', title: 'a claim twice', section: rfc(7519, '4'), level: 'should' },
  { variant: 'duplicate-header', title: 'a member of the header twice', section: rfc(7515, '4'), level: 'should' },
  { variant: 'embedded-jwk', title: 'signed with a key that it brings along', section: rfc(8725, '3.10') },
  { variant: 'kid-path', title: 'a kid that is a path', section: rfc(8725, '3.10') },
  { variant: 'further-audiences', title: 'for others, too', section: bis, level: 'should' },
];

/** RFC 8725 §3.10: nothing that stands in a token says where to go. */
const leading: readonly Row[] = [
  { variant: 'jku', title: 'a jku, and does not follow it', section: rfc(8725, '3.10') },
  { variant: 'x5u', title: 'an x5u, and does not follow it', section: rfc(8725, '3.10') },
  { variant: 'kid-url', title: 'a kid that is a URL, and does not follow it', section: rfc(8725, '3.10') },
];

const refusal =
  (grant: Grant, checks: readonly Check[] = []) =>
  ({ variant, title, section, level = 'must' }: Row): Case => ({
    id: `${grant.name}/${variant}`,
    title: `refuses evidence: ${title}`,
    section,
    level: level === 'must of assertions' ? (grant === tokenExchange ? 'should' : 'must') : level,
    needs: needsOf(grant, variant),
    steps: [
      {
        request: tokenRequest(grant, { evidence: evidence(variant) }),
        expect: [...refused(...grant.rejected), ...checks],
      },
    ],
  });

/** For evidence that is good for one request (RFC 7523 §3, jti). */
const once = (grant: Grant): Case => ({
  id: `${grant.name}/used-twice`,
  title: 'refuses evidence that was used before',
  section: rfc(7523, '3'),
  level: 'must',
  needs: [...needsOf(grant), 'single-use-evidence'],
  steps: [
    {
      request: tokenRequest(grant, {
        evidence: async (world) => {
          const shown = await evidenceOf(world, world.profile.evidence, 'good');
          world.kept.set('evidence', shown);
          return shown;
        },
      }),
      expect: granted,
    },
    {
      request: tokenRequest(grant, { evidence: ({ kept }) => kept.get('evidence') ?? '' }),
      expect: refused(...grant.rejected),
    },
  ],
});

const clientAssertion: Row = {
  variant: 'token-endpoint-audience',
  title: 'a client assertion for the URL of the token endpoint',
  section: bis,
  level: 'should',
};

export const badEvidence: readonly Case[] = grants.flatMap((grant) => [
  ...rows.map(refusal(grant)),
  ...leading.map(refusal(grant, [quiet])),
  ...(grant.name === 'client-credentials' ? [refusal(grant)(clientAssertion)] : []),
  once(grant),
]);
