/** curl and jq as they are, with their arguments written down: whoever is on the machine sees those in its list of processes. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

export interface WatchedCommands {
  /** Of the environment that they run in. */
  readonly path: string;
  /** All arguments so far, each on a line. */
  arguments(): Promise<string>;
  close(): Promise<void>;
}

export async function watchCommands(): Promise<WatchedCommands> {
  const folder = await mkdtemp(join(tmpdir(), 'counterseal-watched-'));
  const own = process.env.PATH ?? '';
  for (const command of ['curl', 'jq']) {
    const script = `#!/bin/sh\nprintf '%s\\n' "$@" >>'${folder}/arguments'\nPATH='${own}'\nexec ${command} "$@"\n`;
    await writeFile(join(folder, command), script, { mode: 0o700 });
  }
  return {
    path: `${folder}${delimiter}${own}`,
    arguments: () => readFile(join(folder, 'arguments'), 'utf8'),
    close: () => rm(folder, { recursive: true }),
  };
}
