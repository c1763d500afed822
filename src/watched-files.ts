/** Files that are taken again when they change. */
import { versionOfAll } from './file-version.js';

export interface WatchedFiles {
  /** Looks at the files now. Never rejects, as long as `take` does not. */
  look(): Promise<void>;
  close(): Promise<void>;
}

interface Watching {
  /** Of `filesVersion`, from before they were read first: what is written meanwhile is another version. */
  readonly taken: string;
  /** Milliseconds between two looks. */
  readonly lookEvery: number;
  /**
   * Called when what has changed looks the same twice: somebody may still be writing. False: it is called again at each
   * look, also when what was taken before is back.
   */
  readonly take: () => Promise<boolean>;
}

export const filesVersion = (paths: readonly string[]): Promise<string> => versionOfAll('', paths);

export function watchFiles(paths: readonly string[], { lookEvery, take, ...first }: Watching): WatchedFiles {
  let { taken } = first;
  let seen = taken;
  let refused = false;
  let looking: Promise<void> = Promise.resolve();

  async function lookOnce(): Promise<void> {
    const version = await filesVersion(paths);
    const isSettled = version === seen;
    seen = version;
    if (!isSettled || (version === taken && !refused)) return;
    refused = !(await take());
    if (!refused) taken = version;
  }

  const look = () => {
    looking = looking.then(lookOnce);
    return looking;
  };
  const timer = setInterval(look, lookEvery);
  timer.unref();
  return Object.freeze<WatchedFiles>({
    look,
    async close() {
      clearInterval(timer);
      await looking;
    },
  });
}
