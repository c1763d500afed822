/** Reading of objects as the API server sends them: what has another form than expected counts as left out. */

export type Json = Readonly<Record<string, unknown>>;

const nothing: Json = Object.freeze({});

export const map = (value: unknown): Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : nothing;

export const list = (value: unknown): readonly Json[] => (Array.isArray(value) ? value.map(map) : []);

export const text = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined;

export const count = (value: unknown): number => (typeof value === 'number' && Number.isFinite(value) ? value : 0);

/** Seconds since the epoch, of an RFC 3339 time. */
export function time(value: unknown): number | undefined {
  const milliseconds = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  return Number.isFinite(milliseconds) ? milliseconds / 1_000 : undefined;
}

/** Of one object's labels, owners, taints or images: the most that is kept, in number and in characters. */
const mostKept = 256;
const longestKept = 16_384;

/**
 * Whoever may make an object chooses how many labels it has, and every exchange would pay for them.
 * @returns null when they are too many to be kept, so that they are unknown
 */
export function bounded<T>(kept: T, texts: readonly string[]): T | null {
  const length = texts.reduce((sum, each) => sum + each.length, 0);
  return texts.length > mostKept || length > longestKept ? null : kept;
}

/** Null: too many. */
export function labelsOf(value: unknown): Readonly<Record<string, string>> | null {
  const labels = texts(value);
  return bounded(
    labels,
    Object.entries(labels).map(([key, each]) => key + each),
  );
}

/** Labels and the like. No prototype, so that no key means more than it says. */
export function texts(value: unknown): Readonly<Record<string, string>> {
  const read: Record<string, string> = Object.create(null);
  for (const [key, each] of Object.entries(map(value))) if (typeof each === 'string') read[key] = each;
  return Object.freeze(read);
}
