/** Which environment a workload is in. */
import { z } from 'zod';
import { name, text } from '../../options.js';
import type { Namespace } from './objects.js';

const environmentName = () => name('the name of an environment');

const mapping = (what: string) =>
  z
    .record(text(what), environmentName())
    .refine((entries) => Object.keys(entries).length > 0, { error: 'at least one entry' });

/** One for all, one for each namespace, or what a label of the namespace says. */
export const environmentOptions = z
  .union(
    [
      environmentName(),
      z.strictObject({ namespaces: mapping('the name of a namespace') }),
      z.strictObject({
        namespaceLabel: text('the key of a label'),
        values: mapping('the value of the label').optional(),
      }),
    ],
    {
      error:
        'the name of an environment, { namespaces: { NAMESPACE: ENVIRONMENT } }, or { namespaceLabel: KEY } with values: { VALUE: ENVIRONMENT } if wanted',
    },
  )
  .describe("The workloads' environment. Default: this deployment's.");

export type EnvironmentOptions = z.output<typeof environmentOptions>;

/** Null while it is not known: then nothing is granted, as every resource is of some environment. */
export type EnvironmentOf = (namespace: string, live: Namespace | undefined) => string | null;

const isEnvironment = (value: string): boolean => environmentName().safeParse(value).success;

export function environmentOf(options: EnvironmentOptions): EnvironmentOf {
  if (typeof options === 'string') return () => options;
  if ('namespaces' in options) {
    const environments = new Map(Object.entries(options.namespaces));
    return (namespace) => environments.get(namespace) ?? null;
  }
  const { namespaceLabel, values } = options;
  const environments = values && new Map(Object.entries(values));
  return (_namespace, live) => {
    const label = live?.labels?.[namespaceLabel];
    if (label === undefined) return null;
    if (environments !== undefined) return environments.get(label) ?? null;
    return isEnvironment(label) ? label : null;
  };
}
