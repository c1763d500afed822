/** The life of keys, over any order of clock, schedule and commands. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  bringForward,
  firstRing,
  keysOf,
  publishNext,
  type Ring,
  readyAt,
  revoke,
  rotate,
  statesOf,
  withKeysOf,
} from '../../src/signing/ring.js';

const start = 1_800_000_000;
const rotateEvery = 86_400;
/** As docs/keys.md has them, and not as the code has them. */
const [cached, unread, clocks, lifetime] = [300, 300, 60, 86_400];

let made = 0;
const key = () => {
  made++;
  return { kid: `k${made}`, jwk: { kty: 'EC', crv: 'P-256', x: 'x', y: 'y', d: `private-${made}` } };
};

function freeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  for (const part of Object.values(value)) freeze(part);
  return Object.freeze(value);
}

const keep = (ring: Ring, now: number): Ring => freeze(publishNext(bringForward(ring, now, rotateEvery), key(), now));
const begin = () => freeze(publishNext(firstRing(key(), start), key(), start));

interface Life {
  readonly published: number;
  state: string;
  retired?: number;
}

/** Notes each change of the ring, and asserts that it was allowed at that time. */
function observe(lives: Map<string, Life>, ring: Ring, now: number): void {
  const states = new Map(statesOf(ring).map(({ kid, state }) => [kid, state]));
  assert.equal(states.size, 1 + (ring.next ? 1 : 0) + ring.retired.length, 'each key is there once');
  assert.equal([...states.values()].filter((state) => state === 'active').length, 1);
  for (const [kid, state] of states) {
    const life = lives.get(kid);
    if (life === undefined) {
      assert.ok(state === 'next' || lives.size === 0, 'but for the very first, a key is next before all else');
      lives.set(kid, { published: now, state });
      continue;
    }
    if (life.state === state) continue;
    assert.ok((life.state === 'next' && state === 'active') || (life.state === 'active' && state === 'retired'));
    if (state === 'active') assert.ok(now - life.published >= cached + unread + clocks);
    if (state === 'retired') life.retired = now;
    life.state = state;
  }
  for (const [kid, life] of lives) {
    if (states.has(kid) || life.state === 'gone') continue;
    assert.ok(life.state === 'retired' && now - (life.retired ?? now) >= lifetime + unread + clocks);
    life.state = 'gone';
  }
  for (const { jwk } of ring.retired) assert.ok(!('d' in jwk), 'a retired key cannot sign');
}

const step = fc.record({
  seconds: fc.oneof(fc.integer({ min: 0, max: 700 }), fc.integer({ min: 0, max: 200_000 })),
  by: fc.constantFrom('schedule', 'command'),
});

describe('a ring of keys', () => {
  it('over any steps: one active key, published before use, kept until its last token has expired', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        let [ring, now] = [begin(), start];
        const lives = new Map<string, Life>();
        observe(lives, firstRing(ring.active, start), start);
        observe(lives, ring, now);
        for (const { seconds, by } of steps) {
          now += seconds;
          ring = keep(by === 'command' ? rotate(ring, now) : ring, now);
          observe(lives, ring, now);
          assert.equal(bringForward(ring, now, rotateEvery), ring, 'done once, nothing is left to do');
          assert.equal(keep(ring, now), ring);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('over any steps: a revoked key is in no ring again, neither by its schedule nor by what an older ring knows', () => {
    const steps = fc.array(fc.record({ seconds: fc.nat({ max: 200_000 }), key: fc.nat(), older: fc.nat() }));
    fc.assert(
      fc.property(steps, (each) => {
        let [ring, now] = [begin(), start];
        const rings = [ring];
        const revoked = new Set<string>();
        for (const { seconds, key: nth, older } of each) {
          now += seconds;
          const { kid, published } = keysOf(ring)[nth % keysOf(ring).length] ?? ring.active;
          // Every other one stays in use.
          if (nth % 2 === 0) revoked.add(kid);
          const asked =
            nth % 2 === 0 ? revoke(ring, [{ kid, published, revoked: now }], key(), now) : rotate(ring, now);
          ring = keep(freeze(withKeysOf(rings[older % rings.length] ?? ring, asked, now)), now);
          rings.push(ring);
          const kids = keysOf(ring).map((one) => one.kid);
          assert.equal(new Set(kids).size, kids.length, 'each key is there once');
          assert.ok(ring.next !== null && kids.every((one) => !revoked.has(one)));
          assert.deepEqual(new Set(ring.revoked.map((one) => one.kid)), revoked);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('is rotated when the active key has signed for rotateEvery, and not a second before', () => {
    const ring = begin();
    assert.equal(bringForward(ring, start + rotateEvery - 1, rotateEvery), ring);
    const rotated = bringForward(ring, start + rotateEvery, rotateEvery);
    assert.equal(rotated.active.kid, ring.next?.kid);
    assert.equal(rotated.retired[0]?.kid, ring.active.kid);
  });

  it('is rotated by command from the second on in which nobody can hold a key set without the next key', () => {
    const ring = begin();
    const ready = readyAt(ring) ?? assert.fail();
    assert.equal(ready, start + cached + unread + clocks);
    assert.equal(rotate(ring, ready - 1), ring);
    assert.equal(rotate(ring, ready).active.kid, ring.next?.kid);
  });

  it('is not rotated without a next key, however old the active one is', () => {
    const ring = freeze(firstRing(key(), start));
    assert.equal(bringForward(ring, start + 1000 * rotateEvery, rotateEvery), ring);
    assert.equal(rotate(ring, start + 1000 * rotateEvery), ring);
  });

  it('lets a retired key go in the second in which the last token has expired everywhere', () => {
    const at = start + rotateEvery;
    const ring = keep(begin(), at);
    const leaves = at + lifetime + unread + clocks;
    assert.equal(ring.retired[0]?.leaves, leaves);
    const long = 365 * 86_400;
    assert.equal(bringForward(ring, leaves - 1, long).retired.length, 1);
    assert.equal(bringForward(ring, leaves, long).retired.length, 0);
  });

  it('of a store that lost it is not forgotten: who started meanwhile signs, and what was signed before still verifies', () => {
    const lost = keep(rotate(begin(), start + 700), start + 701);
    const now = start + 1_000;
    const made = freeze(publishNext(firstRing(key(), now), key(), now));
    const whole = freeze(withKeysOf(lost, made, now));
    assert.deepEqual([whole.active, whole.next], [made.active, made.next]);
    const kids = [lost.active, lost.next, ...lost.retired].map((each) => each?.kid);
    assert.deepEqual(
      whole.retired.map(({ kid }) => kid),
      kids,
    );
    assert.ok(whole.retired.every(({ jwk }) => jwk.d === undefined));
    assert.ok(whole.retired.every(({ leaves }) => leaves >= start + 700 + lifetime + unread + clocks));
    // Done once, and never to a ring that has gone on from it.
    assert.equal(withKeysOf(lost, whole, now), whole);
    const rotated = keep(rotate(lost, start + 2_000), start + 2_001);
    assert.equal(withKeysOf(lost, rotated, start + 2_002), rotated);
  });
});
