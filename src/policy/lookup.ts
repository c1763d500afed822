/** What others are asked about, for each request anew. */
export type Lookup =
  | ExternalLookup
  /** A source of posture by its name, which answers with facts of posture: `posture.NAME.…`. */
  | { readonly kind: 'source'; readonly key: string };

/** A policy decision point, which answers with `facts.external[key]`. */
export interface ExternalLookup {
  readonly kind: 'external';
  readonly key: string;
  readonly ask: ExternalAsk;
}

export interface ExternalAsk {
  /** Of the PDP, without a slash at its end. */
  readonly url: string;
  /** Whether each scope token is asked about by itself; else it is the exchange as a whole. */
  readonly eachScope: boolean;
  /** Milliseconds. */
  readonly deadline: number;
  /** Path of the bearer token that it wants, as the configuration has it; null: none. */
  readonly tokenFile: string | null;
}
