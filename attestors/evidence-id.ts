/** What names one token, whoever issued it. */
import { createHash } from 'node:crypto';
import type { UnverifiedJwt } from './attestor.js';

/** Undefined for what cannot be one: it is left out, or no text of 1 to 256 characters. */
export const readJti = (jti: unknown): string | undefined =>
  typeof jti === 'string' && jti !== '' && jti.length <= 256 ? jti : undefined;

/** The `jti`, or a hash of the signed bytes; never of the whole token, whose signature may be written in two ways. */
export const evidenceIdOf = (jti: string | undefined, { signingInput }: UnverifiedJwt): string =>
  jti ?? `sha256:${createHash('sha256').update(signingInput).digest('base64url')}`;
