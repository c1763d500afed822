/** What the configuration says about conditions. Of the kinds of the design, those that are enforced. */
import { z } from 'zod';
import { name } from '../../../attestors/options.js';
import { list, object } from '../strict.js';
import { conditionKinds } from './index.js';

const { attestation, behaviour, binding, cel, environment, external, network, posture, time } = conditionKinds;

const kindNames = Object.keys(conditionKinds).join(', ');

/** Of one kind. `unknown: permit` lets what is not known pass, of a grant only: a denial is never weakened by it. */
const conditionSchema = object(`a condition of one kind: ${kindNames}`, {
  attestation: attestation.schema.optional(),
  behaviour: behaviour.schema.optional(),
  binding: binding.schema.optional(),
  cel: cel.schema.optional(),
  environment: environment.schema.optional(),
  external: external.schema.optional(),
  network: network.schema.optional(),
  posture: posture.schema.optional(),
  time: time.schema.optional(),
  unknown: z.literal('permit', { error: 'permit, or left out' }).optional(),
})
  .refine(({ unknown: _, ...kinds }) => Object.values(kinds).filter((asked) => asked !== undefined).length === 1, {
    error: `a condition of exactly one kind: ${kindNames}`,
  })
  .refine(({ binding, unknown }) => binding === undefined || unknown === undefined, {
    error: 'binding without unknown: a request carries it, or does not',
    path: ['unknown'],
  });

export const conditionsSchema = z.record(
  name('a condition name of letters, digits, ".", "_" and "-"'),
  conditionSchema,
  { error: (issue) => (issue.code === 'invalid_key' ? undefined : 'a map from name to condition') },
);

const reference = 'the name of a condition, or a condition';

/** What a rule asks for: conditions of `conditions` by their names, and such as stand in the rule itself. */
export const ruleConditionsSchema = list(
  'a list of at least one condition',
  z.union([name(reference), conditionSchema], { error: reference }),
);

export type RuleCondition = z.output<typeof ruleConditionsSchema>[number];
export type Conditions = z.output<typeof conditionsSchema>;
