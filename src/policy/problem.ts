/** What is wrong with a policy. */
import { nearest } from '../nearest.js';

/** One fault of a policy, at a place of the configuration. */
export interface PolicyProblem {
  /** From the top of the configuration, such as `['rules', 'calendar-agent', 'grant', 'scope', 0]`. */
  readonly path: readonly (string | number)[];
  readonly message: string;
  readonly expected?: string;
  readonly found?: string;
  /** The known name that was probably meant, when one is close. */
  readonly nearest?: string;
}

const listed = 12;

/** With the names that there are, of many the first. */
export function unknownName(
  path: PolicyProblem['path'],
  message: string,
  found: string,
  known: Iterable<string>,
): PolicyProblem {
  const names = [...known];
  const more = names.length > listed ? `, and ${names.length - listed} more` : '';
  const expected =
    names.length === 0 ? 'nothing: none is configured' : `one of ${names.slice(0, listed).join(', ')}${more}`;
  const near = nearest(found, names);
  return near === null ? { path, message, expected, found } : { path, message, expected, found, nearest: near };
}
