/** What others are asked about, for each request anew. */
export type Lookup =
  /** A policy decision point, which answers with `facts.external[key]`. */
  | { readonly kind: 'external'; readonly key: string; readonly ask: ExternalAsk }
  /** A source of posture by its name, which answers with facts of posture: `posture.NAME.…`. */
  | { readonly kind: 'source'; readonly key: string };

export interface ExternalAsk {
  /** Of the PDP, without a slash at its end. */
  readonly url: string;
  /** Milliseconds. */
  readonly deadline: number;
  /** Absolute path of the bearer token that it wants; null: none. */
  readonly tokenFile: string | null;
}
