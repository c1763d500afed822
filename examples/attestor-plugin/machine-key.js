#!/usr/bin/env node
/** `machine-key enrol` makes a key; `machine-key token` prints a token for a resource. */
import { readFile, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { enrol, exchange } from './client.js';

const usage = `machine-key enrol --machine NAME --key FILE
machine-key token --issuer URL --machine NAME --key FILE --resource URI`;

const commands = {
  async enrol({ machine, key }) {
    const { privateKey, publicKey } = enrol();
    // Never over a key that is there, and never readable by others.
    await writeFile(key, privateKey, { flag: 'wx', mode: 0o600 });
    return `${machine}: { publicKey: { kty: ${publicKey.kty}, crv: ${publicKey.crv}, x: "${publicKey.x}" } }`;
  },
  async token({ issuer, machine, key, resource }) {
    const privateKey = await readFile(key, 'utf8');
    const answer = await exchange({ url: issuer, audience: issuer, machine, privateKey, resource });
    return answer.access_token;
  },
};

const needed = { enrol: ['machine', 'key'], token: ['issuer', 'machine', 'key', 'resource'] };

try {
  const text = { type: 'string' };
  const flags = { issuer: text, machine: text, key: text, resource: text };
  const { values, positionals } = parseArgs({ allowPositionals: true, options: flags });
  const [command] = positionals;
  if (!Object.hasOwn(commands, command ?? '') || needed[command].some((flag) => values[flag] === undefined)) {
    throw new Error(usage);
  }
  console.log(await commands[command](values));
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
