/** What the configuration says about posture. */
import { z } from 'zod';
import { duration, text } from '../../../attestors/options.js';
import { list, object } from '../strict.js';
import { parseComparison } from './comparison.js';
import { parseVersion } from './version.js';

const parsed = <Value>(what: string, parse: (text: string) => Value | null) =>
  text(what).transform((written, context): Value => {
    const value = parse(written);
    if (value !== null) return value;
    context.issues.push({ code: 'custom', input: written, message: what });
    return z.NEVER;
  });

const comparison = <Bound>(what: string, parseBound: (text: string) => Bound | null) =>
  parsed(what, (written) => parseComparison(written, parseBound));

const versions = () => comparison('a comparison of versions, such as ">=1.33.4" or ">=1.33.4, <1.37"', parseVersion);

/** In seconds. */
export const parseAge = (written: string): number | null => duration().safeParse(written).data ?? null;

const ages = () => comparison('a comparison of ages, such as "<30d" or ">=5m"', parseAge);

const counts = () =>
  comparison('a comparison of whole numbers, such as "<=3"', (written) =>
    /^\d{1,9}$/.test(written) ? Number(written) : null,
  );

/** The runtime's name, and a comparison of its versions. */
const runtime = () =>
  parsed('a runtime and a comparison of its versions, such as "containerd >=1.7.20"', (written) => {
    const [, named, rest] = /^([a-z0-9.-]+) (.+)$/.exec(written) ?? [];
    if (named === undefined || rest === undefined) return null;
    const version = parseComparison(rest, parseVersion);
    return version === null ? null : { name: named, version };
  });

const flag = () => z.boolean({ error: 'true or false' });

const osImage = 'the name of an operating system, in which * matches any run of characters';
const image = 'an image, in which * matches any run of characters: registry.example/agents/*@sha256:*';

/** No dot, so that the names of a source and its fact are told apart where they stand together. */
export const sourceName = (what: string) =>
  z.string({ error: what }).regex(/^[A-Za-z][A-Za-z0-9_-]{0,62}$/, { error: what });

const aFormOfFact = 'true or false, a comparison or a list of at least one text, by the type of the fact';

const askedOfSource = z
  .record(
    sourceName('the name of a fact of the source'),
    z.union(
      [z.boolean(), text(aFormOfFact), list(aFormOfFact, text('a text in which * matches any run of characters'))],
      { error: aFormOfFact },
    ),
    { error: (issue) => (issue.code === 'invalid_key' ? undefined : 'a map from fact to what is asked of it') },
  )
  .refine((asked) => Object.keys(asked).length > 0, { error: 'a map of at least one fact' });

/** Whether what is asked is of the form that the fact's type has is checked with the sources themselves. */
const sources = z
  .record(sourceName('the name of a source of posture'), askedOfSource, {
    error: (issue) => (issue.code === 'invalid_key' ? undefined : 'a map from source to its facts'),
  })
  .refine((asked) => Object.keys(asked).length > 0, { error: 'a map of at least one source' });

/** All that is written must hold; an unknown key is refused. Bounds of ages and `maxAge` are seconds. */
export const postureSchema = object('a posture: what the node and the pod must be like', {
  kubelet: versions().optional(),
  kernel: versions().optional(),
  osImage: list('a list of at least one name of an operating system', text(osImage)).optional(),
  runtime: runtime().optional(),
  ready: flag().optional(),
  memoryPressure: flag().optional(),
  diskPressure: flag().optional(),
  pidPressure: flag().optional(),
  networkUnavailable: flag().optional(),
  nodeBooted: ages().optional(),
  podStarted: ages().optional(),
  restarts: counts().optional(),
  privileged: flag().optional(),
  hostNamespaces: flag().optional(),
  runsAsRoot: flag().optional(),
  readOnlyRoot: flag().optional(),
  images: object('a map with only', { only: list('a list of at least one image', text(image)) }).optional(),
  sources: sources.optional(),
  maxAge: duration().optional(),
}).refine(({ maxAge: _, ...asked }) => Object.values(asked).some((value) => value !== undefined), {
  error: 'a posture that asks for something beside maxAge',
});

export type Posture = z.output<typeof postureSchema>;
