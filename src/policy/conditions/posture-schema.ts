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

const ages = () =>
  comparison('a comparison of ages, such as "<30d" or ">=5m"', (written) => duration().safeParse(written).data ?? null);

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
  maxAge: duration().optional(),
}).refine(({ maxAge: _, ...asked }) => Object.values(asked).some((value) => value !== undefined), {
  error: 'a posture that asks for something beside maxAge',
});

export type Posture = z.output<typeof postureSchema>;
