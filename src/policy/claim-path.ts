/**
 * A claim inside another, as a rule names it: a JSON Pointer (RFC 6901) of at least two names, such as `/realm_access/roles`. What does not begin
 * with a slash is the name of a claim, whatever stands in it: `https://example.com/roles`.
 */

const form = /^(?:\/(?:[^~/]|~[01])+){2,}$/;

export const isPath = (name: string): boolean => name.startsWith('/');

export const isWellFormed = (path: string): boolean => form.test(path);

/** Null: the evidence does not have it. A step goes into a map; of a list there are no members, its entries are for who compares. */
export function claimAt(claims: Readonly<Record<string, unknown>>, name: string): unknown {
  const steps = isPath(name) ? name.slice(1).split('/').map(unescaped) : [name];
  let found: unknown = claims;
  for (const step of steps) {
    if (typeof found !== 'object' || found === null || Array.isArray(found) || !Object.hasOwn(found, step)) return null;
    found = (found as Readonly<Record<string, unknown>>)[step];
  }
  return found;
}

/** RFC 6901 §4: in this order, so that `~01` is `~1`. */
const unescaped = (step: string): string => step.replaceAll('~1', '/').replaceAll('~0', '~');
