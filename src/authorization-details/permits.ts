/** For resource servers: whether a token's `authorization_details` let a call of a tool through. The export `counterseal/authorization-details`. */
import { accepts, isObject, isPlain } from './accepts.js';
import { issued, readDetails } from './details.js';
import { DetailsError } from './fault.js';

/**
 * Pure, and in time that is bounded by the sizes of the two. Whatever is not understood, in the details or in the arguments, permits nothing.
 * @param details the claim `authorization_details` of a token that was verified, its audience included, or of an answer of introspection.
 *   Entries of other types than `mcp_tools` are passed over. Undefined, and every other thing that is no list of details, permits no call: a
 *   token without details is limited by its scope alone
 * @param tool its name
 * @param args as `JSON.parse` made them of the request; default: none, `{}`
 */
export function permits(details: unknown, tool: string, args: unknown = {}): boolean {
  if (!Array.isArray(details) || !isObject(args) || !isPlain(args)) return false;
  const ours = details.filter((entry: unknown) => !isObject(entry) || !isOther(entry));
  try {
    const found = readDetails(ours, issued)[0]?.tools.find(({ name }) => name === tool);
    return found !== undefined && (found.arguments === undefined || accepts(found.arguments, args));
  } catch (error) {
    if (error instanceof DetailsError) return false;
    throw error;
  }
}

const isOther = ({ type }: Readonly<Record<string, unknown>>) => typeof type === 'string' && type !== 'mcp_tools';
