/** Values that came from outside, for the sentence of an audit record. */
import { scrub } from '../text.js';

/** Characters. */
const longest = 200;

/** As JSON, so that no control character survives; what looks like a token is left out; at most 200 characters of it. */
export function quoteClaim(value: unknown): string {
  if (value === undefined) return 'absent';
  const scrubbed = (_key: string, one: unknown): unknown => (typeof one === 'string' ? scrub(one) : one);
  // Texts first, because JSON writes the line ends of a wrapped token as `\n`; then the whole, for names of members.
  const json = scrub(JSON.stringify(value, scrubbed));
  return json.length <= longest ? json : `${json.slice(0, longest - 1)}…`;
}
