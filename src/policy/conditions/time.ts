/** Time: windows of the week in a zone, and absolute bounds. The clock of a decision is a fact, so it can be made again. */
import { z } from 'zod';
import { text } from '../../../attestors/options.js';
import { type Candidate, type Condition, type Hope, unknownRank } from '../match.js';
import { list, object } from '../strict.js';
import type { Check, ConditionKind } from './kind.js';
import { changeOf, clockIn, instantOf, isInstant, type LocalTime, parseDate, weekdays } from './local-time.js';

const zone = text('a time zone such as Europe/Berlin').transform((name, context) => {
  const clock = clockIn(name);
  if (clock !== null) return { name, clock };
  context.issues.push({ code: 'custom', input: name, message: 'a time zone such as Europe/Berlin or UTC' });
  return z.NEVER;
});

/** Minutes since midnight. */
const timeOfDay = (pattern: RegExp, what: string) =>
  z
    .string({ error: what })
    .regex(pattern, { error: what })
    .transform((written) => Number(written.slice(0, 2)) * 60 + Number(written.slice(3)));

const anInstant = 'a time with its offset, such as 2026-12-24T18:00:00+01:00';
/** Seconds since the epoch. */
const instant = z.iso.datetime({ offset: true, error: anInstant }).transform((written) => Date.parse(written) / 1000);

const date = text('a date such as 2026-12-25').refine((written) => parseDate(written), {
  error: 'a date such as 2026-12-25',
});

const schema = object('a time: days, from, to, zone, except, notBefore, notAfter', {
  days: list('a list of at least one of mon, tue, wed, thu, fri, sat, sun', z.enum(weekdays)).optional(),
  from: timeOfDay(/^([01]\d|2[0-3]):[0-5]\d$/, 'a time of day in quotes, from "00:00" to "23:59"').optional(),
  to: timeOfDay(/^(([01]\d|2[0-3]):[0-5]\d|24:00)$/, 'a time of day in quotes, from "00:01" to "24:00"').optional(),
  zone: zone.optional(),
  except: list('a list of at least one date such as 2026-12-25', date).optional(),
  notBefore: instant.optional(),
  notAfter: instant.optional(),
}).check(({ value, issues }) => {
  const { days, from, to, zone, except, notBefore, notAfter } = value;
  const refuse = (path: string[], message: string) =>
    issues.push({ code: 'custom', input: value, path, message, continue: true });
  const isLocal = [days, from, to, except].some((asked) => asked !== undefined);
  if ((from === undefined) !== (to === undefined)) refuse([], 'from and to together: a window has both ends');
  if (from !== undefined && from === to)
    refuse(['to'], 'another time than from: a window that is the whole day has neither');
  if (isLocal && zone === undefined) refuse(['zone'], 'the zone that these clocks are of, such as Europe/Berlin');
  if (!isLocal && zone !== undefined)
    refuse(['zone'], 'days, from and to, or except beside it: it has nothing to say by itself');
  if (!isLocal && zone === undefined && notBefore === undefined && notAfter === undefined) {
    refuse([], 'a time that asks for something: days, from and to, except, notBefore or notAfter');
  }
  if (notBefore !== undefined && notAfter !== undefined && notBefore >= notAfter) {
    refuse(['notAfter'], 'a time after notBefore');
  }
});

type Asked = z.output<typeof schema>;

export const time = Object.freeze<ConditionKind<Asked>>({
  kind: 'time',
  schema,
  checks({ notBefore: begin, notAfter: end, zone, ...asked }) {
    const window = zone === undefined ? undefined : windowOf(asked, zone);
    return [
      ...check('notBefore', begin, notBefore),
      ...check('notAfter', end, notAfter),
      ...check('window', window, windowCondition),
    ];
  },
});

const check = <Bound>(key: string, bound: Bound | undefined, test: (bound: Bound, hope: Hope) => Condition): Check[] =>
  bound === undefined ? [] : [{ key, reads: [], condition: (hope) => test(bound, hope) }];

const told = (now: number) => (isInstant(now) ? new Date(now * 1000).toISOString() : 'unknown (missing)');

function notBefore(bound: number, hope: Hope): Condition {
  return Object.freeze<Condition>({
    expected: `not before ${told(bound)}`,
    rank: ({ now }) => (isInstant(now) ? (now >= bound ? 3 : 0) : unknownRank[hope].missing),
    seen: ({ now }) => told(now),
  });
}

function notAfter(bound: number, hope: Hope): Condition {
  return Object.freeze<Condition>({
    expected: `before ${told(bound)}`,
    rank: ({ now }) => (isInstant(now) ? (now < bound ? 3 : 0) : unknownRank[hope].missing),
    seen: ({ now }) => told(now),
    until: () => bound,
  });
}

interface Window {
  readonly expected: string;
  readonly clock: (now: number) => LocalTime;
  /** Days on which it begins. */
  readonly begins: (day: LocalTime['day']) => boolean;
  /** Minutes since midnight; `to` is not in it, and may be that of the next day. */
  readonly from: number;
  readonly to: number;
}

const wholeDay = 24 * 60;

function windowOf(asked: Omit<Asked, 'zone'>, zone: NonNullable<Asked['zone']>): Window {
  const { days, from = 0, to = wholeDay, except } = asked;
  const on = new Set<string>(days ?? weekdays);
  const never = new Set(except);
  const hours = from === 0 && to === wholeDay ? '' : ` ${clockFace(from)} to ${clockFace(to)}`;
  const but = except === undefined ? '' : ` except ${except.join(', ')}`;
  return {
    expected: `${[...on].join(', ')}${hours}${but} (${zone.name})`,
    clock: zone.clock,
    begins: ({ weekday, date }) => on.has(weekday) && !never.has(date),
    from,
    to: to > from ? to : to + wholeDay,
  };
}

function windowCondition(window: Window, hope: Hope): Condition {
  return Object.freeze<Condition>({
    expected: window.expected,
    rank: ({ now }) => (isInstant(now) ? (endOf(window, now) === null ? 0 : 3) : unknownRank[hope].missing),
    seen({ now }: Candidate) {
      if (!isInstant(now)) return told(now);
      const { day, minutes } = window.clock(now);
      return `${day.weekday} ${day.date} ${clockFace(Math.floor(minutes))}`;
    },
    until: ({ now }) => (isInstant(now) ? closingOf(window, now) : now),
  });
}

/** Tokens live for a day at most: a window that is open for longer needs no end. */
const farEnough = 86_400;

/** When it closes, where windows that follow one another at once count as one. Never later than it really does. */
function closingOf(window: Window, now: number): number {
  let closing = now;
  while (closing - now <= farEnough) {
    const end = endOf(window, closing);
    if (end === null || end <= closing) return closing;
    closing = end;
  }
  return closing;
}

/** The end of the window that is open now; null when none is. One over midnight belongs to the day on which it began. */
function endOf({ clock, begins, from, to }: Window, now: number): number | null {
  const { day, before, minutes } = clock(now);
  const isOfToday = minutes >= from && minutes < to && begins(day);
  const isOfYesterday = minutes + wholeDay < to && begins(before);
  if (!isOfToday && !isOfYesterday) return null;
  const end = instantOf(clock, now, (isOfToday ? to : to - wholeDay) - minutes);
  // Where clocks are put back the window may not be open a second later, although it is before and after.
  return Math.min(end, changeOf(clock, now, end));
}

function clockFace(minutes: number): string {
  const two = (number: number) => String(number).padStart(2, '0');
  return `${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}
