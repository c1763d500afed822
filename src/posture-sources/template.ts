/** The URL at which a source is asked about one workload: placeholders for what is known of it stand in path and query. */
import { isLoopback } from '../../attestors/options.js';

/** `subject`, `instance`, or a kind of selectors such as `k8s:node`. */
const placeholderForm = /^(subject|instance|[^:{}/?#]+:[^:{}/?#]+)$/;
const placeholder = /\{([^{}]*)\}/g;

/** UTF-16 units of a URL. */
const longest = 2048;

export const aTemplate =
  'an https URL as URLs are normalised (http only on loopback), without user and fragment, with at least one placeholder in path or query, one in a segment or value, such as https://edr.example/hosts/{k8s:node}';

export function isTemplate(text: string): boolean {
  const names = placeholdersOf(text);
  const filled = text.replace(placeholder, 'x');
  // Nothing of the workload's may come to stand before the path.
  if (!/^https?:\/\/[^/?#@{}\\]+\//.test(text) || /[{}#]/.test(filled) || !isNormal(filled)) return false;
  const { protocol, hostname } = new URL(filled);
  return (
    names.length > 0 &&
    // Two in one part could be filled by two workloads to the same text.
    text.split(/[/?&=]/).every((part) => placeholdersOf(part).length <= 1) &&
    names.every((name) => placeholderForm.test(name)) &&
    (protocol === 'https:' || isLoopback(hostname))
  );
}

export function placeholdersOf(template: string): readonly string[] {
  return [...template.matchAll(placeholder)].map(([, name = '']) => name);
}

/**
 * With each value percent-encoded, as one segment or one value of the query.
 * @returns null when it would be another URL than the template means, as with `..`, or one that is too long
 */
export function fillTemplate(template: string, values: ReadonlyMap<string, string>): string | null {
  if ([...values.values()].some((value) => value === '' || /\p{Cs}/u.test(value))) return null;
  const filled = template.replace(placeholder, (_, name: string) => encode(values.get(name) ?? ''));
  return filled.length <= longest && isNormal(filled) ? filled : null;
}

const isNormal = (url: string): boolean => URL.canParse(url) && new URL(url).href === url;

/** RFC 3986 §2.3: all but the unreserved characters. */
const encode = (value: string): string =>
  encodeURIComponent(value).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
