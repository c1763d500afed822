/** `drafts`: specifications that are not finished, each with the version that is spoken. */
import { z } from 'zod';
import { object } from '../../policy/strict.js';

const version = (number: string) =>
  z.literal(number, { error: `"${number}", in quotes: the version that is spoken` }).optional();

export const drafts = object('a map from draft to version', {
  'id-jag': version('04').describe(
    'draft-ietf-oauth-identity-assertion-authz-grant: clients ask with assertions that an issuer of people made for us.',
  ),
  'spiffe-client-authentication': version('02').describe(
    'draft-ietf-oauth-spiffe-client-auth: clients authenticate with a JWT-SVID as such.',
  ),
})
  .prefault({})
  .describe('Specifications that are not finished, and may change with the next release. Left out: off.');
