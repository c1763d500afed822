/** One room: what is noted, what an end does, and what it costs. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { Rejected, Unavailable } from '../../src/errors.js';
import { createMemoryStore } from '../../src/store/memory.js';
import {
  issue,
  lifetime,
  openRoom,
  start,
  type TestRoom,
  tokenOf,
  type WatchedLog,
  watchLog,
} from '../support/revocation.js';

const refusal = (kind: typeof Rejected | typeof Unavailable, reason: string) => (error: unknown) => {
  assert.ok(error instanceof kind);
  assert.equal(error.reason, reason);
  return true;
};

describe('revocation: one process', () => {
  let now: number;
  let watched: WatchedLog;
  let room: TestRoom;
  beforeEach(async () => {
    now = start;
    watched = watchLog(createMemoryStore({ now: () => now * 1000 }).log('revocation'));
    room = await openRoom(watched.log, () => now);
  });
  afterEach(() => room.close());
  const revoked = (issuedAt: number) => room.isRevoked(tokenOf({ issuedAt }));

  it('an end revokes what was issued until then, at once, and nothing that is issued later', async () => {
    await room.note(issue());
    assert.equal(revoked(start), false);
    now = start + 10.5;
    room.ended('prod-eu', 'pod:1', 'node_not_ready');
    assert.deepEqual([revoked(start), revoked(start + 10), revoked(start + 11)], [true, true, false]);
  });

  it('an end revokes what was issued before it by a clock that has been set back since', async () => {
    await room.note(issue());
    now = start - 2;
    room.ended('prod-eu', 'pod:1', 'pod_deleted');
    assert.equal(revoked(start), true);
    now = start + 300;
    assert.equal(revoked(start), true);
    assert.deepEqual(room.instances('prod-eu'), []);
  });

  it('an end of another attestor’s instance of the same name, or of a longer name, revokes nothing', async () => {
    await room.note(issue());
    for (const [attestor, instance] of [
      ['prod-us', 'pod:1'],
      ['prod-eu', 'pod:11'],
      ['prod-eu', 'pod:'],
      ['prod', '-eu/pod:1'],
    ] as const) {
      room.ended(attestor, instance, 'pod_deleted');
    }
    assert.equal(revoked(start), false);
  });

  it('a pair costs the log one entry in two lifetimes, and nothing is waited for between', async () => {
    assert.ok(room.note(issue()) instanceof Promise);
    await room.note(issue());
    for (const later of [1, lifetime / 2, lifetime])
      assert.equal(room.note(issue({ issuedAt: start + later })), undefined);
    assert.equal(watched.appended.length, 1);
    await room.note(issue({ issuedAt: start + lifetime + 1 }));
    assert.equal(watched.appended.length, 2);
    assert.equal(room.note(issue({ issuedAt: start + 2 * lifetime })), undefined);
  });

  it('another resource, and a token that lives longer than what is covered, are entries of their own', async () => {
    await room.note(issue());
    await room.note(issue({ resource: 'https://payroll.example' }));
    await room.note(issue({ expiresAt: start + 3 * lifetime }));
    assert.equal(watched.appended.length, 3);
  });

  it('a hundred exchanges of one pair at once share one entry', async () => {
    await Promise.all(Array.from({ length: 100 }, () => room.note(issue())));
    assert.equal(watched.appended.length, 1);
  });

  it('ends of instances without tokens cost the log nothing', async () => {
    for (let pod = 0; pod < 5_000; pod++) room.ended('prod-eu', `pod:${pod}`, 'pod_deleted');
    await room.refresh();
    assert.deepEqual(watched.appended, []);
  });

  it('an end is written once, however often it is told', async () => {
    await room.note(issue());
    for (let times = 0; times < 5; times++) room.ended('prod-eu', 'pod:1', 'pod_deleted');
    await room.close();
    assert.equal(watched.appended.length, 2);
  });

  it('a token is refused when the log cannot keep who holds it, and the next one is not taken for covered', async () => {
    watched.failing = true;
    await assert.rejects(async () => room.note(issue()), refusal(Unavailable, 'store_unavailable'));
    await assert.rejects(async () => room.note(issue()), refusal(Unavailable, 'store_unavailable'));
    watched.failing = false;
    await room.note(issue());
    assert.equal(watched.appended.length, 1);
  });

  for (const [what, covered] of [
    ['that is covered', true],
    ['that holds nothing yet', false],
  ] as const) {
    it(`race: an instance ${what} ends after it was attested and before its token leaves: no token`, async () => {
      if (covered) await room.note(issue({ issuedAt: start - 5 }));
      now = start + 0.5;
      room.ended('prod-eu', 'pod:1', 'pod_deleted');
      const late = issue({ attestedAt: start + 0.2, issuedAt: start + 1 });
      await assert.rejects(async () => room.note(late), refusal(Rejected, 'instance_ended'));
    });
  }

  it('race: a request from before an end gets no token on what later ones have had covered', async () => {
    await room.note(issue());
    now = start + 0.5;
    room.ended('prod-eu', 'pod:1', 'node_not_ready');
    now = start + 2;
    await room.note(issue({ issuedAt: now }));
    const late = issue({ attestedAt: start + 0.2, issuedAt: now });
    await assert.rejects(async () => room.note(late), refusal(Rejected, 'instance_ended'));
  });

  it('race: an instance ends while its entry is being written: no token', async () => {
    let release = () => {};
    watched.hold = new Promise((resolve) => {
      release = resolve;
    });
    const noting = room.note(issue());
    now = start + 0.5;
    room.ended('prod-eu', 'pod:1', 'pod_deleted');
    release();
    await assert.rejects(async () => noting, refusal(Rejected, 'instance_ended'));
    assert.equal(revoked(start), true);
  });

  it('an instance that is trusted again gets tokens, which the next end revokes', async () => {
    await room.note(issue());
    now = start + 10;
    room.ended('prod-eu', 'pod:1', 'node_not_ready');
    await assert.rejects(async () => room.note(issue({ issuedAt: now })), refusal(Rejected, 'instance_ended'));
    await room.note(issue({ issuedAt: start + 11 }));
    assert.deepEqual([revoked(start + 10), revoked(start + 11)], [true, false]);
    assert.deepEqual(room.instances('prod-eu'), ['pod:1']);
    now = start + 20;
    room.ended('prod-eu', 'pod:1', 'node_not_ready');
    assert.equal(revoked(start + 11), true);
    await room.close();
    const again = await openRoom(watched.log, () => now);
    assert.equal(again.isRevoked(tokenOf({ issuedAt: start + 11 })), true);
    await again.close();
  });

  it('tells an attestor its own instances that hold tokens, until these have expired or are revoked', async () => {
    await room.note(issue());
    await room.note(issue({ instance: 'pod:2' }));
    await room.note(issue({ instance: 'pod:2', resource: 'https://payroll.example' }));
    await room.note(issue({ attestor: 'prod', instance: 'pod:3' }));
    assert.deepEqual([...room.instances('prod-eu')].sort(), ['pod:1', 'pod:2']);
    assert.deepEqual(room.instances('prod'), ['pod:3']);
    room.ended('prod-eu', 'pod:1', 'pod_deleted');
    assert.deepEqual(room.instances('prod-eu'), ['pod:2']);
    now = start + 2 * lifetime;
    assert.deepEqual(room.instances('prod-eu'), []);
  });

  it('lists an end for the resources of the tokens that are held, until the last of them has expired', async () => {
    const [calendar, payroll] = [issue().resource, 'https://payroll.example'];
    await room.note(issue());
    await room.note(issue({ resource: payroll, expiresAt: start + 100 }));
    now = start + 10.5;
    room.ended('prod-eu', 'pod:1', 'pod_deleted');
    const list = (...resources: string[]) => room.list(new Set(resources)).instances;
    const entry = { key: 'prod-eu/pod:1', before: start + 10.5 };
    assert.deepEqual(list(calendar, payroll), [{ ...entry, until: start + 2 * lifetime }]);
    assert.deepEqual(list(payroll), [{ ...entry, until: start + 200 }]);
    assert.deepEqual(list('https://other.example'), []);
    now = start + 200;
    assert.deepEqual(list(payroll), []);
    now = start + 2 * lifetime;
    assert.deepEqual(list(calendar), []);
  });

  it('keeps an end for a day at most, whatever the lifetime', async () => {
    await room.note(issue({ expiresAt: start + 86_400 }));
    now = start + 100;
    room.ended('prod-eu', 'pod:1', 'pod_deleted');
    assert.deepEqual(
      room.list(new Set([issue().resource])).instances.map(({ until }) => until),
      [start + 100 + 86_400],
    );
  });

  it('an end takes effect here although the store fails; it warns once, and writes it when the store is back', async () => {
    await room.note(issue());
    watched.failing = true;
    room.ended('prod-eu', 'pod:1', 'pod_deleted');
    assert.equal(revoked(start), true);
    await sleep(400);
    assert.equal(room.warnings.filter((line) => line.includes('does not take the end')).length, 1);
    watched.failing = false;
    while (watched.appended.length < 2) await sleep(20);
    const other = await openRoom(watched.log, () => now);
    assert.equal(other.isRevoked(tokenOf()), true);
    await other.close();
  });

  it('tells at its end what the store did not take', async () => {
    await room.note(issue());
    watched.failing = true;
    room.ended('prod-eu', 'pod:1', 'pod_deleted');
    await room.close();
    assert.match(room.warnings.at(-1) ?? '', /the ends of 1 instances could not be written/);
  });

  it('is unavailable while the log cannot be read, at its start as well, and never takes that for an empty one', async () => {
    watched.failing = true;
    await assert.rejects(room.refresh(), refusal(Unavailable, 'store_unavailable'));
    await assert.rejects(
      openRoom(watched.log, () => now),
      refusal(Unavailable, 'store_unavailable'),
    );
  });

  it('does not pass over an entry that it cannot read', async () => {
    await watched.log.append('{"kind":"later"}', (start + 60) * 1000);
    await assert.rejects(room.refresh(), /entry of another version/);
    await assert.rejects(room.refresh(), /entry of another version/);
  });
});
