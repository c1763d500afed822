/**
 * `client_secret_basic` taken apart (RFC 6749 §2.3.1). Client and secret are to be form-encoded before they become a user and a password; many
 * clients do not do it. So both readings of a secret are looked at, and it is decoded once at most.
 */
import { Rejected } from '../../src/errors.js';
import type { EvidenceForm } from '../attestor.js';
import { clientSecretType } from '../token-types.js';
import { secretAudience } from './options.js';

/** The readings of the secret that was sent: as it is, and form-decoded where that is another. */
export interface ShownSecret {
  readonly id: string;
  readonly readings: readonly string[];
}

export const clientSecretForm = Object.freeze<EvidenceForm>({
  tokenType: clientSecretType,
  challenge: false,
  parse(token) {
    const text = Buffer.from(token, 'base64').toString('utf8');
    const colon = text.indexOf(':');
    if (colon < 1) throw new Rejected('client_secret_form', 'The Basic credentials are not a client and a secret.');
    const secret = text.slice(colon + 1);
    // No client_id of ours has one of these characters: it was encoded.
    const id = decoded(text.slice(0, colon));
    const readings = Object.freeze([...new Set([secret, decoded(secret)])]);
    return Object.freeze({ issuer: id, audience: secretAudience, content: Object.freeze({ id, readings }) });
  },
});

/** What is no form-encoding stays as it is. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return text;
  }
}
