/** Tells a service that keeps keys and does not answer from one that says no: a start waits for the first. */
import { Unavailable } from '../errors.js';

/** It says itself that it cannot just now, and nobody has to change anything of ours. */
export class Away extends Unavailable {}

const unanswered = new Set(['outbound_failed', 'outbound_late', 'kms_late', 'vault_late']);

export const isAway = (error: unknown): boolean =>
  error instanceof Away || (error instanceof Unavailable && unanswered.has(error.reason));
