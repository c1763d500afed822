/** Network: which address the request came from. */
import { z } from 'zod';
import { contains, networks } from '../../addresses.js';
import { type Condition, type Hope, unknownRank } from '../match.js';
import { list, object } from '../strict.js';
import type { ConditionKind } from './kind.js';

const schema = object('a network: its cidr', {
  cidr: list(
    'a list of at least one network',
    z.union([z.cidrv4(), z.cidrv6()], { error: 'a network such as 10.0.0.0/8 or fd00::/8' }),
  ),
});

type Asked = z.output<typeof schema>;

export const network = Object.freeze<ConditionKind<Asked>>({
  kind: 'network',
  schema,
  checks: ({ cidr }: Asked) => [{ key: 'cidr', reads: [], condition: (hope) => within(cidr, hope) }],
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
