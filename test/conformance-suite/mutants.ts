/** Answers of a server, each spoiled where one check looks: what a server with that one fault would have answered. */
import type { Case, Check, Matcher } from '../../conformance/case.js';
import { type Answer, answerOf, createSend, type HttpRequest } from '../../conformance/http.js';
import { claimsOf, generateKey, type Members, publicJwk, signJwt } from '../../conformance/jws.js';
import { openListener } from '../../conformance/listener.js';
import { capabilities, type Profile } from '../../conformance/profile.js';
import { createRedact } from '../../conformance/redact.js';
import { type Result, runCase } from '../../conformance/run.js';
import { createServer } from '../../conformance/server.js';
import { createKeys, createWorld, type World, type WorldRooms } from '../../conformance/world.js';

/** In the key set of the server, too: so a spoiled token is wrong in what is spoiled, and still verifies. */
const mutantKey = generateKey('ES256', 'mutant');

export interface Recorder {
  /** What the server answers to a case; empty: it is skipped. Whether the case passes with that, the replay says. */
  record(one: Case): Promise<readonly Answer[]>;
  replay(one: Case, answers: readonly Answer[], more?: { readonly followsUrls: boolean }): Promise<Result>;
  /** Of one check of the answer to a step. */
  mutants(check: Check, answer: Answer): readonly Answer[];
  close(): Promise<void>;
}

export async function createRecorder(profile: Profile): Promise<Recorder> {
  const send = createSend(profile.deadline);
  const listener = await openListener(undefined);
  const server = createServer(profile, send);
  const keys = async () => [...(await server.keys()), { ...publicJwk(mutantKey), kid: mutantKey.kid, alg: 'ES256' }];
  const rooms: WorldRooms = {
    profile,
    server: { ...server, keys },
    redact: createRedact(),
    keys: createKeys(profile),
    listener,
  };
  const answering = (answer: (request: HttpRequest) => Promise<Answer>, of = profile): WorldRooms => ({
    ...rooms,
    profile: of,
    server: { ...rooms.server, send: answer },
  });
  return {
    async record(one) {
      const answers: Answer[] = [];
      const recording = answering(async (request) => {
        const answer = await send(request);
        const isWanted = one.steps[answers.length]?.expect.some(wantsNonce) === true;
        // Otherwise it is asked for again, with the nonce.
        if (answer.json?.error !== 'use_dpop_nonce' || isWanted) answers.push(answer);
        return answer;
      });
      const { verdict } = await runCase(one, recording);
      return verdict === 'skipped' ? [] : answers;
    },
    replay(one, answers, { followsUrls } = { followsUrls: false }) {
      let next = 0;
      const replaying = answering(async (request) => {
        if (followsUrls) await follow(request);
        const answer = answers[next++];
        if (answer === undefined) throw new Error('there is no further answer');
        return answer;
      }, claimingAll(profile));
      return runCase(one, replaying);
    },
    mutants: (check, answer) => spoil(check, answer, createWorld(rooms)),
    close: () => listener.close(),
  };
}

const wantsNonce = (check: Check) => check.kind === 'error' && check.anyOf.includes('use_dpop_nonce');

/** A replay is of what any server could have answered. */
const claimingAll = (profile: Profile): Profile => ({
  ...profile,
  supports: new Set(capabilities),
  target: { ...profile.target, authorizationDetails: [{ type: 'calendar' }] },
});

/** What a server does that believes a header. */
async function follow({ body }: HttpRequest): Promise<void> {
  for (const value of new URLSearchParams(body).values()) {
    const header = Buffer.from(value.split('.')[0] ?? '', 'base64url').toString('utf8');
    const url = /"(http:\/\/127[^"]+)"/.exec(header)?.[1];
    if (url !== undefined) await (await fetch(url)).text();
  }
}

function spoil(check: Check, answer: Answer, world: World): readonly Answer[] {
  const { status, headers, text } = answer;
  switch (check.kind) {
    case 'status':
      return [answerOf(299, headers, text)];
    case 'error':
      return [withMember(answer, 'error', 'mutant')];
    case 'header': {
      const changed = new Map(headers);
      const value = wrongFor(check.is, world) as string | undefined;
      if (value === undefined) changed.delete(check.name.toLowerCase());
      else changed.set(check.name.toLowerCase(), value);
      return [answerOf(status, changed, text)];
    }
    case 'member':
      return [withMember(answer, check.name, wrongFor(check.is, world)), answerOf(status, headers, '')];
    case 'jwt':
      return [
        withJwt(answer, check.of, (jwt) => `${jwt.slice(0, -8)}AAAAAAAA`),
        withJwt(answer, check.of, (jwt) => signJwt(mutantKey, claimsOf(jwt) ?? {}, { typ: 'mutant' })),
        withJwt(answer, check.of, () => 'mutant'),
      ];
    case 'claim':
      return [
        withJwt(answer, check.of, (jwt) => {
          const claims = { ...claimsOf(jwt), [check.name]: wrongFor(check.is, world) };
          return signJwt(mutantKey, claims, { typ: headerOf(jwt).typ });
        }),
      ];
    case 'quiet':
      return [answer];
    case 'either':
      return [answerOf(500, new Map(), '')];
  }
}

const headerOf = (jwt: string): Members =>
  JSON.parse(Buffer.from(jwt.split('.')[0] ?? '', 'base64url').toString('utf8'));

/** Undefined: that it is left out. */
function wrongFor(is: Matcher, world: World): unknown {
  const wrong = [undefined, 'mutant "', 0, {}].find((value) => !is.holds(value, world));
  if (wrong === undefined && is.holds(undefined, world)) throw new Error(`everything is ${is.words}`);
  return wrong;
}

function withMember({ status, headers, json }: Answer, name: string, value: unknown): Answer {
  return answerOf(status, headers, JSON.stringify({ ...json, [name]: value }));
}

function withJwt(answer: Answer, of: string, change: (jwt: string) => string): Answer {
  return of === 'body'
    ? answerOf(answer.status, answer.headers, change(answer.text))
    : withMember(answer, of, change(String(answer.json?.[of])));
}
