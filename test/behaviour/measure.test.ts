import assert from 'node:assert/strict';
import { type Exchange, type Look, measureOf } from '../../src/behaviour/measure.js';
import { behaviourNames, mostDistinct } from '../../src/policy/conditions/behaviour.js';

/** A Friday, 8:00 in UTC. */
const now = 1_800_000_000;
const day = 86_400;
const hour = 3600;

const exchangeAt = (at: number, changes: Partial<Exchange> = {}): Exchange => ({
  now: at,
  attestor: 'prod-eu',
  subject: 'spiffe://example.com/prod-eu/ns/a/sa/b',
  instance: 'pod:1',
  resource: 'https://one.example',
  node: { selector: 'k8s:node:n1' },
  network: '10.1.2.0/24',
  ...changes,
});

function measured(name: string, exchange: Exchange) {
  const measure = measureOf(name, exchange);
  assert.ok(typeof measure !== 'string', `${name} is ${String(measure)}`);
  return measure;
}

const look = (name: string, stored: string | undefined, exchange = exchangeAt(now)): Look => {
  const measure = measured(name, exchange);
  assert.ok(measure.kind === 'memory');
  return measure.look(stored);
};

/** The entry after tokens at these times, each as it would have been issued. */
function afterTokens(name: string, times: readonly number[], changes: Partial<Exchange> = {}): string | undefined {
  let stored: string | undefined;
  for (const at of times) stored = look(name, stored, exchangeAt(at, changes)).next ?? stored;
  return stored;
}

describe('behaviour/measure', () => {
  it('counts in windows of whole minutes, hours and days of UTC, and keeps a counter for an hour longer', () => {
    for (const [name, length] of [
      ['exchangesPerMinute', 60],
      ['exchangesPerHour', hour],
      ['exchangesPerDay', day],
    ] as const) {
      const begin = Math.floor(now / length) * length;
      const keyAt = (at: number) => measured(name, exchangeAt(at)).key;
      assert.deepEqual(keyAt(begin), keyAt(begin + length - 0.001));
      assert.notDeepEqual(keyAt(begin), keyAt(begin + length));
      assert.notDeepEqual(keyAt(begin), keyAt(begin - 0.001));
      assert.equal(measured(name, exchangeAt(begin)).expiresAt, (begin + length + hour) * 1000);
    }
  });

  it('has another key for each fact, workload, instance, attestor and window, and for each resource of a first use', () => {
    const others: Partial<Exchange>[] = [
      {},
      { attestor: 'prod-us' },
      { subject: 'spiffe://example.com/prod-eu/ns/a/sa/c' },
      { now: now + 2 * day },
    ];
    const keys = behaviourNames.flatMap((name) =>
      others.map((changes) => JSON.stringify([name, measured(name, exchangeAt(now, changes)).key])),
    );
    const ofWorkload = (name: string) => !name.startsWith('instance.');
    const differing = new Set(keys);
    const perName = (name: string) => [...differing].filter((key) => key.startsWith(`["${name}"`)).length;
    for (const name of behaviourNames) {
      const windowed = !/firstUse|offHours/.test(name);
      assert.equal(perName(name), 2 + Number(ofWorkload(name)) + Number(windowed), name);
    }
    const firstUses = ['https://one.example', 'https://two.example'].map((resource) =>
      JSON.stringify(measured('firstUse', exchangeAt(now, { resource })).key),
    );
    assert.equal(new Set(firstUses).size, 2);
    const [one, two] = ['pod:1', 'pod:2'].map((instance) => exchangeAt(now, { instance }));
    assert.ok(one && two);
    assert.notDeepEqual(measured('instance.exchangesPerHour', one).key, measured('instance.exchangesPerHour', two).key);
    assert.deepEqual(measured('exchangesPerHour', one).key, measured('exchangesPerHour', two).key);
  });

  it('does not know what the exchange does not say', () => {
    assert.equal(measureOf('distinctResourcesPerHour', exchangeAt(now, { resource: null })), 'missing');
    assert.equal(measureOf('firstUse', exchangeAt(now, { resource: null })), 'missing');
    assert.equal(measureOf('distinctNetworksPerDay', exchangeAt(now, { network: null })), 'missing');
    assert.equal(measureOf('distinctNodesPerHour', exchangeAt(now, { node: 'missing' })), 'missing');
    assert.equal(measureOf('distinctNodesPerHour', exchangeAt(now, { node: 'unavailable' })), 'unavailable');
    assert.equal(measureOf('constructor', exchangeAt(now)), 'missing');
  });

  for (const absurd of [Number.NaN, Number.POSITIVE_INFINITY, -Number.MAX_VALUE, 1e300]) {
    it(`does not know anything at ${absurd}, and does not throw`, () => {
      for (const name of behaviourNames) assert.equal(measureOf(name, exchangeAt(absurd)), 'missing');
    });
  }

  it('does not throw for any time of the calendar', () => {
    for (const at of [-1e12, -0.5, 0, 8e12]) {
      for (const name of behaviourNames) {
        const measure = measured(name, exchangeAt(at));
        if (measure.kind === 'memory') measure.look(measure.look(undefined).next ?? undefined);
      }
    }
  });

  it('counts each value once, this one included', () => {
    const stored = afterTokens('distinctNetworksPerHour', [now], { network: '10.1.2.0/24' });
    assert.deepEqual(look('distinctNetworksPerHour', stored), { fact: 1, next: null });
    const other = look('distinctNetworksPerHour', stored, exchangeAt(now, { network: '10.1.3.0/24' }));
    assert.equal(other.fact, 2);
    assert.deepEqual(look('distinctNetworksPerHour', other.next ?? undefined), { fact: 2, next: null });
  });

  it('keeps a hash of each value, of at most one more than can be asked about', () => {
    let stored: string | undefined;
    for (let index = 0; index < mostDistinct + 50; index++) {
      const found = look('distinctResourcesPerDay', stored, exchangeAt(now, { resource: `https://r${index}.example` }));
      assert.equal(found.fact, Math.min(index + 1, mostDistinct + 1));
      stored = found.next ?? stored;
    }
    assert.ok(stored && stored.length < 4000 && !stored.includes('example'));
    const early = look('distinctResourcesPerDay', stored, exchangeAt(now, { resource: 'https://r0.example' }));
    assert.equal(early.fact, mostDistinct + 1);
  });

  it('remembers the use of a resource for ninety days after the last one, and writes it once a day', () => {
    assert.equal(look('firstUse', undefined).fact, true);
    const stored = afterTokens('firstUse', [now]);
    assert.deepEqual(look('firstUse', stored, exchangeAt(now + hour)), { fact: false, next: null });
    assert.notEqual(look('firstUse', stored, exchangeAt(now + day)).next, null);
    assert.equal(look('firstUse', stored, exchangeAt(now + 90 * day)).fact, false);
    assert.equal(look('firstUse', stored, exchangeAt(now + 91 * day)).fact, true);
    assert.ok(measured('firstUse', exchangeAt(now)).expiresAt >= (now + 90 * day) * 1000);
  });

  it('a clock that is set back makes no use the first, and nobody known for longer', () => {
    const back = exchangeAt(now - 40 * day);
    assert.deepEqual(look('firstUse', afterTokens('firstUse', [now]), back), { fact: false, next: null });
    assert.equal(look('offHours', afterTokens('offHours', [now]), back).fact, null);
  });

  describe('offHours', () => {
    const fact = (times: readonly number[], at = now) =>
      look('offHours', afterTokens('offHours', times), exchangeAt(at)).fact;
    const longAgo = now - 20 * day + 12 * hour;

    it('is not known until the workload has been known for seven days', () => {
      assert.equal(look('offHours', undefined).fact, null);
      assert.equal(fact([now - 7 * day + hour]), null);
      assert.equal(fact([now - 7 * day]), false);
    });

    it('is false within an hour of a token of another day, and true elsewhere', () => {
      assert.equal(fact([longAgo]), true);
      for (const [ago, expected] of [
        [day, false],
        [day - hour, false],
        [day + hour, false],
        [day - 2 * hour, true],
        [day + 2 * hour, true],
        [28 * day, false],
        [29 * day + 2 * hour, true],
      ] as const) {
        assert.equal(fact([now - 40 * day + 12 * hour, now - ago]), expected, `${ago / hour} hours ago`);
      }
    });

    it('is not made false by tokens of this day, nor of an hour before midnight', () => {
      assert.equal(fact([longAgo, now - hour, now, now - 60]), true);
      const justAfterMidnight = now - 8 * hour + 60;
      assert.equal(fact([longAgo, justAfterMidnight - 120], justAfterMidnight), true);
    });

    it('is written once an hour, and holds no more than four weeks', () => {
      const hours = Array.from({ length: 60 * 24 }, (_, index) => now - (60 * 24 - index) * hour);
      const stored = afterTokens('offHours', hours);
      assert.ok(stored && stored.length < 8000, `${stored?.length}`);
      assert.equal(look('offHours', stored, exchangeAt(now - hour)).next, null);
      assert.notEqual(look('offHours', stored).next, null);
    });
  });

  it('throws for an entry that is none of ours', () => {
    for (const [name, stored] of [
      ['distinctNodesPerHour', '{}'],
      ['distinctNodesPerHour', '[1]'],
      ['firstUse', '"1"'],
      ['firstUse', 'x'],
      ['offHours', 'null'],
      ['offHours', '{"since":1}'],
    ] as const) {
      assert.throws(() => look(name, stored));
    }
  });
});
