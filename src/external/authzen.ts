/** The client of policy decision points (AuthZEN). Whatever is no clear decision within the deadline is none. */
import type { Clock, UnknownCause } from '../../attestors/attestor.js';
import { asAnswer, type Breaker, createBreaker } from '../../attestors/breaker.js';
import { createBearers } from '../bearer.js';
import { withDeadline } from '../deadline.js';
import { Unavailable } from '../errors.js';
import type { Answer, TargetInquiry } from '../exchange/look-up.js';
import { createOutages } from '../outages.js';
import type { Outbound } from '../outbound.js';
import type { ExternalAnswer } from '../policy/facts.js';
import type { ExternalAsk, ExternalLookup } from '../policy/lookup.js';
import { answerOf, pathOf, requestOf } from './messages.js';

/** Bytes of a request, and of an answer. */
const maxBytes = 64 * 1024;

export interface ExternalRoom {
  readonly send: Outbound['send'];
  /** An absolute path for one that is relative to the configuration file. */
  readonly path: (relative: string) => string;
  readonly now: Clock;
  /** A line for operators. */
  readonly warn: (message: string) => void;
}

/** Never rejects. The policy may change at any time, and name decision points that were not there before. */
export type AskExternal = (lookup: ExternalLookup, inquiry: TargetInquiry) => Promise<Answer>;

export function createExternal(room: ExternalRoom): AskExternal {
  const { now, path } = room;
  const bearerOf = createBearers('pdp_token');
  const outages = createOutages(room);
  /** By URL, for as long as the process runs: as many as the configuration ever named. */
  const breakers = new Map<string, Breaker>();

  function breakerOf(url: string): Breaker {
    const breaker = breakers.get(url) ?? createBreaker({ name: url, prefix: 'pdp', now });
    breakers.set(url, breaker);
    return breaker;
  }

  async function evaluate(ask: ExternalAsk, inquiry: TargetInquiry, signal: AbortSignal): Promise<ExternalAnswer> {
    const body = JSON.stringify(requestOf(ask, inquiry));
    // Nothing is left out instead: what a denial over there looks for could be just that.
    if (Buffer.byteLength(body) > maxBytes) {
      throw new Unavailable('pdp_request', `The request to ${ask.url} would be over ${maxBytes} bytes.`);
    }
    const bearer = ask.tokenFile === null ? null : await bearerOf(path(ask.tokenFile));
    const headers = {
      accept: 'application/json',
      'content-type': 'application/json',
      'x-request-id': inquiry.decisionId,
      ...(bearer !== null && { authorization: `Bearer ${bearer}` }),
    };
    const answer = await breakerOf(ask.url).run(inquiry.attestation.subject, async () => {
      const answered = await room
        .send(`${ask.url}${pathOf(ask)}`, { method: 'POST', headers, body, signal, maxBytes, joinsTrace: true })
        .catch(asAnswer);
      // Others are about the request: whoever can provoke them must not close the decision point to everybody.
      if (!(answered instanceof Unavailable) && answered.status >= 500) {
        throw new Unavailable('pdp_failed', `${ask.url} answers with status ${answered.status}.`);
      }
      return answered;
    });
    if (answer instanceof Unavailable) throw answer;
    return answerOf(answer, { ask, scope: inquiry.scope, bearer });
  }

  return async ({ key, ask }, inquiry) => {
    const unknown = (cause: UnknownCause): Answer => ({ unknown: { [`external.${key}`]: cause } });
    // Nothing of what is asked for is there to be granted.
    if (ask.eachScope && inquiry.scope.length === 0) return unknown('missing');
    const late = () => new Unavailable('pdp_late', `${ask.url} did not answer within ${ask.deadline} ms.`);
    try {
      const answer = await withDeadline(ask.deadline, null, late, (ended) => evaluate(ask, inquiry, ended));
      outages.answered(`external: ${ask.url}`);
      return { external: { [key]: answer } };
    } catch (error) {
      outages.failed(`external: ${ask.url}`, error, inquiry.decisionId);
      return unknown('unavailable');
    }
  };
}
