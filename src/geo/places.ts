/** Where addresses are, by the content of an MMDB file: of MaxMind, DB-IP, IPinfo and others of these schemas. */
import { isIPv6 } from 'node:net';
import { type CityResponse, Reader } from 'mmdb-lib';
import { isPublic } from '../addresses.js';

export interface Place {
  /** ISO 3166-1, such as `DE`. Null: not known. */
  readonly country: string | null;
  /** ISO 3166-2, such as `DE-BY`: the largest that the address is in. Null: not known. */
  readonly subdivision: string | null;
}

export interface Places {
  /** Seconds since the epoch. */
  readonly builtAt: number;
  /** @returns null when the content is broken at this place */
  locate(ip: string): Place | null;
}

/** Parts of records that many records share, such as countries. */
const mostCached = 10_000;

/** By place in the file; begun anew when it is full. */
function createCache() {
  const known = new Map<string | number, unknown>();
  return {
    get: (place: string | number) => known.get(place),
    set(place: string | number, part: unknown) {
      if (known.size >= mostCached) known.clear();
      known.set(place, part);
    },
  };
}

const nowhere: Place = Object.freeze({ country: null, subdivision: null });

/** @throws Error that says what is wrong with the file, and what to do */
export function readPlaces(content: Buffer): Places {
  const reader = openReader(content);
  const { ipVersion, buildEpoch } = reader.metadata;
  const places = Object.freeze<Places>({
    builtAt: buildEpoch.getTime() / 1000,
    locate(address) {
      // Not every file has the mapped addresses in its tree.
      const ip = address.replace(/^::ffff:(?=[\d.]+$)/i, '');
      // A tree of IPv4 would be walked with the first bits of the IPv6 address.
      if (!isPublic(ip) || (ipVersion === 4 && isIPv6(ip))) return nowhere;
      try {
        return placeOf(reader.get(ip));
      } catch {
        return null;
      }
    },
  });
  checkSome(reader, places);
  return places;
}

function openReader(content: Buffer): Reader<CityResponse> {
  try {
    // What pointers lead to is read once: a few bytes could else unfold without end.
    const reader = new Reader<CityResponse>(content, { cache: createCache() });
    const { nodeCount, searchTreeSize, ipVersion, buildEpoch } = reader.metadata;
    const isWhole = nodeCount > 0 && searchTreeSize < content.length && Number.isFinite(buildEpoch.getTime());
    if (isWhole && (ipVersion === 4 || ipVersion === 6)) return reader;
  } catch {
    // Its messages are about bytes.
  }
  throw new Error('it is no MMDB file, or not a whole one: download it again');
}

/** A few hundred addresses all over: one that has records, and no country in any of them, is about something else. */
function checkSome(reader: Reader<CityResponse>, { locate }: Places): void {
  let found = false;
  for (let first = 1; first < 224; first++) {
    const ip = `${first}.32.0.1`;
    if (locate(ip)?.country) return;
    try {
      found ||= reader.get(ip) !== null;
    } catch {
      throw new Error('its content is broken: download it again');
    }
  }
  if (found) throw new Error('its records have no country: take a database of countries or cities');
}

/** MaxMind and DB-IP have `country.iso_code`; IPinfo has `country_code`, or the code as `country`. */
function placeOf(record: unknown): Place {
  const { country, country_code, subdivisions } = (record ?? {}) as Readonly<Record<string, unknown>>;
  const code = [memberOf(country, 'iso_code'), country_code, country].find(isCountryCode);
  if (code === undefined) return nowhere;
  const [largest] = Array.isArray(subdivisions) ? (subdivisions as readonly unknown[]) : [];
  const part = memberOf(largest, 'iso_code');
  const isPart = typeof part === 'string' && /^[A-Z0-9]{1,3}$/.test(part);
  return Object.freeze({ country: code, subdivision: isPart ? `${code}-${part}` : null });
}

const isCountryCode = (value: unknown): value is string => typeof value === 'string' && /^[A-Z]{2}$/.test(value);

const memberOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Readonly<Record<string, unknown>>)[name]
    : undefined;
