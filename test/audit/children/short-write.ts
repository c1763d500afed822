/** Runs under a limit on the size of files: a write that meets it is short, the next one fails with EFBIG. */
import assert from 'node:assert/strict';
import { stat, truncate } from 'node:fs/promises';
import { openFileSink } from '../../../src/audit/file-sink.js';

const path = process.argv[2] ?? '';
const sink = await openFileSink({ path, sync: true });
await assert.rejects(sink.write(`${'x'.repeat(20_000)}\n`), /EFBIG.*rotate it/);
const { size } = await stat(path);
assert.ok(size > 0 && size < 20_000, `the write was not short: ${size}`);
await truncate(path, size - 100);
await sink.write('after\n');
await sink.close();
