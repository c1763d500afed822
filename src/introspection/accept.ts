/** In which form the caller wants the answer (RFC 9701 §4), by its weights (RFC 9110 §12.4.2 and §12.5.1). */

export const jsonType = 'application/json';
export const jwtType = 'application/token-introspection+jwt';

interface Range {
  /** In lower case, its parameters left out: neither form has any. */
  readonly type: string;
  readonly weight: number;
}

/**
 * JSON unless the JWT weighs more; at the same weight the JWT, where it is named and not only covered by a wildcard. What cannot be
 * read is passed over, and who accepts neither form gets JSON.
 */
export function wantsJwt(accept: string | undefined): boolean {
  if (accept === undefined) return false;
  const ranges = accept.split(',').flatMap(readRange);
  const [json, jwt] = [weightOf(jsonType, ranges), weightOf(jwtType, ranges)];
  if (jwt !== json) return jwt > json;
  return jwt > 0 && ranges.some(({ type }) => type === jwtType);
}

function readRange(text: string): Range[] {
  const [type = '', ...parameters] = text.split(';').map((part) => part.trim().toLowerCase());
  const weight = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2) ?? '1';
  return /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/.test(weight) ? [{ type, weight: Number(weight) }] : [];
}

/** By the range that says most about it; 0 when none covers it. */
function weightOf(type: string, ranges: readonly Range[]): number {
  for (const name of [type, 'application/*', '*/*']) {
    const weights = ranges.flatMap((range) => (range.type === name ? [range.weight] : []));
    if (weights.length > 0) return Math.max(...weights);
  }
  return 0;
}
