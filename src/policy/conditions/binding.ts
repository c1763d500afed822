/** Binding: to what a token has to be bound. For grants only, because whoever leaves a proof out must not get around a denial. */
import { type BindingKind, bindingCondition, bindingSchema } from '../binding.js';
import type { ConditionKind } from './kind.js';

export const binding = Object.freeze<ConditionKind<BindingKind>>({
  kind: 'binding',
  schema: bindingSchema,
  checks: (kind) => [{ key: 'binding', reads: [], condition: () => bindingCondition(kind) }],
});
