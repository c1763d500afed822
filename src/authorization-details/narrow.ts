/** What two say together. Nothing is worked out of the schemas: each of them stays as it was written, so the outcome is never wider than any. */
import { type AuthorizationDetails, detailsOf, type Tool } from './details.js';
import type { Schema } from './schema.js';

const toolsIn = (details: AuthorizationDetails): readonly Tool[] => details.flatMap(({ tools }) => tools);

/** What all of them permit. Empty: nothing. @param limits at least one */
export function withinAll(limits: readonly AuthorizationDetails[]): readonly Tool[] {
  const [first = [], ...others] = limits.map(toolsIn);
  return others.reduce<readonly Tool[]>(narrowed, first);
}

function narrowed(tools: readonly Tool[], limit: readonly Tool[]): readonly Tool[] {
  return tools.flatMap((tool) => {
    const same = limit.find(({ name }) => name === tool.name);
    return same === undefined ? [] : [toolOf(tool.name, allOf([tool, same]))];
  });
}

/** What any of them permits, for a target; null: nothing. */
export function anyOfThem(all: readonly (readonly Tool[])[], target: string): AuthorizationDetails | null {
  const tools = all.flat();
  if (tools.length === 0) return null;
  const names = [...new Set(tools.map(({ name }) => name))].sort();
  const together = (name: string) => toolOf(name, anyOf(tools.filter((tool) => tool.name === name)));
  return detailsOf(names.map(together), [target]);
}

const toolOf = (name: string, schema: Schema | undefined): Tool =>
  Object.freeze({ name, ...(schema && { arguments: schema }) });

/** Undefined: whatever they are. */
function allOf(tools: readonly Tool[]): Schema | undefined {
  const schemas = once(tools.flatMap(({ arguments: schema }) => (schema === undefined ? [] : membersOf(schema))));
  const [only] = schemas;
  return schemas.length > 1 ? Object.freeze({ allOf: Object.freeze(schemas) }) : only;
}

const membersOf = (schema: Schema): readonly Schema[] => ('allOf' in schema ? schema.allOf : [schema]);

function anyOf(tools: readonly Tool[]): Schema | undefined {
  const schemas = tools.flatMap(({ arguments: schema }) => schema ?? []);
  if (schemas.length < tools.length) return undefined;
  const [only, ...others] = once(schemas);
  return only === undefined || others.length === 0 ? only : Object.freeze({ anyOf: Object.freeze([only, ...others]) });
}

/** The same text is the same schema. */
const once = (schemas: readonly Schema[]): readonly Schema[] => [
  ...new Map(schemas.map((schema) => [JSON.stringify(schema), schema])).values(),
];
