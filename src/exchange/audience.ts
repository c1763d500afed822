/** What a grant asks of the audience of its evidence, beside what the attestor asks. */
import type { UnverifiedJwt } from '../../attestors/attestor.js';
import { Rejected } from '../errors.js';
import { quoteClaim } from '../jwt/quote.js';

/**
 * `attestor`: as its block has it. `token endpoint too`: where that is our issuer, the token endpoint’s URL names us as well (RFC 7523 §3).
 * `issuer alone`: our issuer and nothing else, whatever the block has (rfc7523bis §4, of client authentication).
 */
export type AudienceRule = 'attestor' | 'token endpoint too' | 'issuer alone';

/** Another name under which evidence may name its audience. */
export type AudienceAlias = NonNullable<UnverifiedJwt['audienceAlias']>;

/** @returns undefined: the rule allows none */
export function aliasBy(rule: AudienceRule, issuer: string): AudienceAlias | undefined {
  return rule === 'token endpoint too' ? Object.freeze({ of: issuer, alias: `${issuer}/token` }) : undefined;
}

/** @throws Rejected `audience_not_issuer` */
export function checkIssuerAlone(aud: unknown, issuer: string): void {
  const audiences: readonly unknown[] = Array.isArray(aud) ? aud : [aud];
  if (audiences.length > 0 && audiences.every((audience) => audience === issuer)) return;
  throw new Rejected(
    'audience_not_issuer',
    `aud: expected ${quoteClaim(issuer)} and nothing else, as this grant asks; found ${quoteClaim(aud)}.`,
  );
}
