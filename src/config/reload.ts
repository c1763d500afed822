/**
 * The policy in force. When the file changes, or any that its `policy` names, its resources, conditions, rules and clients are compiled and tested,
 * and then replace the old ones at once; a file that cannot be taken changes nothing, loudly.
 */
import { isDeepStrictEqual } from 'node:util';
import { versionOf, versionOfAll } from '../file-version.js';
import type { CompiledClient } from '../policy/clients.js';
import type { Policy } from '../policy/compile.js';
import type { Configuration } from './configuration.js';
import { ConfigurationError, renderProblems } from './problem.js';
import { pathsNamedIn } from './sources.js';

export interface PolicyInForce {
  policy(): Policy;
  clients(): readonly CompiledClient[];
  /** Whether the file on disk could not be taken, so that an earlier one is in force. */
  isRefused(): boolean;
  close(): Promise<void>;
}

interface Watching {
  /** Loads a changed file. @throws Error when it must not be taken */
  readonly load: (file: string) => Promise<Configuration>;
  /** Is told of each file that is not taken, with file, line and column. */
  readonly warn: (message: string) => void;
  /** Is told that a policy is in force. */
  readonly info: (message: string) => void;
  /** Milliseconds between two looks at the files, default 1,000. What has changed is read when it looks the same twice: an editor may still be writing. */
  readonly lookEvery?: number | undefined;
}

export function watchPolicy(first: Configuration, { load, warn, info, lookEvery = 1_000 }: Watching): PolicyInForce {
  const { file } = first;
  let inForce = first;
  let { alsoRead, fileVersion: taken } = first;
  let seen = taken;
  let refused = false;
  let looking: Promise<void> = Promise.resolve();

  async function look(): Promise<void> {
    const now = await versionOfAll(await versionOf(file), alsoRead);
    const isSettled = now === seen;
    seen = now;
    if (!isSettled || now === taken) return;
    try {
      const next = await load(file);
      checkRest(inForce, next);
      if (next.policy.revision !== inForce.policy.revision) info(`policy ${next.policy.revision} is in force now`);
      else if (refused) info(`${file} can be taken again; policy ${next.policy.revision} is in force`);
      refused = false;
      inForce = next;
      ({ alsoRead, fileVersion: taken } = next);
    } catch (error) {
      refused = true;
      warn(`${file} is not taken; policy ${inForce.policy.revision} stays in force:\n${reasonOf(error)}`);
      const named = await pathsNamedIn(file);
      // Of what was not watched it is not known what was read, so it is read again.
      taken = isDeepStrictEqual(named, alsoRead) ? now : '';
      alsoRead = named;
    }
  }

  const timer = setInterval(() => {
    looking = looking.then(look);
  }, lookEvery);
  timer.unref();
  return Object.freeze<PolicyInForce>({
    policy: () => inForce.policy,
    clients: () => inForce.clients,
    isRefused: () => refused,
    async close() {
      clearInterval(timer);
      await looking;
    },
  });
}

const reasonOf = (error: unknown): string =>
  error instanceof ConfigurationError ? renderProblems(error.problems) : (error as Error).message;

/** @throws Error that names what takes a restart: all of a file is taken, or nothing */
function checkRest(before: Configuration, after: Configuration): void {
  const [old, changed] = [restOf(before), restOf(after)];
  const sections = Object.keys({ ...old, ...changed }).filter((name) => old[name] !== changed[name]);
  if (sections.length === 0) return;
  throw new Error(`${sections.join(', ')} changed too, and that needs a restart: restart the service, or take it back`);
}

/** All but the policy, as text. */
function restOf({
  attestors,
  policy: _,
  alsoRead: __,
  caseFiles: ___,
  fileVersion: ____,
  clients,
  literalHosts,
  ...rest
}: Configuration): Record<string, string> {
  const all = {
    ...rest,
    'an address in a URL': [...literalHosts].sort(),
    attestors: [...attestors].map(([name, { type, options, pin }]) => [name, type.type, options, pin]),
    // Without clients there is no endpoint for them.
    clients: clients.length > 0,
  };
  return Object.fromEntries(Object.entries(all).map(([name, value]) => [name, JSON.stringify(value)]));
}
