/** Cases of a policy as YAML: facts, what is asked for, and the decision that is expected. The format is in docs/policy-as-code.md. */
import { z } from 'zod';
import type { YamlDocument } from '../config/document.js';
import { findingsOf } from '../config/findings.js';
import { keysIn } from '../config/json-schema.js';
import type { Path } from '../config/path.js';
import { ConfigurationError, type Problem } from '../config/problem.js';
import { readDocument } from '../config/read.js';
import { expectation as inOurWords } from '../config/schema.js';
import type { DelegatorFacts, Facts, Inputs, WorkloadFacts } from '../policy/facts.js';
import { faultsOf, merged, ruleFaults, type Stated, type World } from './check.js';
import { casesSchema, type Expectation, type Situation, situationSchema } from './schema.js';

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
  const findings = cases.flatMap((each, index) => {
    const path = ['cases', index];
    return [...faultsOf({ base, each }, world, path), ...ruleFaults(each.expect, world, path)];
  });
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
  const written = z.toJSONSchema(schema, { io: 'input' });
  const keysAt = (path: Path) => keysIn(written, values, path);
  throw new ConfigurationError(findingsOf(parsed.error.issues, values, keysAt).map(locate));
}

/** What is not said is what promises least: no selectors, no address, low assurance, evidence that does not say its age. */
export function inputsOfSituation(stated: Stated, { environment }: Pick<World, 'environment'>): Inputs {
  const {
    at,
    ip = null,
    country = null,
    subdivision = null,
    workload = {},
    binding,
    behaviour,
    delegator,
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
      ...(binding && { binding: binding as NonNullable<Facts['binding']> }),
      ...(delegator && { delegator: delegatorOf(delegator, now) }),
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
    asked: {
      resource: asked?.resource ?? null,
      scope: asked?.scope ?? null,
      ...(asked?.tokenType && { tokenType: asked.tokenType }),
      ...(asked?.authorizationDetails && { authorizationDetails: asked.authorizationDetails }),
    },
  };
}

/** Of a token of ours, no claims are known, whatever is stated. */
function delegatorOf(stated: NonNullable<Situation['delegator']>, now: number): DelegatorFacts {
  const { attestor = '', subject = '', claims, resource = null, actors = [], scope = null, mayAct = false } = stated;
  const { assurance = 'low', vouchesFor = 3600, authorizationDetails: details } = stated;
  const limited = details && { authorizationDetails: details };
  const known =
    claims === undefined || resource !== null ? {} : { claims: claims as NonNullable<DelegatorFacts['claims']> };
  const vouchesUntil = now + vouchesFor;
  return { attestor, subject, ...known, resource, actors, scope, ...limited, mayAct, assurance, vouchesUntil };
}
