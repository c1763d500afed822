import { strict as assert } from 'node:assert';
import { execFile, execFileSync } from 'node:child_process';
import { chmod, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { open } from 'lmdb';
import { openEmbeddedStore } from '../../src/store/embedded.js';
import type { Store } from '../../src/store/store.js';
import { describeSharedStore } from '../conformance/shared-store.js';
import { start } from '../conformance/store.js';
import { never, spawnStoreProcess } from '../support/store-jobs.js';

const newFolder = () => mkdtemp(join(tmpdir(), 'counterseal-store-'));
const modeOf = async (path: string) => ((await stat(path)).mode & 0o777).toString(8);

describeSharedStore('embedded', async () => {
  const path = await newFolder();
  let now = 0;
  const opened: Store[] = [];
  const reopen = async () => {
    const store = await openEmbeddedStore({ path, now: () => now });
    opened.push(store);
    return store;
  };
  return {
    store: await reopen(),
    setNow: (time) => (now = time),
    reopen,
    spawn: () => spawnStoreProcess({ type: 'embedded', path }),
    async dispose() {
      await Promise.all(opened.map((store) => store.close()));
      await rm(path, { recursive: true });
    },
  };
});

async function countRecords(path: string): Promise<number> {
  const database = open({ path, noSubdir: false, readOnly: true, encoding: 'json' });
  const count = database.getKeysCount();
  await database.close();
  return count;
}

describe('the embedded store', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await newFolder();
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('makes its folder for its user alone, and its files too', async () => {
    const path = join(folder, 'new', 'data.v1');
    const store = await openEmbeddedStore({ path });
    await store.put(['pin', 'a'], 'value');
    assert.equal(await modeOf(path), '700');
    assert.equal(await modeOf(join(path, 'data.mdb')), '600');
    assert.equal(await modeOf(join(path, 'lock.mdb')), '600');
    await store.close();
  });

  it('takes the rights of others away from files that it finds', async () => {
    for (const name of ['data.mdb', 'lock.mdb']) {
      await writeFile(join(folder, name), '');
      await chmod(join(folder, name), 0o666);
    }
    const store = await openEmbeddedStore({ path: folder });
    assert.equal(await modeOf(join(folder, 'data.mdb')), '600');
    assert.equal(await modeOf(join(folder, 'lock.mdb')), '600');
    await store.close();
  });

  it('rejects when its path is a file, and names the path', async () => {
    const path = join(folder, 'file');
    await writeFile(path, '');
    await assert.rejects(openEmbeddedStore({ path }), (error: Error) => error.message.includes(path));
  });

  it('may be open twice in one process: each sees what the other has written at once, and outlives its close', async () => {
    const one = await openEmbeddedStore({ path: folder });
    const two = await openEmbeddedStore({ path: folder });
    assert.equal(await two.get(['pin', 'a']), undefined);
    await one.put(['pin', 'a'], 'value');
    assert.equal((await two.get(['pin', 'a']))?.value, 'value');
    await one.close();
    assert.equal(await two.claim(['pin', 'a'], 'other'), 'value');
    assert.equal(await two.put(['pin', 'b'], 'value'), true);
    await two.close();
  });

  it('sees what another process wrote a moment ago, in the same turn of its own event loop', async () => {
    const store = await openEmbeddedStore({ path: folder });
    const before = store.get(['revoked']);
    const script = fileURLToPath(new URL('../support/put-process.ts', import.meta.url));
    execFileSync(process.execPath, ['--import', 'tsx', script, folder, 'revoked', 'yes'], { timeout: 25_000 });
    const after = store.get(['revoked']);
    assert.equal(await before, undefined);
    assert.equal((await after)?.value, 'yes');
    await store.close();
  });

  it('keeps what resolved, and goes on, when a process is killed in the middle of its work', async function () {
    this.timeout(60_000);
    const store = await openEmbeddedStore({ path: folder });
    const victim = await spawnStoreProcess({ type: 'embedded', path: folder });
    const unfinished = assert.rejects(victim.run({ worker: 'victim', workers: 1, rounds: 1_000_000 }));
    while ((await store.log('jobs').read(undefined, 200)).length < 200) await new Promise(setImmediate);
    await victim.kill();
    await unfinished;
    // The victim began a round when all of the one before had resolved.
    const resolved = (await store.log('jobs').read(undefined, 1e6)).length - 1;
    assert.ok(Number((await store.get(['job-count']))?.value) >= resolved);
    for (let round = 0; round < resolved; round++) {
      assert.equal(await store.claim(['job', String(round)], 'survivor'), 'victim');
    }
    assert.equal(await store.claim(['job', 'new'], 'survivor'), 'survivor');
    await store.close();
  });

  it('really deletes what has expired, a few with every write', async () => {
    let now = start;
    const store = await openEmbeddedStore({ path: folder, now: () => now });
    await store.put(['keeper'], '', { expiresAt: never });
    const before = await countRecords(folder);
    await Promise.all(Array.from({ length: 40 }, (_, n) => store.claim(['jti', String(n)], '', start + 10 + n)));
    await store.put(['replaced'], '', { expiresAt: start + 15 });
    await store.put(['replaced'], '', { expiresAt: start + 25 });
    const full = await countRecords(folder);
    now = start + 1000;
    await store.put(['keeper'], '', { expiresAt: never });
    const swept = full - (await countRecords(folder));
    assert.ok(swept > 0 && swept < 40, `one write deleted ${swept} records`);
    for (let write = 0; write < 40; write++) await store.put(['keeper'], '', { expiresAt: never });
    assert.equal(await countRecords(folder), before);
    await store.close();
  });

  it('rejects a write that the disk has no room for, keeps what it had, and goes on', async () => {
    const script = fileURLToPath(new URL('../support/full-disk-process.ts', import.meta.url));
    const limited = ['-c', 'ulimit -f 2000; exec "$@"', 'sh', process.execPath, '--import', 'tsx', script, folder];
    const { stdout } = await promisify(execFile)('sh', limited, { env: { PATH: process.env.PATH } });
    assert.match(stdout, /^kept [1-9]\d* of [1-9]\d* and no more: Commit failed .* Input\/output error$/m);
  });
});
