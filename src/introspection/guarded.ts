/** The error boundary of an endpoint. */
import { Refusal } from '../errors.js';
import type { WireResponse } from '../exchange/wire.js';

export interface Guard {
  /** Of the endpoint, for the log. */
  readonly path: string;
  /** For faults of our own. */
  readonly warn: (message: string) => void;
  readonly refuse: (refusal: Refusal) => WireResponse;
}

/** Never rejects. */
export async function guarded(
  { path, warn, refuse }: Guard,
  answer: () => Promise<WireResponse>,
): Promise<WireResponse> {
  try {
    return await answer();
  } catch (error) {
    if (error instanceof Refusal && error.fault !== 'internal') return refuse(error);
    warn(`${path}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    return refuse(new Refusal('internal', 'internal', 'An error of our own.'));
  }
}
