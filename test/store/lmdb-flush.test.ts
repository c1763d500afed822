/** The embedded store tells a claim when it is on the disk: seen by the system calls that it makes. */
import { strict as assert } from 'node:assert';
import { execFileSync, spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createFolder, type TestFolder } from '../support/folder.js';

describe('the embedded store, traced', () => {
  let folder: TestFolder;

  before(async function () {
    // It may be there, and not be allowed to trace.
    if (spawnSync('strace', ['-qq', '-e', 'trace=none', 'true']).status !== 0) this.skip();
    folder = await createFolder();
  });
  after(() => folder?.remove());

  it('tells a claim after its pages were flushed, and its root written to a file that is flushed by each write', async () => {
    const script = fileURLToPath(new URL('../support/claim-process.ts', import.meta.url));
    const trace = join(folder.path, 'trace');
    const calls = 'trace=openat,fdatasync,write,pwrite64,pwritev';
    const traced = ['-f', '-qq', '-e', calls, '-o', trace, process.execPath, '--import', 'tsx', script];
    execFileSync('strace', [...traced, join(folder.path, 'store')], { stdio: 'ignore', timeout: 25_000 });
    const lines = (await readFile(trace, 'utf8')).split('\n');
    // What began in one thread may end after a line of another.
    const root = Number(/data\.mdb", [^)]*O_DSYNC[^=]*= (\d+)/.exec(lines.join('\n'))?.[1]);
    assert.ok(root > 2, 'no file descriptor writes through');
    for (let claim = 0; claim < 3; claim++) {
      const first = lines.findIndex((line) => line.includes(`"claiming ${claim}\\n"`));
      const last = lines.findIndex((line) => line.includes(`"told ${claim}\\n"`));
      assert.ok(first >= 0 && last > first);
      const between = lines.slice(first, last);
      const flushed = between.findIndex((line) => /fdatasync(?:\(\d+\)| resumed>\)) += 0$/.test(line));
      const rooted = between.findIndex((line) => line.includes(`pwrite64(${root}, `));
      assert.ok(flushed >= 0 && rooted > flushed, between.join('\n'));
    }
  });
});
