/** RFC 9396 §2: authorization details of the one type that there is. Tools of an MCP server by name, and of each what its arguments have to be. */
import { DetailsError, type Place, readItems, readMembers, unknownMember } from './fault.js';
import { isOfObjects, readSchema, type Schema } from './schema.js';

export interface Tool {
  readonly name: string;
  /** Left out: whatever they are. */
  readonly arguments?: Schema;
}

export interface McpTools {
  readonly type: 'mcp_tools';
  /** RFC 9396 §2.2: the resource, and no other. */
  readonly locations?: readonly string[];
  /** Each name once. */
  readonly tools: readonly Tool[];
}

/** Of each type one entry. */
export type AuthorizationDetails = readonly McpTools[];

export const authorizationDetailsTypes: readonly McpTools['type'][] = Object.freeze(['mcp_tools']);

export interface Bounds {
  /** Of lists and maps in `arguments`. */
  readonly levels: number;
  readonly tools: number;
}

/** What rules and requests may say. */
export const written: Bounds = Object.freeze({ levels: 7, tools: 64 });

/** What comes of it: `allOf` and `anyOf` around what was written are four levels more. */
export const issued: Bounds = Object.freeze({ levels: written.levels + 4, tools: Number.POSITIVE_INFINITY });

/** As the Model Context Protocol names tools. All of it may stand in a scope token (RFC 6749 §3.3). */
export const toolName = /^[A-Za-z0-9_./-]{1,128}$/;

/** Above `arguments`: the details, an entry, `tools`, a tool. */
const levelsAbove = 4;

/** Several entries become one. Frozen, with defaults. @throws DetailsError */
export function readDetails(value: unknown, bounds: Bounds): AuthorizationDetails {
  const place: Place = { path: [], levels: levelsAbove + bounds.levels };
  const entries = readItems(value, place).map(([entry, at]) => readEntry(entry, at));
  const tools = entries.flatMap((entry) => entry.tools);
  const names = new Set<string>();
  for (const { name, place: at } of tools) {
    if (names.has(name)) throw new DetailsError('expected each tool once', at.path);
    names.add(name);
  }
  if (tools.length > bounds.tools) throw new DetailsError(`expected at most ${bounds.tools} tools`, []);
  const locations = new Set(entries.flatMap((entry) => entry.locations));
  return detailsOf(
    tools.map(({ place: _, ...tool }) => Object.freeze(tool)),
    [...locations],
  );
}

/** @param tools at least one */
export function detailsOf(tools: readonly Tool[], locations: readonly string[] = []): AuthorizationDetails {
  const told = locations.length > 0 && { locations: Object.freeze([...locations]) };
  return Object.freeze([Object.freeze<McpTools>({ type: 'mcp_tools', ...told, tools: Object.freeze([...tools]) })]);
}

interface Entry {
  readonly locations: readonly string[];
  readonly tools: readonly (Tool & { readonly place: Place })[];
}

function readEntry(value: unknown, place: Place): Entry {
  const members = readMembers(value, place);
  const type = members.find(([name]) => name === 'type')?.[1];
  if (!authorizationDetailsTypes.some((each) => each === type)) {
    throw new DetailsError(`expected type to be ${authorizationDetailsTypes.join(' or ')}`, place.path);
  }
  let entry: Entry = { locations: [], tools: [] };
  for (const [name, part, at] of members) {
    if (name === 'locations') entry = { ...entry, locations: readItems(part, at).map(readLocation) };
    else if (name === 'tools') entry = { ...entry, tools: readItems(part, at).map(([tool, of]) => readTool(tool, of)) };
    else if (name !== 'type') throw unknownMember(at, ['type', 'locations', 'tools']);
  }
  if (entry.tools.length === 0) throw new DetailsError('expected tools', place.path);
  return entry;
}

function readLocation([location, { path }]: readonly [unknown, Place]): string {
  if (typeof location === 'string' && location !== '') return location;
  throw new DetailsError('expected the URI of the resource', path);
}

function readTool(value: unknown, place: Place): Entry['tools'][number] {
  const {
    name,
    arguments: schema,
    ...rest
  } = Object.fromEntries(readMembers(value, place).map(([key, part, at]) => [key, { part, at }] as const)) as Readonly<
    Record<string, { readonly part: unknown; readonly at: Place } | undefined>
  >;
  const [unknown] = Object.values(rest);
  if (unknown !== undefined) throw unknownMember(unknown.at, ['name', 'arguments']);
  if (typeof name?.part !== 'string' || !toolName.test(name.part)) {
    throw new DetailsError('expected name, of at most 128 letters, digits, "_", "-", "." and "/"', place.path);
  }
  if (schema === undefined) return { name: name.part, place };
  const read = readSchema(schema.part, schema.at);
  if (!isOfObjects(read)) throw new DetailsError('expected a schema of type: object', schema.at.path);
  return { name: name.part, arguments: read, place };
}
