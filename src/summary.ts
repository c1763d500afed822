/** One line for operators in ten seconds, about what may happen a thousand times in one. */

export interface Summary {
  /** It has happened once more. @param what of the latest */
  count(what: string): void;
  /** Tells what was counted since the last line. */
  close(): void;
}

/** Milliseconds. */
const tellEvery = 10_000;

/** @param line of how often it has happened, and of the latest */
export function createSummary(
  warn: (message: string) => void,
  line: (count: number, latest: string) => string,
): Summary {
  let count = 0;
  let latest = '';
  let timer: NodeJS.Timeout | undefined;

  function tell(): void {
    clearTimeout(timer);
    timer = undefined;
    if (count === 0) return;
    warn(line(count, latest));
    count = 0;
  }

  return Object.freeze<Summary>({
    count(what) {
      count++;
      latest = what;
      timer ??= setTimeout(tell, tellEvery).unref();
    },
    close: tell,
  });
}
