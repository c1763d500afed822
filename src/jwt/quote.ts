/** Values that came from outside, for the sentence of an audit record. */
import { scrub } from '../text.js';

/** Characters. */
const longest = 200;

/** As JSON, so that no control character survives; what looks like a token is left out; at most 200 characters of it. */
export function quoteClaim(value: unknown): string {
  if (value === undefined) return 'absent';
  const json = scrub(JSON.stringify(value));
  return json.length <= longest ? json : `${json.slice(0, longest - 1)}…`;
}
