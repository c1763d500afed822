/** Runs cases, one after the other, and says of each what came out. */
import type { Case, Need, Request, Step } from './case.js';
import { faultsOf } from './check.js';
import { canMake } from './evidence.js';
import type { Answer } from './http.js';
import type { Capability, Profile } from './profile.js';
import { makeRequest } from './request.js';
import type { Variant } from './variants.js';
import { createWorld, type World, type WorldRooms } from './world.js';

export type Verdict = 'pass' | 'fail' | 'warning' | 'skipped';

export interface Result {
  readonly case: Case;
  readonly verdict: Verdict;
  /** Why it is none that passed. */
  readonly reasons: readonly string[];
  readonly milliseconds: number;
}

/** @param tell of each result as it comes */
export async function runCases(
  cases: readonly Case[],
  rooms: WorldRooms,
  tell: (result: Result) => void,
): Promise<readonly Result[]> {
  const results: Result[] = [];
  for (const one of cases) {
    const result = await runCase(one, rooms);
    tell(result);
    results.push(result);
  }
  return results;
}

export async function runCase(one: Case, rooms: WorldRooms): Promise<Result> {
  const missing = one.needs.flatMap((need) => missingOf(need, rooms.profile));
  if (missing.length > 0) {
    return Object.freeze({ case: one, verdict: 'skipped', reasons: [...new Set(missing)], milliseconds: 0 });
  }
  const began = performance.now();
  const reasons = await faultsOfCase(one, rooms);
  const milliseconds = Math.round(performance.now() - began);
  const otherwise = one.level === 'must' ? 'fail' : 'warning';
  return Object.freeze({ case: one, verdict: reasons.length === 0 ? 'pass' : otherwise, reasons, milliseconds });
}

async function faultsOfCase({ steps }: Case, rooms: WorldRooms): Promise<readonly string[]> {
  const world = createWorld(rooms);
  for (const [index, step] of steps.entries()) {
    const faults = await faultsOfStep(step, world);
    if (faults.length > 0) return steps.length === 1 ? faults : faults.map((fault) => `request ${index + 1}: ${fault}`);
  }
  return [];
}

async function faultsOfStep(step: Step, world: World): Promise<readonly string[]> {
  try {
    const answer = await ask(step, world);
    world.answers.push(answer);
    for (const value of Object.values(answer.json ?? {})) {
      if (typeof value === 'string' && value.length > 60) world.redact.learn(value);
    }
    return await faultsOf(step.expect, answer, world);
  } catch (error) {
    return [world.redact((error as Error).message)];
  }
}

/** A server may ask for a nonce in any proof, whatever else is wrong with it (RFC 9449 §8): then it gets one, once. */
async function ask({ request, expect }: Step, world: World): Promise<Answer> {
  const answer = await send(request, world);
  const isWanted = expect.some((check) => check.kind === 'error' && check.anyOf.includes('use_dpop_nonce'));
  const nonce = answer.headers.get('dpop-nonce');
  world.nonce = nonce ?? world.nonce;
  return answer.json?.error === 'use_dpop_nonce' && nonce !== undefined && !isWanted ? send(request, world) : answer;
}

const send = async (request: Request, world: World): Promise<Answer> =>
  world.server.send(await makeRequest(request, world));

/** In words; none: the profile has it. */
function missingOf(need: Need, profile: Profile): readonly string[] {
  const { target } = profile;
  const has = (value: unknown, what: string) => (value === undefined ? [`the profile has no ${what}`] : []);
  const [whose, variant] = need.split(':');
  if (variant !== undefined) {
    const source = profile[whose as 'evidence' | 'delegator'];
    const isMade = source === undefined || canMake(source, variant as Variant);
    return isMade ? has(source, String(whose)) : [`the command of ${whose} makes none that is ${variant}`];
  }
  switch (need) {
    case 'caller':
      return has(profile.caller, need);
    case 'other-caller': {
      const { caller, client } = profile;
      const isClient = caller !== undefined && 'id' in caller && caller.id === client?.id;
      return isClient ? ['the caller is the client'] : has(caller, 'caller');
    }
    case 'target.audience':
      return has(target.audience, need);
    case 'target.refused':
      return has(target.refused, need);
    case 'target.scope':
      return has(target.scope[0], need);
    case 'target.authorizationDetails':
      return has(target.authorizationDetails, need);
    default:
      return profile.supports.has(need as Capability) ? [] : [`${need} is not in supports`];
  }
}
