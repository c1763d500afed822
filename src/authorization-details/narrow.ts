/** What two say together. Nothing is worked out of the schemas: each of them stays as it was written, so the outcome is never wider than any. */
import { type AuthorizationDetails, detailsOf, type Tool } from './details.js';
import type { Schema } from './schema.js';

const toolsIn = (details: AuthorizationDetails): readonly Tool[] => details.flatMap(({ tools }) => tools);

/** The tools that every limit has too, by their names. Empty: none. */
export function namedByAll(details: AuthorizationDetails, limits: readonly AuthorizationDetails[]): readonly Tool[] {
  return toolsIn(details).filter(({ name }) => limits.every((limit) => find(limit, name) !== undefined));
}

/**
 * What any of those who give permits, and every limit too, for a target. What was written stays together, so that it is
 * known again at the next hop, and a chain does not grow. Null: nothing.
 * @param given `namedByAll` with these limits
 */
export function narrowed(
  given: readonly (readonly Tool[])[],
  limits: readonly AuthorizationDetails[],
  target: string,
): AuthorizationDetails | null {
  const tools = given.flat();
  if (tools.length === 0) return null;
  const names = [...new Set(tools.map(({ name }) => name))].sort();
  const granted = names.map((name) => {
    const own = anyOf(tools.filter((tool) => tool.name === name));
    return toolOf(name, allOf([own, ...limits.map((limit) => find(limit, name)?.arguments)]));
  });
  return detailsOf(granted, [target]);
}

const find = (details: AuthorizationDetails, name: string) => toolsIn(details).find((tool) => tool.name === name);

const toolOf = (name: string, schema: Schema | undefined): Tool =>
  Object.freeze({ name, ...(schema && { arguments: schema }) });

/** Undefined: whatever they are. */
function allOf(all: readonly (Schema | undefined)[]): Schema | undefined {
  const schemas = once(all.flatMap((schema) => (schema === undefined ? [] : membersOf(schema))));
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
