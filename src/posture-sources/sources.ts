/** The sources of posture of a deployment: each is asked about a workload by what is known of it. */
import type { UnknownCause } from '../../attestors/attestor.js';
import type { Answer, Answerers, Inquiry } from '../exchange/look-up.js';
import { createOutages, type Outages } from '../outages.js';
import { causeOf } from '../policy/match.js';
import { noFacts, type SourceFacts } from './answer.js';
import { createHttpSource, type SourceRoom } from './http.js';
import type { PostureSourceOptions } from './schema.js';
import { fillTemplate, placeholdersOf } from './template.js';

export interface SourcesRoom extends SourceRoom {
  readonly warn: (message: string) => void;
}

/** @param options by the name of the source, with absolute paths */
export function createPostureSources(
  options: Readonly<Record<string, PostureSourceOptions>>,
  room: SourcesRoom,
): Answerers['source'] {
  const outages = createOutages(room);
  const sources = new Map(
    Object.entries(options).map(([name, each]) => [name, createSource(name, each, { ...room, outages })]),
  );
  return async ({ key }, inquiry) => (await sources.get(key)?.(inquiry)) ?? {};
}

function createSource(
  name: string,
  options: PostureSourceOptions,
  { outages, ...room }: SourceRoom & { readonly outages: Outages },
) {
  const { ask } = createHttpSource(name, options, room);
  const names = placeholdersOf(options.url);
  const answer = answerOf(name, Object.keys(options.facts));
  return async (inquiry: Inquiry): Promise<Answer> => {
    const known = valuesOf(names, inquiry);
    if ('unknown' in known) return answer(noFacts, known.unknown);
    const url = fillTemplate(options.url, known.values);
    if (url === null) return answer(noFacts, 'missing');
    try {
      const facts = await ask(url, inquiry.attestation.subject);
      outages.answered(`source ${name}`);
      return answer(facts, 'missing');
    } catch (error) {
      outages.failed(`source ${name}`, error, inquiry.decisionId);
      return answer(noFacts, 'unavailable');
    }
  };
}

/** Facts by the names that rules read, and why the others of the source are not known. */
const answerOf =
  (source: string, names: readonly string[]) =>
  (facts: SourceFacts, cause: UnknownCause): Answer => ({
    posture: Object.fromEntries(Object.entries(facts).map(([name, fact]) => [`${source}.${name}`, fact])),
    unknown: Object.fromEntries(
      names.filter((name) => !Object.hasOwn(facts, name)).map((name) => [`posture.${source}.${name}`, cause]),
    ),
  });

type Values = { readonly values: ReadonlyMap<string, string> } | { readonly unknown: UnknownCause };

function valuesOf(placeholders: readonly string[], { attestation, facts: { workload } }: Inquiry): Values {
  const values = new Map<string, string>();
  for (const name of placeholders) {
    if (name === 'subject' || name === 'instance') {
      values.set(name, attestation[name]);
      continue;
    }
    const cause = causeOf(workload, name);
    const [selector, ...others] = workload.selectors.filter((each) => each.startsWith(`${name}:`));
    if (cause !== null || selector === undefined || others.length > 0) return { unknown: cause ?? 'missing' };
    values.set(name, selector.slice(name.length + 1));
  }
  return { values };
}
