/** What values have to be, and checks that many cases share. */
import type { Check, Matcher } from './case.js';
import type { World } from './world.js';

const matcher = (words: string, holds: Matcher['holds']): Matcher => Object.freeze({ words, holds });

export const equal = (expected: string | number | boolean): Matcher =>
  matcher(JSON.stringify(expected), (value) => value === expected);

export const matching = (words: string, pattern: RegExp): Matcher =>
  matcher(words, (value) => typeof value === 'string' && pattern.test(value));

export const absent = matcher('left out', (value) => value === undefined);
export const text = matcher('text that is not empty', (value) => typeof value === 'string' && value !== '');
export const seconds = matcher(
  'whole seconds, more than none',
  (value) => Number.isSafeInteger(value) && Number(value) > 0,
);
export const list = matcher('a list', (value) => Array.isArray(value));

/** For the clocks of two machines. */
const skew = 60;

export const future = matcher(
  'a time to come',
  (value) => typeof value === 'number' && value > Date.now() / 1000 - skew,
);
export const past = matcher(
  'a time that was',
  (value) => typeof value === 'number' && value < Date.now() / 1000 + skew,
);

/** Media types have no case, and may have parameters. */
export const mediaType = (type: string): Matcher =>
  matcher(type, (value) => typeof value === 'string' && value.toLowerCase().split(';')[0]?.trim() === type);

export const ofProfile = (words: string, expected: (world: World) => unknown): Matcher =>
  matcher(words, (value, world) => value === expected(world));

const tokensOf = (value: unknown) =>
  typeof value === 'string' ? [...new Set(value.split(' '))].sort().join(' ') : null;

/** In any order. */
export const grantedScope = matcher('all that target.scope of the profile has', (value, { profile }) => {
  return tokensOf(value) === tokensOf(profile.target.scope.join(' '));
});

/** RFC 7519 §4.1.3: one audience may stand alone or in a list. */
export const onlyTheResource = matcher('the resource, and nothing else', (value, { profile }) => {
  const found = Array.isArray(value) ? value : [value];
  return found.length === 1 && found[0] === profile.target.resource;
});

export const status = (...anyOf: readonly number[]): Check => ({ kind: 'status', anyOf });
export const error = (...anyOf: readonly string[]): Check => ({ kind: 'error', anyOf });
export const header = (name: string, is: Matcher): Check => ({ kind: 'header', name, is });
export const member = (name: string, is: Matcher): Check => ({ kind: 'member', name, is });
export const claim = (of: string, name: string, is: Matcher): Check => ({ kind: 'claim', of, name, is });
export const jwt = (of: string, type: string): Check => ({ kind: 'jwt', of, type });
export const quiet: Check = { kind: 'quiet' };
export const either = (...of: readonly (readonly Check[])[]): Check => ({ kind: 'either', of });

export const json = header('Content-Type', mediaType('application/json'));
export const noStore = header('Cache-Control', matching('no-store', /(?:^|[\s,])no-store(?:$|[\s,;])/i));

/** RFC 6749 §5.2. */
const description = matcher(
  'left out, or printable ASCII without " and \\',
  (value) => value === undefined || (typeof value === 'string' && /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/.test(value)),
);

/** An error of RFC 6749 §5.2, and no token beside it. */
export const refused = (statuses: readonly number[], ...errors: readonly string[]): readonly Check[] => [
  status(...statuses),
  error(...errors),
  json,
  member('error_description', description),
  member('access_token', absent),
];

/** RFC 6749 §5.1. */
export const granted: readonly Check[] = [
  status(200),
  json,
  noStore,
  member('access_token', text),
  member('token_type', text),
];
