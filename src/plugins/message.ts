/** What somebody else's code threw, for operators. */
import { printable } from '../text.js';

/** On one line, at most 200 characters. Never throws, whatever the value is. */
export function messageOf(cause: unknown): string {
  const message = cause instanceof Error && typeof cause.message === 'string' ? cause.message : 'it threw no Error';
  return printable(message.split('\n', 1)[0] ?? '').slice(0, 200);
}
