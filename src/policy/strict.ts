/** Kinds of values that the schemas of the policy share. */
import { z } from 'zod';

/** A strict object that says what was expected; an unknown key keeps its own message. */
export const object = <Shape extends z.core.$ZodLooseShape>(what: string, shape: Shape) =>
  z.strictObject(shape, { error: (issue) => (issue.code === 'unrecognized_keys' ? undefined : what) });

/** At least one, and none of them twice. */
export const list = <Item extends z.ZodType>(what: string, item: Item) =>
  z
    .array(item, { error: what })
    .min(1, { error: what })
    .refine((items) => new Set(items).size === items.length, { error: `${what}, each once` });
