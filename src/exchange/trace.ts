/** An exchange as part of a trace (W3C Trace Context); ids are hexadecimal. */

/** Something that an exchange waited for: a request to somebody else, or a command of the store. */
export interface TracedCall {
  readonly spanId: string;
  readonly name: string;
  /** By the names of OpenTelemetry's semantic conventions. */
  readonly attributes: Readonly<Record<string, string | number>>;
  /** Milliseconds as `performance.now()` has them. */
  readonly began: number;
  readonly ended: number;
  readonly failed: boolean;
}

export interface TracedCalls {
  /** In the order in which they ended. */
  readonly calls: readonly TracedCall[];
  /** Beyond the most that are kept. */
  readonly leftOut: number;
}

export interface Trace {
  readonly traceId: string;
  /** Null: it begins here. */
  readonly parentSpanId: string | null;
  /** What is called within `work`, and in what `work` starts, belongs to this trace. */
  within<Result>(work: () => Result): Result;
  /** The calls that have ended by now; those that end later are nobody's. */
  end(): TracedCalls;
}
