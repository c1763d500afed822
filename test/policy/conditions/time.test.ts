import assert from 'node:assert/strict';
import fc from 'fast-check';
import { clockIn, instantOf } from '../../../src/policy/conditions/local-time.js';
import { time } from '../../../src/policy/conditions/time.js';
import { type Condition, candidateOf } from '../../../src/policy/match.js';
import { factsOf } from '../samples.js';

const at = (written: string) => Date.parse(written) / 1000;
const candidateAt = (now: number) => candidateOf({ ...factsOf(), now });

function window(asked: Readonly<Record<string, unknown>>): Condition & { until: NonNullable<Condition['until']> } {
  const check = time.checks(time.schema.parse(asked)).find(({ key }) => key === 'window');
  const condition = check?.condition('holds');
  assert.ok(condition?.until);
  return condition as Condition & { until: NonNullable<Condition['until']> };
}

const isOpen = (condition: Condition, now: number) => condition.rank(candidateAt(now)) === 3;
const closing = (asked: Readonly<Record<string, unknown>>, now: string) =>
  new Date(window(asked).until(candidateAt(at(now))) * 1000).toISOString();

describe('policy/conditions/time', () => {
  const berlin = { zone: 'Europe/Berlin' };

  it('knows both changes of the clocks: an hour that is missing, and one that comes twice', () => {
    const morning = { from: '01:30', to: '03:30', ...berlin };
    // 29 March 2026: 02:00 becomes 03:00. 25 October 2026: 03:00 becomes 02:00.
    assert.equal(closing(morning, '2026-03-29T01:30:00+01:00'), '2026-03-29T01:30:00.000Z');
    assert.equal(closing(morning, '2026-10-25T01:30:00+02:00'), '2026-10-25T02:30:00.000Z');
    const open = window(morning);
    for (const [now, expected] of [
      ['2026-03-29T01:29:59+01:00', false],
      ['2026-03-29T01:59:59+01:00', true],
      ['2026-03-29T03:00:00+02:00', true],
      ['2026-03-29T03:30:00+02:00', false],
      ['2026-10-25T02:59:59+02:00', true],
      ['2026-10-25T02:00:00+01:00', true],
      ['2026-10-25T03:29:59+01:00', true],
      ['2026-10-25T03:30:00+01:00', false],
    ] as const) {
      assert.equal(isOpen(open, at(now)), expected, now);
    }
  });

  it('closes where clocks are put back to before it opens, and not at its end on that day', () => {
    const asked = { days: ['sun'], from: '02:30', to: '18:00', ...berlin };
    // Open from 02:30 summer time; at 03:00 it is 02:00 again, and half an hour too early.
    assert.equal(closing(asked, '2026-10-25T02:45:00+02:00'), '2026-10-25T01:00:00.000Z');
    assert.equal(isOpen(window(asked), at('2026-10-25T02:15:00+01:00')), false);
    assert.equal(closing(asked, '2026-10-25T02:30:00+01:00'), '2026-10-25T17:00:00.000Z');
  });

  it('takes days that follow one another at once for one window, for as long as a token can live', () => {
    const weekdays = { days: ['mon', 'tue', 'wed', 'thu', 'fri'], ...berlin };
    assert.equal(closing(weekdays, '2026-11-20T12:00:00+01:00'), '2026-11-20T23:00:00.000Z');
    const inTheWeek = window(weekdays).until(candidateAt(at('2026-11-17T12:00:00+01:00')));
    assert.ok(inTheWeek - at('2026-11-17T12:00:00+01:00') > 86_400);
  });

  it('never closes later than it says, and is open until then, at any time in any zone', () => {
    const zones = ['Europe/Berlin', 'America/St_Johns', 'Australia/Lord_Howe', 'Asia/Kolkata', 'Pacific/Apia', 'UTC'];
    const minutes = fc.integer({ min: 0, max: 1439 });
    const clockFace = (value: number) =>
      `${String(Math.floor(value / 60)).padStart(2, '0')}:${String(value % 60).padStart(2, '0')}`;
    let opened = 0;
    const property = fc.property(
      fc.constantFrom(...zones),
      minutes,
      minutes,
      fc.integer({ min: at('2026-01-01T00:00:00Z'), max: at('2027-12-31T00:00:00Z') }),
      fc.double({ min: 0, max: 0.999_999, noNaN: true }),
      (zone, from, to, now, along) => {
        fc.pre(from !== to);
        const condition = window({ from: clockFace(from), to: clockFace(to), zone });
        if (!isOpen(condition, now)) return;
        opened += 1;
        const until = condition.until(candidateAt(now));
        assert.ok(until >= now);
        assert.ok(until === now || isOpen(condition, now + (until - now) * along), 'it closes before it says');
      },
    );
    fc.assert(property, { numRuns: 2000 });
    assert.ok(opened > 500);
  });

  it('does not throw at times that no calendar has, and holds at none of them', () => {
    for (const now of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e300, -1e300, 8.64e12]) {
      for (const asked of [berlin, { notBefore: '2026-01-01T00:00:00Z' }, { notAfter: '2026-01-01T00:00:00Z' }]) {
        const whole = 'zone' in asked ? { ...asked, days: ['mon'] } : asked;
        for (const check of time.checks(time.schema.parse(whole))) {
          const condition = check.condition('holds');
          assert.equal(condition.rank(candidateAt(now)), 1);
          assert.equal(condition.seen(candidateAt(now)), 'unknown (missing)');
        }
      }
    }
  });

  it('goes on through a change of the clocks by what they show, and by the earlier of two', () => {
    const clock = clockIn('Europe/Berlin') ?? assert.fail();
    const spring = at('2026-03-29T01:00:00+01:00');
    assert.equal(instantOf(clock, spring, 180), at('2026-03-29T04:00:00+02:00'));
    const autumn = at('2026-10-25T01:00:00+02:00');
    assert.equal(instantOf(clock, autumn, 180), at('2026-10-25T04:00:00+01:00') - 3600);
  });

  it('shows what the calendar of the zone shows, to the second around each change of the clocks', () => {
    const starts = ['2026-03-29T00:55:00Z', '2026-10-25T00:55:00Z', '2026-04-04T14:55:00Z', '2026-02-15T02:55:00Z'];
    const zones = ['Europe/Berlin', 'Australia/Lord_Howe', 'Africa/Casablanca', 'Asia/Kathmandu', 'America/St_Johns'];
    for (const zone of zones) {
      const clock = clockIn(zone) ?? assert.fail();
      const shown = new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short', timeStyle: 'medium' });
      // Old ones too, where zones changed at odd seconds.
      const odd = [-2422054408, -1577926364, 0.5, 2 ** 31];
      for (const start of [...starts.map((each) => Date.parse(each) / 1000), ...odd]) {
        for (let second = start; second < start + 700; second += 7) {
          const { day, minutes, offset } = clock(second);
          const wall = new Date(Math.floor(second + offset) * 1000).toISOString();
          const whole = Math.floor(minutes * 60 + 1e-6);
          assert.equal(
            wall.slice(0, 19).replace('T', ' '),
            shown.format(Math.floor(second) * 1000),
            `${zone} ${second}`,
          );
          assert.equal(day.date, wall.slice(0, 10));
          assert.equal(
            whole,
            Number(wall.slice(11, 13)) * 3600 + Number(wall.slice(14, 16)) * 60 + Number(wall.slice(17, 19)),
          );
        }
      }
    }
  });

  const bad: readonly (readonly [string, unknown])[] = [
    ['nothing', {}],
    ['from alone', { from: '08:00', ...berlin }],
    ['to alone', { to: '08:00', ...berlin }],
    ['a window that ends where it begins', { from: '08:00', to: '08:00', ...berlin }],
    ['days without a zone', { days: ['mon'] }],
    ['a zone and nothing to apply it to', berlin],
    ['a zone that is none', { days: ['mon'], zone: 'Europe/Bern' }],
    ['an offset as a zone', { days: ['mon'], zone: '+02:00' }],
    ['a day twice', { days: ['mon', 'mon'], ...berlin }],
    ['a day in another language', { days: ['montag'], ...berlin }],
    ['a time that clocks do not show', { from: '24:00', to: '25:00', ...berlin }],
    ['a time without quotes, which YAML reads as a number', { from: 480, to: 1080, ...berlin }],
    ['a date that no calendar has', { except: ['2026-02-30'], ...berlin }],
    ['a bound without an offset', { notBefore: '2026-01-01T00:00:00' }],
    ['bounds in the wrong order', { notBefore: '2026-01-02T00:00:00Z', notAfter: '2026-01-01T00:00:00Z' }],
    ['an unknown key', { days: ['mon'], until: '08:00', ...berlin }],
  ];
  it('says of a window without a zone which key is missing', () => {
    const { error } = time.schema.safeParse({ from: '08:00', to: '18:00' });
    assert.deepEqual(
      error?.issues.map(({ path, message }) => [path.join('.'), message]),
      [['zone', 'the zone that these clocks are of, such as Europe/Berlin']],
    );
  });

  for (const [title, asked] of bad) {
    it(`refuses ${title}`, () => assert.equal(time.schema.safeParse(asked).success, false));
  }
});
