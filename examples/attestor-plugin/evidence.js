/** The evidence of a machine: a payload of JSON and an Ed25519 signature of its bytes, both base64url, with a dot between. */
import { Rejected } from 'counterseal/attestor';

export const tokenType = 'urn:example:params:token-type:machine-key';

/** Machines speak for themselves, so the evidence names no issuer: its route has this one. */
export const issuer = 'machine-key';

/** Characters. */
const maxLength = 4096;

/**
 * What is signed, before the payload: a signature that the key made for another purpose is none here.
 * @param {Uint8Array} payload
 */
export const signedBytes = (payload) => Buffer.concat([Buffer.from(`${tokenType}\n`), payload]);

/**
 * @typedef {object} Content
 * @property {Readonly<Record<string, unknown>>} claims read from the payload; not yet verified
 * @property {Buffer} payload as it came: the signature is over these bytes, and over no others
 * @property {Buffer} signature
 */

/** @type {import('counterseal/attestor').EvidenceForm} */
export const form = Object.freeze({
  tokenType,
  challenge: true,
  parse(token, read) {
    const parts = token.split('.');
    if (token.length > maxLength || parts.length !== 2) {
      throw new Rejected('machine_key_form', `Expected PAYLOAD.SIGNATURE of at most ${maxLength} characters.`);
    }
    const [payload, signature] = parts.map((part) => read.base64url(part));
    const claims = read.object(payload);
    if (typeof claims.audience !== 'string') throw new Rejected('machine_key_form', 'The audience is no text.');
    return { issuer, audience: claims.audience, content: Object.freeze({ claims, payload, signature }) };
  },
});
