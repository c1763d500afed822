/** RFC 9396 in rules: what a grant gives of tools, and what limits it. */
import { z } from 'zod';
import { type AuthorizationDetails, readDetails, type Tool, written } from '../authorization-details/details.js';
import { DetailsError } from '../authorization-details/fault.js';
import { withinAll } from '../authorization-details/narrow.js';
import type { Asked, Facts } from './facts.js';

/** As requests have them, but for `locations`: a grant has its resource. */
export const grantedDetails = z.unknown().transform((value, context): AuthorizationDetails => {
  try {
    const details = readDetails(value, written);
    const [located] = details.filter(({ locations }) => locations !== undefined);
    if (located === undefined) return details;
    throw new DetailsError('without locations: a grant is for its resource', []);
  } catch (error) {
    if (!(error instanceof DetailsError)) throw error;
    context.issues.push({
      code: 'custom',
      input: value,
      path: [...error.path],
      message: `not authorization details: ${error.message}`,
    });
    return z.NEVER;
  }
});

/** What was asked for, and what a token of ours that was shown has. Empty: nothing limits what rules give. */
export const limitsOf = (asked: Asked, { delegator }: Pick<Facts, 'delegator'>): readonly AuthorizationDetails[] =>
  [asked.authorizationDetails, delegator?.authorizationDetails].flatMap((limit) =>
    limit === undefined ? [] : [limit],
  );

/** What a grant gives within the limits. Empty: nothing. Null: it says nothing of tools, and neither do they. */
export function toolsOf(
  given: AuthorizationDetails | null,
  limits: readonly AuthorizationDetails[],
): readonly Tool[] | null {
  if (given !== null) return withinAll([given, ...limits]);
  return limits.length === 0 ? null : [];
}
