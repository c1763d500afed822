import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants, existsSync } from 'node:fs';
import {
  type FileHandle,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { mock } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createAuditLog } from '../../src/audit/audit-log.js';
import { openFileSink } from '../../src/audit/file-sink.js';
import { Refusal } from '../../src/errors.js';
import { idsOf, record } from './fixtures.js';

describe('openFileSink', () => {
  let folder = '';
  let path = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'counterseal-audit-'));
    path = join(folder, 'new', 'deep', 'audit.jsonl');
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  for (const sync of [true, false]) {
    it(`appends, sync ${sync}, also to what a former process wrote`, async () => {
      for (const line of ['a\n', 'b\n']) {
        const sink = await openFileSink({ path, sync });
        await sink.write(line);
        await sink.close();
      }
      assert.equal(await readFile(path, 'utf8'), 'a\nb\n');
    });
  }

  it('makes the file for its owner only, and the folders too', async () => {
    const sink = await openFileSink({ path, sync: true });
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    assert.equal((await stat(dirname(path))).mode & 0o777, 0o700);
    assert.equal((await stat(dirname(dirname(path)))).mode & 0o777, 0o700);
    await sink.close();
  });

  it('starts on a fresh line after a line that a crash tore', async () => {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, '{"decision_id":"d-0"}\n{"decis');
    const sink = await openFileSink({ path, sync: true });
    await sink.write('{"decision_id":"d-1"}\n');
    await sink.close();
    assert.equal(await readFile(path, 'utf8'), '{"decision_id":"d-0"}\n{"decis\n{"decision_id":"d-1"}\n');
  });

  it('opens the file anew within a second when it was moved, and until then writes to the one that was', async () => {
    let time = 0;
    const sink = await openFileSink({ path, sync: true, now: () => time });
    await sink.write('a\n');
    await rename(path, `${path}.1`);
    time = 999;
    await sink.write('b\n');
    assert.ok(!existsSync(path));
    time = 1000;
    await sink.write('c\n');
    await sink.close();
    assert.equal(await readFile(path, 'utf8'), 'c\n');
    assert.equal(await readFile(`${path}.1`, 'utf8'), 'a\nb\n');
  });

  it('opens the file anew before the next write when it was removed', async () => {
    const sink = await openFileSink({ path, sync: true, now: () => 0 });
    for (const line of ['a\n', 'b\n']) {
      await sink.write(line);
      assert.equal(await readFile(path, 'utf8'), line);
      await rm(line === 'a\n' ? path : dirname(path), { recursive: true });
    }
    await sink.write('c\n');
    await sink.close();
    assert.equal(await readFile(path, 'utf8'), 'c\n');
  });

  for (const sync of [true, false]) {
    it(`sync ${sync}: a write ${sync ? 'resolves when its bytes are on disk (O_DSYNC)' : 'waits for no disk'}`, async function () {
      if (process.platform !== 'linux') this.skip();
      const sink = await openFileSink({ path, sync });
      const flags = await flagsOf(path);
      assert.equal(flags.length, 1);
      assert.equal(((flags[0] ?? 0) & constants.O_DSYNC) !== 0, sync);
      await sink.close();
    });
  }

  it('syncs the folder of a file that it made, and of no other', async function () {
    if (process.platform !== 'linux') this.skip();
    const synced: string[] = [];
    const prototype = await fileHandlePrototype();
    const { sync } = prototype;
    mock.method(prototype, 'sync', async function (this: FileHandle) {
      synced.push(await readlink(`/proc/self/fd/${this.fd}`));
      await sync.call(this);
    });
    try {
      for (const line of ['a\n', 'b\n']) {
        const sink = await openFileSink({ path, sync: true });
        await sink.write(line);
        await sink.close();
      }
    } finally {
      mock.restoreAll();
    }
    assert.deepEqual(synced, [dirname(path)]);
  });

  it('follows a rotation again when the first attempt failed', async () => {
    let time = 0;
    const sink = await openFileSink({ path, sync: true, now: () => time });
    await rename(dirname(path), join(folder, 'elsewhere'));
    await writeFile(dirname(path), 'a file in the way');
    time = 1000;
    await assert.rejects(sink.write('a\n'), /audit\.jsonl \(ENOTDIR\): a part of the path is no folder/);
    await rm(dirname(path));
    await sink.write('b\n');
    await sink.close();
    assert.equal(await readFile(path, 'utf8'), 'b\n');
  });

  it('names the path and the remedy when it cannot be opened', async () => {
    await mkdir(path, { recursive: true });
    await assert.rejects(openFileSink({ path, sync: true }), (error: Error) => {
      assert.equal(error.message, `cannot open the audit file ${path} (EISDIR): this is a folder: name a file in it`);
      return true;
    });
  });

  it('a full disk: no token, and the remedy for the operators', async function () {
    if (!existsSync('/dev/full')) this.skip();
    const warnings: string[] = [];
    const sink = await openFileSink({ path: '/dev/full', sync: true });
    const log = createAuditLog({
      durability: 'strict',
      sinks: [sink],
      refusalsPerSecond: 1,
      now: () => 0,
      warn: (text) => warnings.push(text),
    });
    await assert.rejects(
      log.append(record()),
      (error) => error instanceof Refusal && error.fault === 'audit_unavailable',
    );
    assert.match(warnings.join(), /cannot write the audit file \/dev\/full \(ENOSPC\): its disk is full: free space/);
    await log.close();
  });

  it('after a short write the next record has a line of its own', async function () {
    if (process.platform === 'win32') this.skip();
    await mkdir(dirname(path), { recursive: true });
    const { code } = await runChild(
      'ulimit -S -f 8 && exec "$@"',
      new URL('./children/short-write.ts', import.meta.url),
      path,
    );
    assert.equal(code, 0);
    const lines = (await readFile(path, 'utf8')).split('\n');
    assert.deepEqual(lines.at(-2), 'after');
    assert.match(lines.at(-3) ?? '', /^x+$/);
  });

  it('what a strict append had resolved is in the file when the process is killed', async function () {
    if (process.platform === 'win32') this.skip();
    const { reported } = await runChild('exec "$@"', new URL('./children/crash.ts', import.meta.url), path, 2000);
    const kept = new Set(
      (await readFile(path, 'utf8')).split('\n').flatMap((line) => {
        try {
          return idsOf(line);
        } catch {
          return [];
        }
      }),
    );
    assert.ok(reported.length >= 2000);
    assert.deepEqual(
      reported.filter((id) => !kept.has(id)),
      [],
    );
  });
});

/** With which the kernel says that this process has the file open. */
async function flagsOf(path: string): Promise<number[]> {
  const flags: number[] = [];
  for (const fd of await readdir('/proc/self/fd')) {
    const target = await readlink(`/proc/self/fd/${fd}`).catch(() => undefined);
    if (target !== path) continue;
    const info = await readFile(`/proc/self/fdinfo/${fd}`, 'utf8');
    flags.push(Number.parseInt(/^flags:\s*(\d+)$/m.exec(info)?.[1] ?? '', 8));
  }
  return flags;
}

async function fileHandlePrototype(): Promise<FileHandle> {
  const handle = await open(tmpdir(), 'r');
  await handle.close();
  return Object.getPrototypeOf(handle);
}

/** Runs a file, killed after so many lines on its standard output. */
async function runChild(
  shell: string,
  file: URL,
  path: string,
  killAfter = Number.POSITIVE_INFINITY,
): Promise<{ code: number | null; reported: string[] }> {
  const child = spawn('bash', ['-c', shell, 'bash', process.execPath, '--import', 'tsx', fileURLToPath(file), path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exit = once(child, 'exit');
  const reported: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    reported.push(line);
    if (reported.length === killAfter) child.kill('SIGKILL');
  }
  const [code] = await exit;
  return { code, reported };
}
