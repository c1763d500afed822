/** Rooms as they are opened, and closed in the reverse order. A start that is given up leaves nothing open. */
import { setTimeout as sleep } from 'node:timers/promises';
import { StoreAway, Unavailable } from './errors.js';

/** Milliseconds until a dependency that did not answer is asked again. */
const patience = 1_000;

/** The start was ended by its signal. */
export class GivenUp extends Error {
  override readonly name = 'GivenUp';
  constructor() {
    super('stopped before the start was done');
  }
}

export interface Rooms {
  /**
   * While a dependency does not answer (Unavailable, StoreAway), it is asked again each second, so that it may be started later than we are.
   * @throws GivenUp once the signal is aborted; what is opened after all is closed again
   */
  open<Opened extends object>(opener: () => Promise<Opened>): Promise<Opened>;
  /** What does not answer, and is waited for now. */
  waitsFor(): readonly string[];
  /** Every one, also when another fails. @throws Error that says which did */
  close(): Promise<void>;
}

interface Surroundings {
  readonly signal?: AbortSignal | undefined;
  readonly warn: (message: string) => void;
}

export function createRooms({ signal, warn }: Surroundings): Rooms {
  const opened: object[] = [];
  const given = givenUp(signal);
  const awaited = new Map<object, string>();

  async function open<Opened extends object>(opener: () => Promise<Opened>): Promise<Opened> {
    const opening = openPatiently(opener, awaited, { signal, warn });
    const room = await Promise.race([opening, given]).catch((error) => {
      if (error instanceof GivenUp) opening.then(closeRoom).catch(() => {});
      throw error;
    });
    opened.push(room);
    return room;
  }

  async function close(): Promise<void> {
    const faults: string[] = [];
    for (const room of opened.splice(0).reverse()) {
      await closeRoom(room).catch((error: unknown) => {
        faults.push(error instanceof Error ? error.message : String(error));
      });
    }
    if (faults.length > 0) throw new Error(faults.join('; '));
  }

  return Object.freeze<Rooms>({ open, waitsFor: () => [...new Set(awaited.values())], close });
}

async function closeRoom(room: { close?(): Promise<void> }): Promise<void> {
  await room.close?.();
}

function givenUp(signal: AbortSignal | undefined): Promise<never> {
  const given = new Promise<never>((_resolve, reject) => {
    const giveUp = () => reject(new GivenUp());
    if (signal?.aborted) giveUp();
    else signal?.addEventListener('abort', giveUp, { once: true });
  });
  // Nobody may be waiting for it at that moment.
  given.catch(() => {});
  return given;
}

async function openPatiently<Opened>(
  opener: () => Promise<Opened>,
  awaited: Map<object, string>,
  { signal, warn }: Surroundings,
): Promise<Opened> {
  try {
    for (let told = ''; ; ) {
      if (signal?.aborted) throw new GivenUp();
      try {
        return await opener();
      } catch (error) {
        const away = whatIsAway(error);
        if (away === undefined) throw error;
        if (away !== told) warn(`the start waits: ${away}`);
        told = away;
        awaited.set(opener, away);
      }
      await sleep(patience, undefined, { signal }).catch(() => {});
    }
  } finally {
    awaited.delete(opener);
  }
}

/** @returns undefined for what somebody has to change */
function whatIsAway(error: unknown): string | undefined {
  if (error instanceof Unavailable) return error.detail;
  return error instanceof StoreAway ? error.message : undefined;
}
