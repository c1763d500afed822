/** What the clocks of a zone say, both changes of the year included. */

export const weekdays = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;

interface Day {
  readonly weekday: (typeof weekdays)[number];
  /** Such as `2026-12-25`. */
  readonly date: string;
}

export interface LocalTime {
  readonly day: Day;
  /** The day before it. */
  readonly before: Day;
  /** Since midnight, with seconds as a fraction. */
  readonly minutes: number;
  /** Seconds that the clocks are ahead of UTC. */
  readonly offset: number;
}

export type LocalClock = (now: number) => LocalTime;

/** Seconds since the epoch that a date can have. */
const latest = 8.64e12;

/** Whether it is a time that a calendar has a day for. */
export const isInstant = (now: number): boolean => Number.isFinite(now) && Math.abs(now) < latest - 172_800;

/** @returns null for what is no zone of the IANA database */
export function clockIn(zone: string): LocalClock | null {
  if (!/^[A-Za-z][A-Za-z0-9_+/-]*$/.test(zone)) return null;
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      era: 'short',
      ...{ year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric' },
    });
  } catch {
    return null;
  }
  const offsetAt = remembering((second: number) => wallOf(format, second) - second);
  /** Of a quarter of an hour; null: the clocks are changed in it. No zone has changed them twice within one. */
  const offsetOf = remembering((quarter: number) => {
    const offset = offsetAt(quarter * 900);
    return offsetAt(quarter * 900 + 899) === offset ? offset : null;
  });
  return (now) => {
    const whole = Math.floor(now);
    const offset = offsetOf(Math.floor(whole / 900)) ?? offsetAt(whole);
    const wall = whole + offset;
    const day = Math.floor(wall / 86_400);
    return { day: dayOf(day), before: dayOf(day - 1), minutes: (wall - day * 86_400 + (now - whole)) / 60, offset };
  };
}

/** A function of a number that always gives the same for it: most decisions are about the same few hours. */
function remembering<Value>(compute: (key: number) => Value, most = 64): (key: number) => Value {
  const known = new Map<number, Value>();
  return (key) => {
    const before = known.get(key);
    if (before !== undefined) return before;
    const value = compute(key);
    if (known.size >= most) known.clear();
    known.set(key, value);
    return value;
  };
}

/** What the clocks show, as if it were UTC: seconds since the epoch. */
function wallOf(format: Intl.DateTimeFormat, now: number): number {
  const parts: Record<string, string> = {};
  for (const { type, value } of format.formatToParts(now * 1000)) parts[type] = value;
  const part = (name: string) => Number(parts[name]);
  const year = parts.era === 'AD' ? part('year') : 1 - part('year');
  const wall = new Date(0);
  wall.setUTCFullYear(year, part('month') - 1, part('day'));
  return wall.getTime() / 1000 + part('hour') * 3600 + part('minute') * 60 + part('second');
}

/** By the number of days since the epoch. */
const dayOf = remembering((days: number): Day => {
  const date = new Date(days * 86_400_000);
  // The week of Date begins on Sunday.
  return Object.freeze({
    weekday: weekdays[(date.getUTCDay() + 6) % 7] ?? 'mon',
    date: date.toISOString().slice(0, -14),
  });
});

/**
 * When the clocks will have gone so many minutes on. Where they change meanwhile: the earlier of the two times that may be
 * meant, so that nothing lasts longer for it.
 */
export function instantOf(clock: LocalClock, now: number, minutes: number): number {
  const straight = now + minutes * 60;
  return Math.min(straight, straight + clock(now).offset - clock(straight).offset);
}

/** When the clocks are changed between the two times, to the second; infinite when they are not. */
export function changeOf(clock: LocalClock, from: number, to: number): number {
  const { offset } = clock(from);
  if (clock(to).offset === offset) return Number.POSITIVE_INFINITY;
  let [before, after] = [from, Math.ceil(to)];
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2);
    if (clock(middle).offset === offset) before = middle;
    else after = middle;
  }
  return after;
}

/** Whether it is a day of the calendar, such as `2026-12-25`. */
export function parseDate(written: string): boolean {
  return (
    /^\d{4}-\d\d-\d\d$/.test(written) &&
    Number.isFinite(Date.parse(written)) &&
    dayOf(Math.floor(Date.parse(written) / 86_400_000)).date === written
  );
}
