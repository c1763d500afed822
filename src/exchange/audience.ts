/** What a grant asks of the audience of its evidence, beside what the attestor asks. */
import type { UnverifiedJwt } from '../../attestors/attestor.js';
import { Rejected } from '../errors.js';
import { quoteClaim } from '../jwt/quote.js';

/**
 * `attestor`: as its block has it. `token endpoint too`: where that is our issuer, the token endpoint’s URL names us as well (RFC 7523 §3).
 * `issuer alone`: our issuer and nothing else, whatever the block has (rfc7523bis §4, of client authentication). `alone`: the block's audience and
 * nothing else, even where the block allows more: for endpoints where a platform that cannot name our issuer has no other way to authenticate.
 */
export type AudienceRule = 'attestor' | 'token endpoint too' | 'issuer alone' | 'alone';

/** Another name under which evidence may name its audience. */
export type AudienceAlias = NonNullable<UnverifiedJwt['audienceAlias']>;

/** @returns undefined: the rule allows none */
export function aliasBy(rule: AudienceRule, issuer: string): AudienceAlias | undefined {
  return rule === 'token endpoint too' ? Object.freeze({ of: issuer, alias: `${issuer}/token` }) : undefined;
}

/**
 * @param aud one of which is the audience of an attestor
 * @throws Rejected `audience_not_issuer`, `audience_not_alone`
 */
export function checkAlone(rule: AudienceRule, aud: unknown, issuer: string): void {
  const audiences: readonly unknown[] = Array.isArray(aud) ? aud : [aud];
  if (rule === 'issuer alone' && !audiences.every((audience) => audience === issuer)) {
    const expected = `${quoteClaim(issuer)} and nothing else, as this grant asks`;
    throw new Rejected('audience_not_issuer', `aud: expected ${expected}; found ${quoteClaim(aud)}.`);
  }
  if (rule === 'alone' && audiences.some((audience) => audience !== audiences[0])) {
    const expected = 'our audience and nothing else, as this endpoint asks';
    throw new Rejected('audience_not_alone', `aud: expected ${expected}; found ${quoteClaim(aud)}.`);
  }
}
