/** Text that came from outside: what of it may enter a record, and in what form. */

/** Controls, format characters (bidi controls, zero-width, U+FEFF), lone surrogates and the two Unicode line ends. */
const unprintable = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;
const beyondAscii = /[^\x20-\x7e]/;

/** Longest text of a client that enters a record, in UTF-16 units. */
const longest = 512;

/**
 * The start of base64url of a JSON object (`{"`, `{ `, `{` and a line end or tab) or of base64 of that, and all that may
 * belong to it: the dotted parts of a JWS or JWE, and the further lines of one that was wrapped.
 */
const tokenLike =
  /(?:e(?:y[AIJ]|w[0ok])|ZX(?:l[BJK]|cw|d[rv]))[\w+/=.-]{13,}(?:[\r\n]+[ \t]*[\w+/=.-]+|[ \t]+[\w+/=.-]{32,})*/g;

/**
 * The text with every character that a terminal or a log reader may act on written as `\uXXXX`: inside JSON the value
 * stays the same.
 */
export function printable(text: string): string {
  // Almost every record is plain ASCII, and that is told in a fraction of the time.
  return beyondAscii.test(text) ? text.replace(unprintable, escaped) : text;
}

/**
 * For whatever a client sent, before it enters a record: what looks like a token becomes `[token]`, and the text is cut
 * to 512 characters, the last of them `…`. Cut first, so that the work is bounded: what may remain of a token that
 * stands at the cut is the first 15 characters of its header.
 */
export function scrub(text: string): string {
  const cut = text.length > longest ? `${text.slice(0, longest - 1)}…` : text;
  return redactTokens(cut);
}

/** For text of bounded length. */
export function redactTokens(text: string): string {
  return text.replace(tokenLike, '[token]');
}

function escaped(character: string): string {
  let text = '';
  for (let unit = 0; unit < character.length; unit++) {
    text += `\\u${character.charCodeAt(unit).toString(16).padStart(4, '0')}`;
  }
  return text;
}
