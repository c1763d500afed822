/** `drafts`: specifications that may still change, each in the one version that is built. */
import { z } from 'zod';
import { object } from '../../policy/strict.js';

const version = (number: string) =>
  z.literal(number, { error: `"${number}", in quotes: the version that is built` }).optional();

export const drafts = object('a map from draft to version', {
  'transaction-tokens': version('10').describe(
    'draft-ietf-oauth-transaction-tokens: resources with tokenType: txn_token.',
  ),
  'id-jag': version('04').describe(
    'draft-ietf-oauth-identity-assertion-authz-grant: resources with tokenType: id-jag, and clients that ask with assertions that an issuer of people made for us.',
  ),
  'spiffe-client-authentication': version('02').describe(
    'draft-ietf-oauth-spiffe-client-auth: clients authenticate with a JWT-SVID as such.',
  ),
})
  .prefault({})
  .describe(
    'Drafts that are switched on. Another version takes another text here, so that no update changes what is on the wire.',
  );
