/** Several processes, or one after another, on one store. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { openEmbeddedStore } from '../../src/store/embedded.js';
import type { Store } from '../../src/store/store.js';
import { issue, lifetime, openRoom, start, type TestRoom, tokenOf } from '../support/revocation.js';

const run = promisify(execFile);
const child = fileURLToPath(new URL('../support/revocation-process.ts', import.meta.url));

describe('revocation: several processes on one embedded store', () => {
  let now: number;
  let path: string;
  let store: Store;
  const rooms: TestRoom[] = [];
  const open = async () => {
    const room = await openRoom(store.log('revocation'), () => now);
    rooms.push(room);
    return room;
  };
  beforeEach(async () => {
    now = start;
    path = await mkdtemp(join(tmpdir(), 'counterseal-revocation-'));
    store = await openEmbeddedStore({ path, now: () => now * 1000 });
  });
  afterEach(async () => {
    for (const room of rooms.splice(0)) await room.close();
    await store.close();
    await rm(path, { recursive: true, force: true });
  });
  /** Until what one process wrote behind can be read by another. */
  const settle = async (...these: TestRoom[]) => {
    for (let round = 0; round < 3; round++) {
      for (const room of these) await room.refresh();
      await store.put(['settle'], String(round));
    }
  };
  const revokedIn = (room: TestRoom, issuedAt: number) => room.isRevoked(tokenOf({ issuedAt }));

  it('what one issued, another revokes, and a third knows', async () => {
    const [one, two, three] = [await open(), await open(), await open()];
    await one.note(issue());
    await two.refresh();
    assert.deepEqual(two.instances('prod-eu'), ['pod:1']);
    now = start + 10;
    two.ended('prod-eu', 'pod:1', 'pod_deleted');
    await settle(one, three);
    for (const room of [one, two, three])
      assert.deepEqual([revokedIn(room, start), revokedIn(room, start + 11)], [true, false]);
  });

  it('an end that came before the process knew of the tokens is written as soon as it reads of them', async () => {
    const [one, two, three] = [await open(), await open(), await open()];
    await one.note(issue());
    now = start + 1;
    two.ended('prod-eu', 'pod:1', 'pod_deleted');
    await settle(three);
    assert.equal(revokedIn(three, start), false);
    await settle(two, three);
    assert.equal(revokedIn(three, start), true);
  });

  it('a token that was issued after an end, before this process heard of it, is revoked when it hears', async () => {
    const [one, two, three] = [await open(), await open(), await open()];
    await one.note(issue());
    await two.refresh();
    now = start + 10;
    two.ended('prod-eu', 'pod:1', 'pod_deleted');
    assert.equal(one.note(issue({ issuedAt: start + 11 })), undefined);
    now = start + 11.5;
    await settle(two, one, three);
    assert.equal(revokedIn(three, start + 11), true);
    now = start + 13;
    await one.note(issue({ issuedAt: start + 13 }));
    await settle(two, one, three);
    assert.equal(revokedIn(three, start + 13), false);
  });

  it('a pair that another process covers needs no second entry', async () => {
    const one = await open();
    await one.note(issue());
    const two = await open();
    assert.equal(two.note(issue()), undefined);
  });

  it('outlives a restart: who holds tokens, who ended, and when', async () => {
    const one = await open();
    await one.note(issue());
    await one.note(issue({ instance: 'pod:2' }));
    now = start + 10;
    one.ended('prod-eu', 'pod:1', 'pod_deleted');
    const list = one.list(new Set([issue().resource]));
    await one.close();
    await store.close();
    store = await openEmbeddedStore({ path, now: () => now * 1000 });
    now = start + 20;
    const two = await open();
    assert.deepEqual(two.instances('prod-eu'), ['pod:2']);
    assert.deepEqual([revokedIn(two, start + 10), revokedIn(two, start + 11)], [true, false]);
    assert.deepEqual(two.list(new Set([issue().resource])), list);
  });

  it('a restart revokes nothing that was issued after an end', async () => {
    const one = await open();
    await one.note(issue());
    now = start + 10;
    one.ended('prod-eu', 'pod:1', 'node_not_ready');
    await one.note(issue({ issuedAt: start + 20 }));
    await one.close();
    now = start + 30;
    const two = await open();
    assert.deepEqual([revokedIn(two, start), revokedIn(two, start + 20)], [true, false]);
    assert.deepEqual(two.instances('prod-eu'), ['pod:1']);
  });

  it('leaves nothing in the log an hour after all that was issued has expired', async () => {
    const one = await open();
    await one.note(issue());
    one.ended('prod-eu', 'pod:1', 'pod_deleted');
    await one.close();
    assert.equal((await store.log('revocation').read()).length, 2);
    now = start + 2 * lifetime + 3_600;
    assert.equal((await store.log('revocation').read()).length, 0);
  });

  it('between real processes', async function () {
    this.timeout(30_000);
    now = Math.floor(Date.now() / 1000);
    const one = await open();
    await one.note(issue({ issuedAt: now }));
    const { stdout } = await run(process.execPath, ['--import', 'tsx', child, path, 'prod-eu', 'pod:1']);
    assert.equal(stdout.trim(), 'pod:1');
    await one.refresh();
    assert.equal(revokedIn(one, now), true);
  });
});
