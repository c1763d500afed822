/** Takes a JWT apart (RFC 7519 §7.2), strictly: what is read here is read in the same way by every other parser. */
import type { UnverifiedJwt } from '../../attestors/attestor.js';
import { Rejected } from '../errors.js';
import { decodeBase64url } from './base64url.js';
import { type JsonFault, type JsonObject, parseObject } from './json.js';

/** Characters. Platform tokens have 1 to 2 KiB; those of people with many groups up to 8. */
const maxLength = 16 * 1024;

const faultDetails: Readonly<Record<JsonFault, string>> = {
  utf8: 'is not UTF-8',
  json: 'is not JSON',
  not_object: 'is not a JSON object',
  duplicate_member: 'has a member twice',
  forbidden_member: 'has a member named __proto__',
  lone_surrogate: 'has a string with half a surrogate pair',
  too_deep: 'is nested more than 16 levels deep',
};

/** Whether the text has the three parts of a compact JWS (RFC 7515 §3.1). Says nothing of what is in them. */
export function looksLikeJwt(token: string): boolean {
  const first = token.indexOf('.');
  const second = token.indexOf('.', first + 1);
  return first > 0 && second > first + 1 && token.indexOf('.', second + 1) < 0;
}

/**
 * The compact form only: no JWE, no JSON serialization, no nesting. The signature is not looked at.
 * @param token without white space around it, at most 16 KiB
 * @throws Rejected `jwt_too_large`, `jwt_not_compact`, `jwt_base64url`, or `jwt_` and a `JsonFault`; its detail never
 *   has a part of the token
 */
export function decodeJwt(token: string): UnverifiedJwt {
  if (token.length > maxLength)
    throw new Rejected('jwt_too_large', `The token is longer than ${maxLength} characters.`);
  if (!looksLikeJwt(token)) throw notCompact(token);
  const payloadAt = token.indexOf('.') + 1;
  const signatureAt = token.indexOf('.', payloadAt) + 1;
  return Object.freeze({
    header: decodeObject(token.slice(0, payloadAt - 1), 'header'),
    claims: decodeObject(token.slice(payloadAt, signatureAt - 1), 'payload'),
    signingInput: token.slice(0, signatureAt - 1),
    signature: decodePart(token.slice(signatureAt), 'signature'),
  });
}

function notCompact(token: string): Rejected {
  const parts = token.split('.').length;
  const found = parts === 5 ? 'an encrypted token (JWE), which is not accepted' : `text of ${parts} parts`;
  return new Rejected('jwt_not_compact', `Expected a compact JWS, three parts that are not empty; found ${found}.`);
}

function decodeObject(text: string, part: string): JsonObject {
  const object = parseObject(decodePart(text, part));
  if (typeof object === 'string') throw new Rejected(`jwt_${object}`, `The JWT's ${part} ${faultDetails[object]}.`);
  return object;
}

function decodePart(text: string, part: string): Buffer {
  const bytes = decodeBase64url(text);
  if (bytes === undefined) throw new Rejected('jwt_base64url', `The JWT's ${part} is not canonical base64url.`);
  return bytes;
}
