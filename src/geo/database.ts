/** The user's MMDB file in use: read at start, and again when it changes. */
import { readFile } from 'node:fs/promises';
import { versionOf } from '../file-version.js';
import { type Place, readPlaces } from './places.js';

/** Milliseconds between two looks at the file. What has changed is read when it looks the same twice: somebody may still be writing. */
const lookEvery = 60_000;

/** Days after which a file is called old: networks change hands. */
const oldAfter = 60;

export interface GeoDatabase {
  /** @returns null when the content is broken at this place. Never throws */
  locate(ip: string): Place | null;
  /** Looks at the file now. Never rejects. */
  look(): Promise<void>;
  close(): Promise<void>;
}

interface GeoRoom {
  /** Seconds since the epoch. */
  readonly now: () => number;
  readonly warn: (message: string) => void;
}

/** @throws Error when the file cannot be used */
export async function openGeoDatabase(file: string, { now, warn }: GeoRoom): Promise<GeoDatabase> {
  // Before it is read: what is written meanwhile is another version.
  let taken = await versionOf(file);
  let seen = taken;
  let places = readPlaces(await readFile(file));
  let looking: Promise<void> = Promise.resolve();

  const warnOld = () => {
    const days = Math.floor((now() - places.builtAt) / 86_400);
    if (days > oldAfter) warn(`geo.database ${file} was made ${days} days ago: get a newer one`);
  };

  async function lookOnce(): Promise<void> {
    const version = await versionOf(file);
    const isSettled = version === seen;
    seen = version;
    if (!isSettled || version === taken) return;
    taken = version;
    try {
      places = readPlaces(await readFile(file));
      warnOld();
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      warn(`geo.database ${file} has changed and is not taken, the earlier one stays in use: ${code ?? message}`);
    }
  }

  const look = () => {
    looking = looking.then(lookOnce);
    return looking;
  };
  warnOld();
  const timer = setInterval(look, lookEvery);
  timer.unref();
  return Object.freeze<GeoDatabase>({
    locate: (ip) => places.locate(ip),
    look,
    async close() {
      clearInterval(timer);
      await looking;
    },
  });
}
