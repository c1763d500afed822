/**
 * A whole-string pattern: `*` matches any run of characters (none, `:` and `/` included), everything else is literal.
 * There is no escape and no other special character. Never more than pattern × text steps, and in practice one pass.
 */
export function compileGlob(pattern: string): (text: string) => boolean {
  if (!pattern.includes('*')) return (text) => text === pattern;
  return (text) => matches(pattern, text);
}

function matches(pattern: string, text: string): boolean {
  let at = 0;
  let star = -1;
  let resume = 0;
  for (let position = 0; position < text.length; ) {
    // The star comes first: a `*` in the text is an ordinary character, and must not use up the pattern's.
    if (pattern[at] === '*') {
      star = at++;
      resume = position;
    } else if (pattern[at] === text[position]) {
      at++;
      position++;
    } else if (star >= 0) {
      // Only the last star is tried again: an earlier one could only take what this one can take as well.
      at = star + 1;
      position = ++resume;
    } else return false;
  }
  while (pattern[at] === '*') at++;
  return at === pattern.length;
}
