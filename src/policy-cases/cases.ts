/** Cases of a policy as YAML: facts, what is asked for, and the decision that is expected. The format is in docs/policy-as-code.md. */
import { z } from 'zod';
import type { Configuration } from '../config/configuration.js';
import type { YamlDocument } from '../config/document.js';
import { findingsOf } from '../config/findings.js';
import { ConfigurationError, type Finding, type Problem } from '../config/problem.js';
import { readDocument } from '../config/read.js';
import { expectation as inOurWords } from '../config/schema.js';
import { type Supply, supplies } from '../policy/check.js';
import { sourceFacts } from '../policy/conditions/posture-sources.js';
import { refusalReasons } from '../policy/decision.js';
import type { Facts, Inputs, WorkloadFacts } from '../policy/facts.js';
import { isSelectorKind, kindOf } from '../policy/match.js';
import { suppliedBy } from '../posture-sources/schema.js';

const factValue = z.union([z.boolean(), z.number(), z.string(), z.array(z.string()), z.null()], {
  error: 'true, false, a number, text, a list of texts or null',
});

const workloadSchema = z.strictObject({
  attestor: z.string().optional(),
  /** Null: not known. */
  environment: z.string().nullable().optional(),
  selectors: z.array(z.string()).optional(),
  unknown: z.record(z.string(), z.enum(['missing', 'unavailable'])).optional(),
  podless: z.boolean().optional(),
  /** Values by name. */
  posture: z.record(z.string(), factValue).optional(),
  /** Seconds before the decision: when the posture was observed. */
  observedAgo: z.number().optional(),
  /** Those that were gathered; null: the evidence does not have it. One that is left out is not known. */
  claims: z.record(z.string(), z.json()).optional(),
  assurance: z.enum(['low', 'medium', 'high']).optional(),
  /** Seconds before the decision: when the evidence was made; null: it does not say. */
  madeAgo: z.number().nullable().optional(),
  /** Seconds from the decision. */
  vouchesFor: z.number().optional(),
});

const situation = {
  at: z.iso.datetime({ offset: true, error: 'a time with its offset, such as 2026-12-24T18:00:00+01:00' }).optional(),
  /** Null: not known. */
  ip: z.string().nullable().optional(),
  /** Where that is; null: not known. */
  country: z.string().nullable().optional(),
  subdivision: z.string().nullable().optional(),
  workload: workloadSchema.optional(),
  /** Values by name. */
  behaviour: z.record(z.string(), z.union([z.boolean(), z.number()])).optional(),
  /** By the key of the lookup: what a policy decision point says. */
  external: z.record(z.string(), z.strictObject({ decision: z.boolean(), context: z.json().default(null) })).optional(),
  asked: z.strictObject({ resource: z.string().optional(), scope: z.array(z.string()).optional() }).optional(),
};

const situationSchema = z.strictObject(situation);
export type Situation = z.output<typeof situationSchema>;

const seen = { expected: z.string().optional(), seen: z.string().optional() };
const verdictForms = 'holds, or one of fails and unknown with the name of a clause';
const verdictSchema = z.union(
  [
    z.literal('holds'),
    z.strictObject({ fails: z.string(), ...seen }),
    z.strictObject({ unknown: z.string(), ...seen }),
  ],
  { error: verdictForms },
);

const outcomeSchema = z.strictObject({
  resource: z.string(),
  scope: z.array(z.string()).transform((scope) => [...scope].sort()),
  lifetime: z.number(),
});

const reason = z.enum(['granted', ...refusalReasons]);
const together = 'granted with reason: granted, and only with it';
const expectationSchema = z
  .strictObject({
    reason,
    fault: z.enum(['target_refused', 'scope_refused', 'dependency_unavailable']).optional(),
    granted: outcomeSchema.extend({ algorithm: z.string().optional() }).optional(),
    rules: z.record(z.string(), verdictSchema).optional(),
    shadow: z
      .strictObject({ reason, granted: outcomeSchema.optional() })
      .refine((shadow) => (shadow.reason === 'granted') === (shadow.granted !== undefined), { error: together })
      .optional(),
  })
  .refine((expect) => (expect.reason === 'granted') === (expect.granted !== undefined), { error: together });

export type Expectation = z.output<typeof expectationSchema>;

const caseSchema = z.strictObject({ name: z.string().min(1), ...situation, expect: expectationSchema });

/** `base` is what every case starts from. */
export const casesSchema = z.strictObject({
  base: situationSchema.optional(),
  cases: z.array(caseSchema).min(1, { error: 'a list of at least one case' }),
});

/** What the facts of a case are compared with, so that no misspelt one goes unseen. */
export interface World {
  /** Of the deployment. */
  readonly environment: string;
  readonly attestors: ReadonlyMap<string, Supply>;
}

/** What the attestors and sources of a configuration can give. */
export function worldOf({ attestors, environment, postureSources }: Configuration): World {
  const ofSources = sourceFacts(suppliedBy(postureSources));
  const supply = [...attestors].map(([name, { type, options }]): [string, Supply] => [
    name,
    {
      selectorKinds: [...type.selectorKinds, ...(type.mappedKinds?.(options) ?? [])],
      facts: [...type.facts, ...ofSources],
      ...(type.nodeKind && { nodeKind: type.nodeKind }),
    },
  ]);
  return { environment, attestors: new Map(supply) };
}

/** A case with all that `decide` reads. */
export interface ReadyCase extends Inputs {
  readonly name: string;
  /** What is said of it, with its place. */
  readonly tell: (message: string) => Problem;
  readonly expect: Expectation;
}

/** @throws ConfigurationError with every problem of the file */
export async function readCases(file: string, world: World): Promise<readonly ReadyCase[]> {
  const document = await readDocument(file);
  const { base, cases } = parse(document, casesSchema);
  const findings = cases.flatMap((each, index) => faultsOf({ base, each }, world, ['cases', index]));
  if (findings.length > 0) throw new ConfigurationError(findings.map(document.locate));
  return cases.map((each, index) =>
    Object.freeze({
      name: each.name,
      tell: (message: string) => document.locate({ path: ['cases', index], message }),
      expect: each.expect,
      ...inputsOfSituation({ base, each }, world),
    }),
  );
}

/** One situation, for a decision that nobody has asked for yet. @throws ConfigurationError with every problem of the file */
export async function readSituation(file: string, world: World): Promise<Inputs> {
  const document = await readDocument(file);
  const each = parse(document, situationSchema);
  const findings = faultsOf({ each }, world, []);
  if (findings.length > 0) throw new ConfigurationError(findings.map(document.locate));
  return inputsOfSituation({ each }, world);
}

function parse<Schema extends z.ZodType>({ values, locate }: YamlDocument, schema: Schema): z.output<Schema> {
  const parsed = schema.safeParse(values, { error: inOurWords });
  if (parsed.success) return parsed.data;
  throw new ConfigurationError(findingsOf(parsed.error.issues, values).map(locate));
}

interface Stated {
  readonly base?: Situation | undefined;
  readonly each: Situation;
}

const merged = ({ base, each }: Stated): Situation => ({
  ...base,
  ...each,
  workload: { ...base?.workload, ...each.workload },
});

/** A time is asked for, so that a case comes out the same on every day. */
function faultsOf(stated: Stated, { attestors }: World, path: Finding['path']): Finding[] {
  const { at, workload = {}, behaviour = {} } = merged(stated);
  const fault = (message: string, found?: string): Finding => ({ path, message, found });
  const times = at === undefined ? [fault('at is missing: the time of the decision')] : [];
  if (workload.attestor === undefined) return [...times, fault('workload.attestor is missing')];
  const supply = attestors.get(workload.attestor);
  if (supply === undefined) return [...times, fault('no attestor has this name', workload.attestor)];
  const kinds = [...(workload.selectors ?? []).map((selector) => kindOf(selector) ?? selector)];
  const unknown = Object.keys(workload.unknown ?? {}).filter(isSelectorKind);
  const strange = [...new Set([...kinds, ...unknown])].filter((kind) => !supply.selectorKinds.includes(kind));
  const notKnown = Object.keys(workload.unknown ?? {}).filter((name) => name.startsWith('behaviour.'));
  const facts = [
    ...Object.keys(workload.posture ?? {}).map((name) => `posture.${name}`),
    ...Object.keys(behaviour).map((name) => `behaviour.${name}`),
    ...notKnown.filter((name) => !isSelectorKind(name)),
  ].filter((name) => !supplies(supply, name));
  return [
    ...times,
    ...strange.map((kind) => fault('the attestor gives no selectors of this kind', kind)),
    ...facts.map((name) => fault('the attestor supplies no such fact', name)),
  ];
}

/** What is not said is what promises least: no selectors, no address, low assurance, evidence that does not say its age. */
export function inputsOfSituation(stated: Stated, { environment }: Pick<World, 'environment'>): Inputs {
  const {
    at,
    ip = null,
    country = null,
    subdivision = null,
    workload = {},
    behaviour,
    external,
    asked,
  } = merged(stated);
  const { posture = {}, observedAgo = 0, madeAgo = null, vouchesFor = 3600, unknown = {} } = workload;
  const now = Date.parse(at ?? '') / 1000;
  const home = workload.environment === undefined ? environment : workload.environment;
  return {
    facts: {
      now,
      network: { ip, country, subdivision },
      ...(behaviour && { behaviour }),
      ...(external && { external: external as NonNullable<Facts['external']> }),
      workload: {
        attestor: workload.attestor ?? '',
        environment: home,
        selectors: workload.selectors ?? [],
        unknown,
        podless: workload.podless ?? false,
        posture: Object.fromEntries(
          Object.entries(posture).map(([name, value]) => [name, { value, observedAt: now - observedAgo }]),
        ),
        ...(workload.claims && { claims: workload.claims as NonNullable<WorkloadFacts['claims']> }),
        assurance: workload.assurance ?? 'low',
        evidenceIssuedAt: madeAgo === null ? null : now - madeAgo,
        vouchesUntil: now + vouchesFor,
      },
    },
    asked: { resource: asked?.resource ?? null, scope: asked?.scope ?? null },
  };
}
