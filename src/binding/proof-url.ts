/** `htu` of a DPoP proof (RFC 9449 §4.2, §4.3 number 9). */

/** Characters; what a URL of ours has, several times. */
const longest = 2048;
const form = /^https?:\/\/[\x21-\x5b\x5d-\x7e]+$/i;

/**
 * As it is compared: scheme and host in lower case, without the default port, dot segments, query and fragment, and with percent-encodings only
 * where they are needed (RFC 3986 §6.2.2, §6.2.3). Undefined: it is no such URL, or has a user.
 */
export function normalisedUrl(url: string): string | undefined {
  if (url.length > longest || !form.test(url) || !URL.canParse(url)) return undefined;
  const { origin, pathname, username, password } = new URL(url);
  if (username !== '' || password !== '') return undefined;
  return `${origin}${pathname.replace(/%[0-9a-f]{2}/gi, normalisedTriplet)}`;
}

function normalisedTriplet(triplet: string): string {
  const character = String.fromCharCode(Number.parseInt(triplet.slice(1), 16));
  return /[A-Za-z0-9._~-]/.test(character) ? character : triplet.toUpperCase();
}
