/** Asks a product over HTTP about one workload, and remembers for a while what it said. */
import { readFile } from 'node:fs/promises';
import { LRUCache } from 'lru-cache';
import type { Clock } from '../../attestors/attestor.js';
import { asAnswer, createBreaker } from '../../attestors/breaker.js';
import { withDeadline } from '../deadline.js';
import { Unavailable } from '../errors.js';
import type { Outbound } from '../outbound.js';
import { noFacts, readFacts, type SourceFacts } from './answer.js';
import type { PostureSourceOptions } from './schema.js';

/** Answers of one source that are remembered. */
const mostKept = 10_000;

export interface HttpSource {
  /**
   * What it says at the URL; empty for what the product does not know.
   * @param asker the subject that it is asked about
   * @throws Unavailable when there is no answer that can be read; it quotes neither the answer nor a header
   */
  ask(url: string, asker: string): Promise<SourceFacts>;
}

export interface SourceRoom {
  readonly now: Clock;
  readonly send: Outbound['send'];
}

interface Kept {
  /** Seconds since the epoch: when it was asked for. */
  readonly askedAt: number;
  readonly facts: SourceFacts;
}

/** @param options with absolute paths */
export function createHttpSource(name: string, options: PostureSourceOptions, { now, send }: SourceRoom): HttpSource {
  const { headers, maxAge, deadline } = options;
  const kept = new LRUCache<string, Kept>({ max: mostKept });
  const underWay = new Map<string, Promise<SourceFacts>>();
  const breaker = createBreaker({ name: `source ${name}`, prefix: 'source', now });

  async function load(url: string, asker: string): Promise<SourceFacts> {
    const askedAt = now();
    const own = { ...(await readHeaders(headers)), accept: 'application/json' };
    const late = () => new Unavailable('source_late', `there was no answer within ${deadline} s`);
    const answer = await breaker.run(asker, () =>
      withDeadline(deadline * 1000, null, late, async (signal) => {
        const answered = await send(url, { method: 'GET', headers: own, signal }).catch(asAnswer);
        if (answered instanceof Unavailable || answered.status < 500) return answered;
        throw new Unavailable('source_failed', `the status is ${answered.status}`);
      }),
    );
    if (answer instanceof Unavailable) throw answer;
    const { status, contentType, body } = answer;
    const facts = status === 404 ? noFacts : readFacts(readJson(status, contentType, body), options, askedAt);
    kept.set(url, { askedAt, facts });
    return facts;
  }

  return Object.freeze<HttpSource>({
    async ask(url, asker) {
      const before = kept.get(url);
      const age = before === undefined ? Number.NaN : now() - before.askedAt;
      // After a clock that was set back, nobody knows how old it is.
      if (before !== undefined && age >= 0 && age <= maxAge) return before.facts;
      const already = underWay.get(url);
      if (already !== undefined) return already;
      const loading = load(url, asker).finally(() => underWay.delete(url));
      underWay.set(url, loading);
      return loading;
    },
  });
}

const json = /^application\/([a-z0-9!#$&^_.+-]+\+)?json\s*(;|$)/i;

function readJson(status: number, contentType: string | null, body: Buffer): unknown {
  if (status !== 200) throw new Unavailable('source_failed', `the status is ${status}, not 200 or 404`);
  if (!json.test(contentType ?? ''))
    throw new Unavailable('source_not_json', 'the answer is of another type than JSON');
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    throw new Unavailable('source_not_json', 'the answer is not JSON');
  }
}

/** Read each time, so that a secret can be exchanged. */
async function readHeaders(headers: PostureSourceOptions['headers']): Promise<Record<string, string>> {
  const all = Object.entries(headers).map(async ([header, { file }]) => {
    const value = (await readFile(file, 'utf8').catch(unreadable(file))).trim();
    if (/^[\x20-\x7e]+$/.test(value)) return [header, value] as const;
    throw new Unavailable('source_header', `${file} holds no value of a header: one line of printable ASCII`);
  });
  return Object.fromEntries(await Promise.all(all));
}

const unreadable = (file: string) => (error: NodeJS.ErrnoException) => {
  throw new Unavailable('source_header', `${file} cannot be read (${error.code})`);
};
