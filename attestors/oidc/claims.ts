/** What a verified token says of the workload, by the claims that the configuration names. */
import { Rejected } from '../../src/errors.js';
import { selector } from '../attestor.js';
import { compileGlob } from '../glob.js';
import type { OidcOptions } from './options.js';

export type Claims = Readonly<Record<string, unknown>>;

/** Bytes of UTF-8. In base64url, what is in a subject stays within the 2048 bytes of a SPIFFE ID (§2.3). */
const longest = 512;
/** Of a list, the entries. */
const most = 64;
/** Controls, format characters (bidi controls, zero-width) and the Unicode line ends: a value must be what it looks like. */
const unprintable = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

/** @param name of a claim, or a JSON pointer (RFC 6901) into one; not into lists */
function claimOf(claims: Claims, name: string): unknown {
  if (!name.startsWith('/')) return memberOf(claims, name);
  const names = name.slice(1).split('/');
  return names.reduce<unknown>((at, each) => memberOf(at, each.replaceAll('~1', '/').replaceAll('~0', '~')), claims);
}

/** A member of the object itself, and none that every object has. */
function memberOf(value: unknown, name: string): unknown {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isObject && Object.hasOwn(value, name) ? (value as Claims)[name] : undefined;
}

/** @throws Rejected `subject_malformed` */
export function readSubject(claims: Claims, name: string): string {
  const value = claimOf(claims, name);
  if (typeof value === 'string' && value !== '' && isPlain(value)) return value;
  throw new Rejected(
    'subject_malformed',
    `${name} has to name the workload: expected text of 1 to ${longest} bytes without control characters; found ${quote(value)}.`,
  );
}

/** A pattern of text matches text only, and a value of another kind itself only. */
export interface Requirement {
  readonly claim: string;
  readonly expected: OidcOptions['require'][string];
  readonly holds: (value: unknown) => boolean;
}

export function compileRequirements(require: OidcOptions['require']): readonly Requirement[] {
  return Object.entries(require).map(([claim, expected]) => {
    if (typeof expected !== 'string') return { claim, expected, holds: (value) => value === expected };
    const matches = compileGlob(expected);
    return { claim, expected, holds: (value) => typeof value === 'string' && matches(value) };
  });
}

/** @throws Rejected `claim_required` for the first that does not hold */
export function checkRequirements(claims: Claims, requirements: readonly Requirement[]): void {
  for (const { claim, expected, holds } of requirements) {
    const seen = claimOf(claims, claim);
    if (holds(seen)) continue;
    throw new Rejected(
      'claim_required',
      `The claim ${quote(claim)} is required: expected ${quote(expected)}; found ${quote(seen)}.`,
    );
  }
}

/**
 * Sorted. A claim that the token does not have gives none, and so do null, an empty text and an object: it is known that the
 * workload has no such selector.
 * @throws Rejected `claim_malformed`
 */
export function selectorsOf(claims: Claims, mapping: Readonly<Record<string, string>>): readonly string[] {
  const all = Object.entries(mapping).flatMap(([name, claim]) =>
    valuesOf(claim, claimOf(claims, claim)).map((value) => selector('oidc', name, value)),
  );
  return Object.freeze([...new Set(all)].sort());
}

function valuesOf(claim: string, value: unknown): readonly string[] {
  if (Array.isArray(value)) {
    if (value.length > most) throw malformed(claim, `it has ${value.length} entries, more than ${most}`);
    if (!value.every((one) => typeof one === 'string')) throw malformed(claim, 'an entry of the list is no text');
    return value.flatMap((one) => textOf(claim, one));
  }
  if (typeof value === 'string') return textOf(claim, value);
  if (typeof value === 'boolean') return [String(value)];
  if (typeof value !== 'number') return [];
  // Beyond it, two different numbers of a token are one here.
  if (Math.abs(value) > Number.MAX_SAFE_INTEGER)
    throw malformed(claim, 'the number is too great to be told from others');
  return [JSON.stringify(value)];
}

function textOf(claim: string, value: string): readonly string[] {
  if (!isPlain(value)) throw malformed(claim, `the text is over ${longest} bytes, or has control characters`);
  return value === '' ? [] : [value];
}

const isPlain = (value: string) => Buffer.byteLength(value) <= longest && !unprintable.test(value);

const malformed = (claim: string, what: string) =>
  new Rejected('claim_malformed', `The claim ${quote(claim)} cannot become a selector: ${what}.`);

/** For the record, which leaves out what looks like a token: as JSON, so that no control character survives. */
function quote(value: unknown): string {
  if (value === undefined) return 'absent';
  const json = JSON.stringify(value);
  return json.length <= 200 ? json : `${json.slice(0, 199)}…`;
}
