/** A whole run against one server. */
import type { Case } from './case.js';
import { createSend, type Send } from './http.js';
import { openListener } from './listener.js';
import type { Profile } from './profile.js';
import { createRedact } from './redact.js';
import { type Result, runCases } from './run.js';
import { createServer } from './server.js';
import { createKeys } from './world.js';

export interface SuiteOptions {
  readonly cases: readonly Case[];
  /** Is told of each result as it comes. */
  readonly tell?: (result: Result) => void;
  /** Default: over HTTP, within the profile's deadline. */
  readonly send?: Send;
}

export async function runSuite(profile: Profile, options: SuiteOptions): Promise<readonly Result[]> {
  const { cases, tell = () => {}, send = createSend(profile.deadline) } = options;
  const listener = await openListener(profile.listener);
  try {
    const server = createServer(profile, send);
    return await runCases(
      cases,
      { profile, server, redact: createRedact(), keys: createKeys(profile), listener },
      tell,
    );
  } finally {
    await listener.close();
  }
}
