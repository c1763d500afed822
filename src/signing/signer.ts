/** Makes our signatures; hides algorithm, `kid`, rotation and where the private key lives. */
import type { JWK } from 'jose';

export const signingAlgorithms = ['ES256', 'RS256', 'EdDSA'] as const;
export type SigningAlgorithm = (typeof signingAlgorithms)[number];

export interface SigningKeyStatus {
  readonly kid: string;
  readonly algorithm: SigningAlgorithm;
  readonly state: 'next' | 'active' | 'retired';
  /** Seconds since the epoch: when it got into this state. */
  readonly since: number;
}

export interface Signer {
  /** The first is the default. */
  readonly algorithms: readonly SigningAlgorithm[];
  /**
   * A compact JWS over the claims, with `typ`, `alg` and `kid` in its header.
   * @param algorithm one of `algorithms`
   * @throws Unavailable when the key cannot be used now
   */
  sign(typ: string, claims: Readonly<Record<string, unknown>>, algorithm?: SigningAlgorithm): Promise<string>;
  /** Public members only, each with `kid`, `alg` and `use: sig`: of all keys whose tokens may be in use, and of those that sign next. */
  publicKeys(): readonly JWK[];
  /** Where keys are in their life, for those who watch them; left out by a signer whose keys live elsewhere. */
  keys?(): readonly SigningKeyStatus[];
  close(): Promise<void>;
}
