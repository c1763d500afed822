/** Hosts as they stand in URLs of the configuration. */
import { isIP } from 'node:net';

/**
 * The IP addresses that stand as the host of an http or https URL in any value, in the form that `URL` gives them, IPv6
 * without brackets. An operator who writes an address means it: these may be called although they are private.
 */
export function literalHosts(values: unknown): ReadonlySet<string> {
  const hosts = new Set<string>();
  const seen = new Set<object>();
  const collect = (value: unknown): void => {
    if (typeof value === 'string') {
      const host = hostOf(value);
      if (isIP(host) !== 0) hosts.add(host);
    } else if (typeof value === 'object' && value !== null && !seen.has(value)) {
      seen.add(value);
      for (const part of Object.values(value)) collect(part);
    }
  };
  collect(values);
  return hosts;
}

function hostOf(value: string): string {
  if (!/^https?:\/\//i.test(value) || !URL.canParse(value)) return '';
  return new URL(value).hostname.replace(/^\[(.*)\]$/, '$1');
}
