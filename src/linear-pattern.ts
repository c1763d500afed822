/** Patterns of others, matched in time that grows with the text alone (RE2). The library is loaded when the first one is compiled: most policies have none. */
import { createRequire } from 'node:module';

type Library = typeof import('re2js');

let library: Library | undefined;

/** Finds: a pattern that is about the whole text has its anchors. @throws Error for what is no pattern of RE2 */
export function compileLinear(pattern: string): (text: string) => boolean {
  library ??= createRequire(import.meta.url)('re2js') as Library;
  const compiled = library.RE2JS.compile(pattern);
  return (text) => compiled.matcher(text).find();
}
