/** Files of people, read whole: configurations, included policy, cases. */
import { readFile, stat } from 'node:fs/promises';
import { readYaml, type YamlDocument } from './document.js';
import { unreadable } from './files.js';
import { ConfigurationError } from './problem.js';

/** Bytes. Ten thousand rules are 2 MB, and take some seconds to read. */
const largest = 4 * 1024 * 1024;

/** @throws ConfigurationError for what cannot be read, is no UTF-8 or no YAML */
export async function readDocument(file: string): Promise<YamlDocument> {
  return readYaml(file, await readText(file));
}

async function readText(file: string): Promise<string> {
  try {
    const { size } = await stat(file);
    if (size > largest) throw unusable(file, `it has more than ${largest >> 20} MiB: divide it`);
    return new TextDecoder('utf-8', { fatal: true }).decode(await readFile(file));
  } catch (cause) {
    if (cause instanceof ConfigurationError) throw cause;
    throw unusable(file, cause instanceof TypeError ? 'it is not UTF-8: save it as UTF-8' : unreadable(cause));
  }
}

function unusable(file: string, why: string): ConfigurationError {
  const whole = { line: 1, column: 1, path: '', expected: null, found: null, nearest: null };
  return new ConfigurationError([Object.freeze({ ...whole, file, message: `cannot be read: ${why}` })]);
}
