/** Base64url as a JWS has it: RFC 4648 §5 without padding (RFC 7515 §2), and only in its one canonical spelling. */

/**
 * @returns undefined for text that is not the canonical encoding of its own bytes: padding, white space, `+`, `/`,
 *   any other foreign character, a length that no bytes have, or trailing bits that are not zero
 */
export function decodeBase64url(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64url');
  // Node's decoder skips what it does not know; there is only one text that it makes of the bytes.
  return bytes.toString('base64url') === text ? bytes : undefined;
}
