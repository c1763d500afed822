/**
 * Which exchanges are traced: OpenTelemetry's ParentBased sampler, with a bound. Anybody may send a `traceparent` that says "sampled", before it is
 * known who asks, and a proxy hands it on as it came: the flag is followed for so many exchanges a second, and beyond them counts for nothing.
 * The ratio is drawn, not computed from the trace's id, which is the caller's choice too.
 */
import { createBucket } from '../bucket.js';

/** Exchanges in a second that are traced because their caller says so; also the most at once. */
export const mostByCallers = 10;

export interface SamplingOptions {
  /** 0 to 1: of the exchanges that no flag decides. */
  readonly ratio: number;
  /** Milliseconds, from any start. Default: `performance.now`. */
  readonly now?: () => number;
}

/** @param isSampled as the caller's flag has it; undefined: there is none */
export type Sample = (isSampled: boolean | undefined) => boolean;

export function createSampling({ ratio, now = () => performance.now() }: SamplingOptions): Sample {
  const byCallers = createBucket({ size: mostByCallers, fillsIn: 1_000 }, now);
  return (isSampled) => {
    if (isSampled === false) return false;
    return (isSampled === true && byCallers.take()) || Math.random() < ratio;
  };
}
