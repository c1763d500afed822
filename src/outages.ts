/** Tells operators of others who do not answer, and that they do again: not for each request, since there may be thousands. */
import { Refusal } from './errors.js';

/** Seconds after a line about somebody, in which there is none about the same failure, and none about any. */
const quietFor = 60;
const quietForAll = 5;

export interface Outages {
  /** @param name with which the line begins @param error of one of ours the detail is told: others may quote what was sent @param decisionId null: of many, or of none */
  failed(name: string, error: unknown, decisionId: string | null): void;
  answered(name: string): void;
}

export interface OutagesRoom {
  /** Seconds since the epoch. */
  readonly now: () => number;
  readonly warn: (message: string) => void;
}

export function createOutages({ now, warn }: OutagesRoom): Outages {
  const told = new Map<string, { readonly at: number; readonly reason: string; failing: boolean }>();
  return Object.freeze<Outages>({
    failed(name, error, decisionId) {
      // A clock that was put back keeps nobody quiet.
      const last = told.get(name);
      const since = now() - (last?.at ?? Number.NEGATIVE_INFINITY);
      const reason = error instanceof Refusal ? error.reason : '';
      const isSame = last?.failing === true && last.reason === reason;
      if (since >= 0 && since < (isSame ? quietFor : quietForAll)) return;
      told.set(name, { at: now(), reason, failing: true });
      const why = error instanceof Refusal ? error.detail : `it cannot be asked (${(error as Error).name})`;
      const where = decisionId === null ? '' : ` in decision ${decisionId}, and maybe in others`;
      warn(`${name} gave no usable answer${where}: ${why}`);
    },
    answered(name) {
      const last = told.get(name);
      if (last?.failing !== true) return;
      last.failing = false;
      warn(`${name} answers again`);
    },
  });
}
