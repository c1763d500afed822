/** Environment: which the workload runs in. */
import { z } from 'zod';
import { name } from '../../../attestors/options.js';
import { environmentCondition } from '../match.js';
import type { ConditionKind } from './kind.js';

const schema = z
  .array(name('the name of an environment, such as production'), { error: 'a list of environments' })
  .min(1, { error: 'a list of at least one environment' });

export const environment = Object.freeze<ConditionKind<readonly string[]>>({
  kind: 'environment',
  schema,
  checks: (allowed: readonly string[]) => [
    { key: 'environment', reads: [], condition: (hope) => environmentCondition(allowed, hope) },
  ],
});
