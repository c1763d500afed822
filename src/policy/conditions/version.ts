/**
 * Versions of kubelets, kernels and runtimes, as platforms write them: `v1.31.2-eks-7f9249a`, `6.1.0-13-amd64`,
 * `1.34.0-rc.1`. They are compared as versions, never as text.
 */

export interface Version {
  /** `[1, 31, 2]`. What is not there counts as 0. */
  readonly release: readonly number[];
  /** Of `rc.1`: how near `rc` is to the release, then 1. Null for a release, which comes after all of its own. */
  readonly preRelease: readonly number[] | null;
  /** What a vendor added: `['eks', '7f9249a']`, `[13, 'amd64']`. */
  readonly build: readonly (number | string)[];
}

/** A longer text is no version. */
const longest = 256;

const form = /^v?(\d{1,15}(?:\.\d{1,15})*)((?:[-+~_][\x21-\x7e]*)?)$/;

/** In the order in which they come before a release. Every other word is a vendor's. */
const stages: readonly string[] = ['dev', 'alpha', 'beta', 'rc'];

/** Null for what cannot be read as a version. */
export function parseVersion(text: string): Version | null {
  const [, release, suffix = ''] = (text.length <= longest && form.exec(text)) || [];
  if (release === undefined) return null;
  const preRelease = preReleaseOf(suffix);
  return {
    release: release.split('.').map(Number),
    preRelease,
    build: preRelease === null ? partsOf(suffix) : [],
  };
}

/**
 * Also in `6.12.0-0.rc5.44.fc42`, where a distribution's number stands before it. What follows a `+` is never one: it
 * tells how a release was built.
 */
function preReleaseOf(suffix: string): readonly number[] | null {
  const parts = partsOf(suffix.split('+', 1)[0] ?? '');
  for (const [index, part] of parts.entries()) {
    const [, word = '', digits = ''] = /^([a-z]+)(\d{0,15})$/i.exec(String(part)) ?? [];
    const stage = stages.indexOf(word.toLowerCase());
    if (stage >= 0)
      return [stage, ...(digits === '' ? [] : [Number(digits)]), ...leadingNumbers(parts.slice(index + 1))];
  }
  return null;
}

function leadingNumbers(parts: Version['build']): number[] {
  const numbers: number[] = [];
  for (const part of parts) {
    if (typeof part !== 'number') break;
    numbers.push(part);
  }
  return numbers;
}

const partsOf = (suffix: string): Version['build'] =>
  suffix
    .split(/[-+~_.]/)
    .filter((part) => part !== '')
    .map((part) => (/^\d{1,15}$/.test(part) ? Number(part) : part));

/**
 * Below 0 when the version comes before the bound, 0 when it is the same as far as the bound goes, above 0 when it comes
 * after it. A bound without a build is met by every vendor's build of that release alike; of one with a build, as many
 * parts are compared as it writes. Null when these have no order: another vendor's word, or a hash.
 */
export function compareVersions(version: Version, bound: Version): number | null {
  const order = compareNumbers(version.release, bound.release) || comparePreReleases(version, bound);
  if (order !== 0) return order;
  for (const [index, wanted] of bound.build.entries()) {
    const part = version.build[index];
    if (part === wanted) continue;
    return typeof part === 'number' && typeof wanted === 'number' ? part - wanted : null;
  }
  return 0;
}

function comparePreReleases({ preRelease: one }: Version, { preRelease: other }: Version): number {
  if (one === null || other === null) return Number(one === null) - Number(other === null);
  return compareNumbers(one, other);
}

function compareNumbers(one: readonly number[], other: readonly number[]): number {
  for (let index = 0; index < Math.max(one.length, other.length); index++) {
    const difference = (one[index] ?? 0) - (other[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
