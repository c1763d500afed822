/** The results for programs. */
import type { Profile } from '../profile.js';
import type { Result } from '../run.js';
import { countOf } from './table.js';

export function renderJson({ issuer }: Profile, results: readonly Result[]): string {
  const cases = results.map(({ case: { id, title, section, level }, verdict, reasons, milliseconds }) => ({
    id,
    title,
    section,
    level,
    verdict,
    reasons,
    milliseconds,
  }));
  return `${JSON.stringify({ issuer, counts: countOf(results), cases }, null, 2)}\n`;
}
