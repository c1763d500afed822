/** Revocation by request: tokens, instances and subjects, on every replica of one log. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Rejected, Unavailable } from '../../src/errors.js';
import type { Bearer } from '../../src/revocation/entry.js';
import type { Target } from '../../src/revocation/requests.js';
import type { IssuedToken } from '../../src/revocation/revocation.js';
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

const { resource, subject } = issue();
const cause = { by: 'alice@desk', reason: 'leaked' };
const ofSubject: Target = { kind: 'subject', subject, cause };
const ofInstance: Target = { kind: 'instance', attestor: 'prod-eu', instance: 'pod:1', cause };
const ofToken: Target = { kind: 'token', id: 'jti-1', token: { resource, expiresAt: start + lifetime }, cause: null };
const ofTokenId: Target = { ...ofToken, token: null, cause };

describe('revocation by request', () => {
  let now: number;
  let watched: WatchedLog;
  let rooms: TestRoom[];
  const open = async () => {
    const room = await openRoom(watched.log, () => now);
    rooms.push(room);
    return room;
  };
  beforeEach(() => {
    now = start;
    rooms = [];
    watched = watchLog(createMemoryStore({ now: () => now * 1000 }).log('revocation'));
  });
  afterEach(async () => {
    for (const room of rooms) await room.close();
  });

  it('a subject: what it was issued until then, of every instance; what comes in the next second is active', async () => {
    const [one, two] = [await open(), await open()];
    await one.note(issue());
    await two.note(issue({ instance: 'pod:2' }));
    now = start + 10.5;
    const { resources, before } = await one.revoke(ofSubject);
    assert.deepEqual([resources, before], [[resource], now]);
    await two.refresh();
    for (const room of [one, two]) {
      for (const instance of ['pod:1', 'pod:2']) {
        assert.equal(room.isRevoked(tokenOf({ instance, issuedAt: start + 10 })), true);
        assert.equal(room.isRevoked(tokenOf({ instance, issuedAt: start + 11 })), false);
      }
      assert.equal(room.isRevoked(tokenOf({ subject: `${subject}-2` })), false);
    }
    assert.throws(
      () => two.note(issue({ issuedAt: start + 10 })),
      (error) => error instanceof Unavailable && error.reason === 'subject_revoked' && error.retryAfter === 1,
    );
    now = start + 11;
    await two.note(issue({ issuedAt: now, attestedAt: start + 10 }));
    assert.deepEqual(
      two.list(new Set([resource])).subjects.map(({ key, until }) => [key, until]),
      [[subject, start + 2 * lifetime]],
    );
    assert.deepEqual(two.list(new Set(['https://other.example'])).subjects, []);
  });

  it('what a subject is issued after it was revoked is noted, so that it can be revoked again', async () => {
    const one = await open();
    await one.note(issue());
    now = start + 10;
    await one.revoke(ofSubject);
    now = start + 20;
    await one.note(issue({ issuedAt: now }));
    now = start + 30;
    assert.deepEqual((await one.revoke(ofSubject)).resources, [resource]);
    assert.equal(one.isRevoked(tokenOf({ issuedAt: start + 20 })), true);
  });

  it('a busy subject is revoked once: what a replica issues later, before it has heard, stays active', async () => {
    const [one, two] = [await open(), await open()];
    for (const room of [one, two]) await room.note(issue());
    now = start + 10;
    await one.revoke(ofSubject);
    for (const second of [11, 12, 13]) {
      now = start + second;
      for (const room of [one, two]) await room.note(issue({ issuedAt: now }));
      await (second === 12 ? two : one).refresh();
    }
    for (const room of [one, two]) {
      await room.refresh();
      assert.equal(room.isRevoked(tokenOf({ issuedAt: start })), true);
      for (const second of [11, 12, 13]) assert.equal(room.isRevoked(tokenOf({ issuedAt: start + second })), false);
    }
    assert.equal(watched.appended.filter((line) => !line.includes('"held"')).length, 1);
  });

  it('a process that starts while the clock is ahead knows what was revoked when it has been set back', async () => {
    const one = await open();
    await one.note(issue());
    for (const target of [ofToken, ofSubject]) await one.revoke(target);
    now = start + lifetime + 3_500;
    const two = await open();
    await two.note(issue({ instance: 'pod:2', subject: `${subject}-2`, issuedAt: now }));
    now = start + 10;
    for (const room of [two, await open()]) {
      await room.refresh();
      assert.equal(room.isRevoked(tokenOf({ subject: `${subject}-2`, instance: 'pod:2' })), true);
      assert.equal(room.isRevoked(tokenOf({ id: 'jti-2' })), true);
    }
  });

  it('an instance: all its tokens, and it gets none for a day, whatever evidence it shows', async () => {
    const [one, two] = [await open(), await open()];
    await one.note(issue());
    await one.revoke(ofInstance);
    await two.refresh();
    for (const later of [0, 1, 3_600, 86_400]) {
      now = start + later;
      const isRevoked = (error: unknown) => error instanceof Rejected && error.reason === 'instance_revoked';
      assert.throws(() => two.note(issue({ issuedAt: now })), isRevoked);
      assert.throws(() => two.refuseRevoked(issue()), isRevoked);
    }
    now = start + 86_401;
    await two.note(issue({ issuedAt: now }));
    two.refuseRevoked(issue());
    assert.equal(two.isRevoked(tokenOf({ issuedAt: now })), false);
    two.refuseRevoked(issue({ instance: 'pod:2' }));
  });

  it('a token by its id alone is told to every client, for as long as any token can live', async () => {
    const one = await open();
    await one.revoke(ofTokenId);
    assert.equal(one.isRevoked(tokenOf()), true);
    assert.equal(one.isRevoked(tokenOf({ id: 'jti-2' })), false);
    const { tokens } = one.list(new Set(['https://other.example']));
    assert.deepEqual(tokens, [{ id: 'jti-1', until: start + 86_400 }]);
    assert.deepEqual((await one.revoke(ofToken)).isNew, false);
  });

  it('what operators revoke is told in the log of every process, once; what clients revoke is not', async () => {
    const [one, two] = [await open(), await open()];
    for (const target of [ofTokenId, ofInstance, ofSubject, { ...ofToken, id: 'jti-2' } as Target])
      await one.revoke(target);
    for (const room of [one, two, one, two]) await room.refresh();
    const expected = ['token jti-1', 'prod-eu/pod:1', subject];
    for (const { infos } of [one, two]) {
      assert.deepEqual(
        infos,
        expected.map((what) => `revocation: ${what} is revoked by alice@desk: leaked`),
      );
    }
    assert.deepEqual((await open()).infos, []);
  });

  for (const target of [ofSubject, ofInstance, ofToken]) {
    it(`${target.kind}: is unavailable, and not revoked here, when the log does not take it, or cannot be read`, async () => {
      const one = await open();
      await one.note(issue());
      watched.failing = true;
      const isUnavailable = (error: unknown) => error instanceof Unavailable && error.reason === 'store_unavailable';
      await assert.rejects(one.revoke(target), isUnavailable);
      assert.equal(one.isRevoked(tokenOf()), false);
      watched.failing = false;
      await one.revoke(target);
      assert.equal(one.isRevoked(tokenOf()), true);
    });
  }

  it('a hundred at once of one token are one entry; a hundred tokens a hundred', async () => {
    const one = await open();
    const all = await Promise.all(Array.from({ length: 100 }, () => one.revoke(ofToken)));
    assert.deepEqual([all.filter(({ isNew }) => isNew).length, watched.appended.length], [1, 1]);
    const ids = Array.from({ length: 100 }, (_, index) => `other-${index}`);
    await Promise.all(ids.map((id) => one.revoke({ ...ofToken, id } as Target)));
    assert.equal(watched.appended.length, 101);
    assert.ok(ids.every((id) => one.isRevoked(tokenOf({ id }))));
    assert.ok(one.isRevoked({ ...tokenOf({ id: 'made of it' }), ancestors: ['jti-9', 'jti-1'] }));
  });

  it('property: what was revoked is active again on no replica, after restarts, with clocks that go wrong', async function () {
    this.timeout(60_000);
    const step = fc.oneof(
      fc.record({ do: fc.constant('issue' as const), at: fc.nat(2), of: fc.nat(3) }),
      fc.record({ do: fc.constant('revoke' as const), at: fc.nat(2), of: fc.nat(), what: fc.nat(2) }),
      fc.record({ do: fc.constant('restart' as const), at: fc.nat(2) }),
      fc.record({ do: fc.constant('clock' as const), offset: fc.integer({ min: -1_700, max: 1_700 }) }),
      fc.record({ do: fc.constant('wait' as const), seconds: fc.nat(400) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        let [elapsed, offset] = [0, 0];
        const clock = () => start + elapsed + offset;
        const log = createMemoryStore({ now: () => clock() * 1000 }).log('revocation');
        const replicas = await Promise.all([0, 1, 2].map(() => openRoom(log, clock)));
        const replica = (at: number) => replicas[at] ?? assert.fail();
        const tokens: (IssuedToken & { readonly bearer: Bearer })[] = [];
        const revoked = new Set<IssuedToken>();
        const check = async () => {
          for (const room of replicas) {
            await room.refresh();
            for (const token of revoked) if (token.issuedAt + lifetime > clock()) assert.ok(room.isRevoked(token));
          }
        };
        for (const each of steps) {
          if (each.do === 'clock') offset = each.offset;
          else if (each.do === 'wait') elapsed += each.seconds;
          else if (each.do === 'restart') {
            await replica(each.at).close();
            replicas[each.at] = await openRoom(log, clock);
          } else if (each.do === 'issue') {
            const issuedAt = Math.floor(clock());
            const bearer = { instance: `pod:${each.of}`, subject: `spiffe://example.com/${each.of % 2}` };
            try {
              await replica(each.at).note(issue({ ...bearer, issuedAt }));
              const token = tokenOf({ ...bearer, issuedAt, id: `jti-${tokens.length}` });
              tokens.push({ ...token, bearer: issue(bearer) });
            } catch (error) {
              assert.ok(error instanceof Rejected || error instanceof Unavailable);
            }
          } else {
            const token = tokens[each.of % Math.max(1, tokens.length)];
            if (token === undefined) continue;
            const kind = (['token', 'instance', 'subject'] as const)[each.what] ?? 'token';
            const known = { resource, expiresAt: token.issuedAt + lifetime };
            await replica(each.at).revoke(
              kind === 'token' ? { kind, id: token.id, token: known, cause } : { ...token.bearer, kind, cause },
            );
            const isMeant = (other: (typeof tokens)[number]) =>
              kind === 'token'
                ? other === token
                : other.bearer[kind] === token.bearer[kind] && (kind === 'instance' || other.issuedAt <= clock());
            for (const other of tokens) if (isMeant(other)) revoked.add(other);
          }
          await check();
        }
        for (const room of replicas) await room.close();
      }),
      { numRuns: 150 },
    );
  });
});
