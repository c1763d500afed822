/** What pins a grant by names, such as that of a repository, which whoever comes later may take. */
import { type Pins, unpinned } from '../selectors.js';
import { mappingOf, type OidcOptions } from './options.js';
import { isPinned, presetOf, vendorOf } from './presets.js';

/** Of an issuer that no preset knows nothing is told: which of its claims are ids is not known. */
export function pinFor(selectors: readonly string[], block: OidcOptions): string | null {
  const { pinnedBy = {} } = vendorOf(presetOf(block.preset), block.issuer) ?? {};
  const mapping = Object.entries(mappingOf(block));
  const kindsOf = (claims: readonly string[]) =>
    claims.flatMap((claim) => mapping.filter(([, mapped]) => mapped === claim).map(([name]) => `oidc:${name}`));
  const named = Object.entries(pinnedBy)
    .filter(([, ids]) => !ids.some((id) => isPinned(block.require[id])))
    .flatMap(([claim, ids]) => kindsOf([claim]).map((kind) => [kind, ids] as const));
  const pins: Pins = Object.fromEntries(named.map(([kind, ids]) => [kind, kindsOf(ids)]));
  const [name] = unpinned(selectors, pins);
  const ids = named.find(([kind]) => kind === name)?.[1] ?? [];
  if (ids.length === 0) return null;
  return kindsOf(ids)[0] ?? `the claim ${ids.join(' or ')}, in require or selectors of the attestor,`;
}
