/** Network: which address the request came from, and where that is. */
import { z } from 'zod';
import { contains, networks } from '../../addresses.js';
import { scrub } from '../../text.js';
import { type Condition, causeOf, type Hope, unknownRank } from '../match.js';
import { list, object } from '../strict.js';
import type { ConditionKind } from './kind.js';

const names = new Intl.DisplayNames(['en'], { type: 'region', fallback: 'none' });

/** They have names and are no countries. */
const noCountries = new Set(['EU', 'EZ', 'QO', 'UN', 'XA', 'XB', 'ZZ']);

/** ISO 3166-1. A code such as UK, which stands for another one, is none; neither is one that is not used any more. */
function isCountry(code: string): boolean {
  if (!/^[A-Z]{2}$/.test(code) || noCountries.has(code)) return false;
  return names.of(code) !== undefined && Intl.getCanonicalLocales(`und-${code}`)[0] === `und-${code}`;
}

const aCountry = 'the code of a country by ISO 3166-1, such as DE, or GB for the United Kingdom';
const country = z.string({ error: aCountry }).refine(isCountry, { error: aCountry });

const aSubdivision = 'the code of a subdivision by ISO 3166-2, such as DE-BY';
const subdivision = z
  .string({ error: aSubdivision })
  .refine((code) => /^..-[A-Z0-9]{1,3}$/.test(code) && isCountry(code.slice(0, 2)), { error: aSubdivision });

const schema = object('a network: its cidr, countries or subdivisions', {
  cidr: list(
    'a list of at least one network',
    z.union([z.cidrv4(), z.cidrv6()], { error: 'a network such as 10.0.0.0/8 or fd00::/8' }),
  ).optional(),
  countries: list('a list of at least one country', country).optional(),
  subdivisions: list('a list of at least one subdivision', subdivision).optional(),
}).refine((asked) => Object.values(asked).some((value) => value !== undefined), {
  error: 'a network that asks for something: cidr, countries or subdivisions',
});

type Asked = z.output<typeof schema>;

export const network = Object.freeze<ConditionKind<Asked>>({
  kind: 'network',
  schema,
  checks: ({ cidr, countries, subdivisions }: Asked) => [
    ...(cidr ? [{ key: 'cidr', reads: [], condition: (hope: Hope) => within(cidr, hope) }] : []),
    ...(countries ? [placeCheck('countries', 'country', countries)] : []),
    ...(subdivisions ? [placeCheck('subdivisions', 'subdivision', subdivisions)] : []),
  ],
});

function within(cidr: readonly string[], hope: Hope): Condition {
  const allowed = networks(cidr);
  return Object.freeze<Condition>({
    expected: `an address in ${cidr.join(' or ')}`,
    rank({ network: { ip } }) {
      if (ip === null) return unknownRank[hope].missing;
      return contains(allowed, ip) ? 3 : 0;
    },
    seen: ({ network: { ip } }) => ip ?? 'unknown (missing)',
  });
}

const placeCheck = (key: string, fact: 'country' | 'subdivision', allowed: readonly string[]) => ({
  key,
  reads: [`network.${fact}`],
  condition: (hope: Hope) =>
    Object.freeze<Condition>({
      expected: `${fact} ${allowed.join(' or ')}`,
      rank({ facts, network: { [fact]: place } }) {
        if (typeof place !== 'string') return unknownRank[hope][causeOf(facts, `network.${fact}`) ?? 'missing'];
        return allowed.includes(place) ? 3 : 0;
      },
      seen: ({ facts, network: { [fact]: place } }) =>
        typeof place === 'string' ? scrub(place) : `unknown (${causeOf(facts, `network.${fact}`) ?? 'missing'})`,
    }),
});
