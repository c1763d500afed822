/** The results for a person, a line each, and the counts last. */
import type { Result, Verdict } from '../run.js';

const marks: Readonly<Record<Verdict, string>> = { pass: 'pass', fail: 'FAIL', warning: 'warn', skipped: 'skip' };

export function renderResult({ case: one, verdict, reasons }: Result): string {
  const line = `${marks[verdict]}  ${one.id.padEnd(46)} ${one.section.name.padEnd(22)} ${one.title}`;
  return [line, ...reasons.map((reason) => `        ${reason}`)].join('\n');
}

export function countOf(results: readonly Result[]): Readonly<Record<Verdict, number>> {
  const counts = { pass: 0, fail: 0, warning: 0, skipped: 0 };
  for (const { verdict } of results) counts[verdict]++;
  return counts;
}

/** In mocha's words, which many tools count by; what only should hold and does not is named beside. */
export function renderCounts(results: readonly Result[]): string {
  const { pass, fail, warning, skipped } = countOf(results);
  const lines = [
    `${pass} passing`,
    `${fail} failing`,
    `${skipped} pending: not claimed, so skipped`,
    `${warning} warnings`,
  ];
  return ['', ...lines.map((line) => `  ${line}`)].join('\n');
}
