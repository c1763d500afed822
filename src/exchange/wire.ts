/** The edge: what the listener hands to the pipeline, and what it gets back. No stage sees Koa. */

/** The largest body that is read, in bytes. */
export const maxBodyBytes = 65_536;

/** Or why there is none: over the limit; cut off or too slow; too many unfinished ones at once. */
export type WireBody = Buffer | 'too_large' | 'incomplete' | 'too_many';

/** In DER; not checked. */
export type WireCertificate = Buffer | 'unreadable';

export interface WireRequest {
  readonly method: string;
  /** Without the question mark; empty when there is none. */
  readonly query: string;
  readonly contentType: string | undefined;
  readonly contentEncoding: string | undefined;
  readonly authorization: string | undefined;
  /** What the client takes as an answer; left out: anything. */
  readonly accept?: string | undefined;
  /** W3C Trace Context; not checked. */
  readonly traceparent?: string | undefined;
  /** Not checked; several as one text, with commas. Left out: there was none. */
  readonly dpop?: string | undefined;
  /** Of the client. Left out: it showed none. */
  readonly certificate?: WireCertificate | undefined;
  /** Whether Authorization or Content-Type came more than once. */
  readonly repeatedHeader: boolean;
  readonly body: WireBody;
  /** The peer's address, for the record and for budgets. */
  readonly address: string;
}

export interface WireResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON, or a JWT where that was asked for. */
  readonly body: string;
}
