import { strict as assert } from 'node:assert';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openEmbeddedStore } from '../../src/store/embedded.js';
import { refuseDamaged } from '../../src/store/lmdb-file.js';
import { spawnStoreProcess } from '../support/store-jobs.js';

describe('the file of the embedded store', () => {
  let folder: string;
  let file: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'counterseal-lmdb-'));
    file = join(folder, 'data.mdb');
  });
  afterEach(() => rm(folder, { recursive: true }));

  const fill = async (rows: number) => {
    const store = await openEmbeddedStore({ path: folder });
    for (let row = 0; row < rows; row++) await store.put(['row', String(row)], 'x'.repeat(3000));
    await store.close();
  };

  // Without the check these end the process, and so the whole run of tests.
  const damages: Readonly<Record<string, () => Promise<unknown>>> = {
    garbage: () => writeFile(file, randomBytes(20_000)),
    'a little garbage': () => writeFile(file, 'x'),
    zeros: () => writeFile(file, Buffer.alloc(32_768)),
    'cut to 100 bytes': () => truncate(file, 100),
    'cut to 4096 bytes': () => truncate(file, 4096),
    'cut to 8192 bytes': () => truncate(file, 8192),
    'without its second meta': async () => writeFile(file, (await readFile(file)).fill(0, 4096, 8192)),
    'garbage behind its metas': async () => {
      const bytes = await readFile(file);
      await writeFile(file, Buffer.concat([bytes.subarray(0, 8192), randomBytes(bytes.length - 8192)]));
    },
    'zeros behind its metas': async () => writeFile(file, (await readFile(file)).fill(0, 8192)),
    'of another version': async () => writeFile(file, (await readFile(file)).fill(9, 28, 32)),
  };
  for (const [what, damage] of Object.entries(damages)) {
    it(`is refused when it is ${what}, with what to do`, async () => {
      await fill(30);
      await damage();
      const message = new RegExp(`^${file} is damaged \\(.*\\): restore its folder from a backup, or move the folder`);
      await assert.rejects(openEmbeddedStore({ path: folder }), { message });
    });
  }

  it('is refused when more is missing than can be unwritten', async () => {
    await fill(2000);
    const { length } = await readFile(file);
    assert.ok(length > 8_000_000);
    await truncate(file, length - 300_000);
    await assert.rejects(refuseDamaged(file), /it has \d+ pages of \d+/);
  });

  it('is taken when it is empty, new, or written', async () => {
    await writeFile(file, '');
    await refuseDamaged(file);
    for (const rows of [0, 1, 100, 1000]) {
      await fill(rows);
      await refuseDamaged(file);
    }
  });

  it('is taken while others make it and write to it', async function () {
    this.timeout(60_000);
    await writeFile(file, '');
    let isWriting = true;
    const writers = await Promise.all([1, 2].map(() => spawnStoreProcess({ type: 'embedded', path: folder })));
    const jobs = Promise.all(
      writers.map((writer, index) => writer.run({ worker: `w${index}`, workers: 2, rounds: 300 })),
    ).finally(() => {
      isWriting = false;
    });
    let looks = 0;
    for (; isWriting; looks++) await refuseDamaged(file);
    await jobs;
    assert.ok(looks > 10);
    await Promise.all(writers.map((writer) => writer.kill()));
  });
});
