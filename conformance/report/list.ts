/** Every case, as a page: `conformance/CASES.md`. */
import type { Case } from '../case.js';

export function renderList(cases: readonly Case[]): string {
  const rows = cases.map(({ id, title, section, level, needs }) => {
    const needed = needs.filter((need) => !id.startsWith(`${need}/`)).join(', ');
    return `| \`${id}\` | ${title} | [${section.name}](${section.url}) | ${level} | ${needed} |`;
  });
  return [
    '# The cases',
    '',
    'Written by `npm run schema`. What a case needs beside its grant stands last: of `supports`, and of the other keys of the profile.',
    '',
    '| case | what the server does | section | | needs |',
    '|---|---|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}
