/** What a kind of condition is: one file each, which says how it is written and what it asks. */
import type { z } from 'zod';
import type { Condition, Hope } from '../match.js';
import type { PostureSources } from './posture-sources.js';

export interface ConditionKind<Asked> {
  /** Its key in the configuration. */
  readonly kind: string;
  readonly schema: z.ZodType<Asked>;
  /** At least one; all must hold. @param sources what `posture` may ask beside the attestor; default: none */
  checks(asked: Asked, sources?: PostureSources): readonly Check[];
}

/** One thing that a condition asks: a clause of the decision. */
export interface Check {
  /** As the condition writes it, such as `nodeBooted`. */
  readonly key: string;
  /** The facts and claims of an attestor's that it reads, such as `posture.kubelet` and `claims.repository`; every workload has the others. */
  readonly reads: readonly string[];
  condition(hope: Hope): Condition;
}
