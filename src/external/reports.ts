/** Tells operators of decision points that do not answer: not for each request, since there may be thousands. */
import type { Clock } from '../../attestors/attestor.js';
import { Refusal } from '../errors.js';

/** Seconds after a line about a decision point, in which there is none about another failure of it. */
const quietFor = 60;

export interface Reports {
  failed(url: string, error: unknown, decisionId: string): void;
  answered(url: string): void;
}

export function createReports({
  now,
  warn,
}: {
  readonly now: Clock;
  readonly warn: (message: string) => void;
}): Reports {
  const told = new Map<string, { readonly at: number; failing: boolean }>();
  return Object.freeze<Reports>({
    failed(url, error, decisionId) {
      // A clock that was put back keeps nobody quiet.
      const since = now() - (told.get(url)?.at ?? Number.NEGATIVE_INFINITY);
      if (since >= 0 && since < quietFor) return;
      told.set(url, { at: now(), failing: true });
      const why = error instanceof Refusal ? error.detail : error instanceof Error ? error.stack : String(error);
      warn(`external: no decision of ${url}, in decision ${decisionId} and maybe in others: ${why}`);
    },
    answered(url) {
      const last = told.get(url);
      if (last?.failing !== true) return;
      last.failing = false;
      warn(`external: ${url} decides again`);
    },
  });
}
