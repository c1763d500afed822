/** The file with the headers for a collector: one `NAME: VALUE` a line. */
import { readFile } from 'node:fs/promises';

/** @throws Error when it cannot be read, or has a line that is no header; it quotes nothing of the file */
export async function readHeaders(file: string): Promise<Readonly<Record<string, string>>> {
  const lines = (await readFile(file, 'utf8')).split('\n').map((line) => line.trim());
  const entries = lines.flatMap((line, index) => {
    if (line === '') return [];
    const [, name = '', value = ''] = /^([A-Za-z0-9-]+):[ \t]*([\x21-\x7e][\x20-\x7e]*)$/.exec(line) ?? [];
    if (name === '') throw new Error(`line ${index + 1} is not NAME: VALUE`);
    return [[name.toLowerCase(), value] as const];
  });
  return Object.fromEntries(entries);
}
