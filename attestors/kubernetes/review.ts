/** TokenReview: what the API server says about a token must be what the token says about itself. */
import { z } from 'zod';
import { Rejected, Unavailable } from '../../src/errors.js';
import type { ApiServer } from './api.js';
import type { ServiceAccountToken } from './claims.js';

const answerSchema = z.object({
  status: z.object({
    /** Left out by the API server when false. */
    authenticated: z.boolean().optional(),
    audiences: z.array(z.string()).optional(),
    user: z
      .object({
        username: z.string().optional(),
        uid: z.string().optional(),
        extra: z.record(z.string(), z.array(z.string())).optional(),
      })
      .optional(),
    error: z.string().optional(),
  }),
});

type Status = z.output<typeof answerSchema>['status'];

const extraPrefix = 'authentication.kubernetes.io/';

/**
 * @throws Rejected when the API server does not accept the token for the audience (its pod is gone), or disagrees
 * @throws Unavailable when the API server cannot be asked, or what it says cannot be read or contradicts itself
 */
export async function reviewToken(
  server: ApiServer,
  token: string,
  audience: string,
  claimed: ServiceAccountToken,
  signal: AbortSignal,
): Promise<void> {
  const answer = answerSchema.safeParse(await server.review(token, audience, signal));
  if (!answer.success)
    throw new Unavailable('api_unreadable', "the API server's answer is not a TokenReview: check its address");
  const { status } = answer.data;
  if (status.authenticated !== true) {
    throw new Rejected(
      'review_refused',
      `The API server does not accept the token; its reason: ${quote(status.error, token)}.`,
    );
  }
  if (status.error !== undefined && status.error !== '') {
    throw new Unavailable(
      'review_failed',
      `The API server accepts the token and reports an error at once: ${quote(status.error, token)}; see its log.`,
    );
  }
  if (!status.audiences?.includes(audience))
    throw disagrees('audiences', audience, quote(status.audiences?.join(' '), token));
  for (const [field, expected, seen] of comparisons(status, claimed)) {
    if (expected !== seen) throw disagrees(field, expected, quote(seen, token));
  }
}

type Comparison = readonly [field: string, expected: string | undefined, seen: string | undefined];

function comparisons({ user }: Status, { sub, serviceAccount, pod, node, jti }: ServiceAccountToken): Comparison[] {
  const extra = (key: string) => onlyValue(user?.extra?.[extraPrefix + key]);
  const credential = extra('credential-id');
  const expectedCredential = jti === undefined ? undefined : `JTI=${jti}`;
  return [
    ['username', sub, user?.username],
    ['uid', serviceAccount.uid, user?.uid],
    ['pod-name', pod?.name, extra('pod-name')],
    ['pod-uid', pod?.uid, extra('pod-uid')],
    ['node-name', node?.name, extra('node-name')],
    ['node-uid', node?.uid, extra('node-uid')],
    // API servers before 1.32 may leave it out.
    ['credential-id', credential === undefined ? undefined : expectedCredential, credential],
  ];
}

/** Several values, or none, are never what a token says: as JSON, they equal nothing that it can say. */
function onlyValue(values: readonly string[] | undefined): string | undefined {
  return values?.length === 1 ? values[0] : values && JSON.stringify(values);
}

function disagrees(field: string, expected: string | undefined, seen: string): Rejected {
  return new Rejected(
    'review_disagrees',
    `The API server and the token disagree about ${field}: expected ${expected ?? 'none'}, seen ${seen}.`,
  );
}

/** A value of the API server's, for the record: short, printable, and left out if it has a part of the token. */
function quote(value: string | undefined, token: string): string {
  if (value === undefined || value === '') return 'none';
  if (token.split('.').some((part) => value.includes(part))) return '(left out, as it quotes the token)';
  return value.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, 200);
}
