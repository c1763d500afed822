/** The user's MMDB file in use: read at start, and again when it changes. */
import { readFile } from 'node:fs/promises';
import { filesVersion, watchFiles } from '../watched-files.js';
import { type Place, readPlaces } from './places.js';

/** Milliseconds between two looks at the file. */
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
  const taken = await filesVersion([file]);
  let places = readPlaces(await readFile(file));

  const warnOld = () => {
    const days = Math.floor((now() - places.builtAt) / 86_400);
    if (days > oldAfter) warn(`geo.database ${file} was made ${days} days ago: get a newer one`);
  };

  /** What is broken is said once, and is not looked at again until it changes. */
  async function take(): Promise<true> {
    try {
      places = readPlaces(await readFile(file));
      warnOld();
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      warn(`geo.database ${file} has changed and is not taken, the earlier one stays in use: ${code ?? message}`);
    }
    return true;
  }

  warnOld();
  const { look, close } = watchFiles([file], { taken, lookEvery, take });
  return Object.freeze<GeoDatabase>({ locate: (ip) => places.locate(ip), look, close });
}
