/** Every kind of condition there is. A new one is one import and one line here. */
import { attestation } from './attestation.js';
import { behaviour } from './behaviour.js';
import { binding } from './binding.js';
import { cel } from './cel.js';
import { environment } from './environment.js';
import { external } from './external.js';
import type { Check, ConditionKind } from './kind.js';
import { network } from './network.js';
import { posture } from './posture.js';
import type { PostureSources } from './posture-sources.js';
import { time } from './time.js';

/** By the key of the configuration. */
export const conditionKinds = Object.freeze({
  attestation,
  behaviour,
  binding,
  cel,
  environment,
  external,
  network,
  posture,
  time,
});

/** The one of them that a condition is, with all that it asks. */
export function checksOf(
  condition: Readonly<Record<string, unknown>>,
  sources: PostureSources,
): { kind: string; checks: readonly Check[] } {
  for (const known of Object.values(conditionKinds) as readonly ConditionKind<unknown>[]) {
    const asked = condition[known.kind];
    if (asked !== undefined) return { kind: known.kind, checks: known.checks(asked, sources) };
  }
  throw new Error('a condition of no kind');
}
