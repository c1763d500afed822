/** RFC 9396 in rules: what a grant gives of tools, and what limits it. */
import { z } from 'zod';
import {
  type AuthorizationDetails,
  issued,
  readDetails,
  type Tool,
  written,
} from '../authorization-details/details.js';
import { DetailsError } from '../authorization-details/fault.js';
import { namedByAll } from '../authorization-details/narrow.js';
import type { Asked, Facts } from './facts.js';

/** As rules have them: without `locations`, because a grant has its resource. */
export const grantedDetails = z.unknown().transform((value, context) =>
  readInto(context, value, () => {
    const details = readDetails(value, written);
    if (details.every(({ locations }) => locations === undefined)) return details;
    throw new DetailsError('without locations: a grant is for its resource', []);
  }),
);

/** As tokens have them. */
export const issuedDetails = z
  .unknown()
  .transform((value, context) => readInto(context, value, () => readDetails(value, issued)));

type Context = Pick<z.core.ParsePayload, 'issues'>;

function readInto({ issues }: Context, input: unknown, read: () => AuthorizationDetails): AuthorizationDetails {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof DetailsError)) throw error;
    const message = `not authorization details: ${error.message}`;
    issues.push({ code: 'custom', input, path: [...error.path], message });
    return z.NEVER;
  }
}

/** What was asked for, and what a token of ours that was shown has. Empty: nothing limits what rules give. */
export const limitsOf = (asked: Asked, { delegator }: Pick<Facts, 'delegator'>): readonly AuthorizationDetails[] =>
  [asked.authorizationDetails, delegator?.authorizationDetails].flatMap((limit) =>
    limit === undefined ? [] : [limit],
  );

/** What a grant gives of what the limits name. Empty: nothing. Null: it says nothing of tools, and neither do they. */
export function toolsOf(
  given: AuthorizationDetails | null,
  limits: readonly AuthorizationDetails[],
): readonly Tool[] | null {
  if (given !== null) return namedByAll(given, limits);
  return limits.length === 0 ? null : [];
}
