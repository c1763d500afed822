/** Where a workload runs, and what it can show of itself there. */

/** What the platforms are found by; only `main` reads them from the process. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The origin of the cloud's metadata service, such as `http://169.254.169.254`. */
  readonly metadata: string;
  /** A file that the platform writes a token into. */
  readonly tokenFile: string;
}

export interface ShownEvidence {
  /** A `subject_token_type`. */
  readonly tokenType: string;
  readonly token: string;
}

/** Evidence that would be stronger than what comes after it, and that the platform does not give. */
export interface WithheldEvidence {
  /** What, and why: one line, told when nothing else is accepted. */
  readonly withheld: string;
}

export interface EvidenceNeeds {
  /** Whom the evidence is for. */
  readonly audience: string;
  /** A nonce of `POST /challenge` for that type of evidence; null where the service gives none for it. */
  nonce(tokenType: string): Promise<string | null>;
}

export interface Platform {
  readonly name: string;
  /** Whether the workload seems to run here. Never rejects. */
  isHere(around: Surroundings): Promise<boolean>;
  /**
   * What it can show, the strongest first; made one after the other, when the one before was not accepted.
   * @throws Error with what the platform said, and what to do next
   */
  show(needs: EvidenceNeeds, around: Surroundings): AsyncIterable<ShownEvidence | WithheldEvidence>;
}
