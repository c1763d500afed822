/** Who may introspect, compiled: a client is a workload, described as in a rule, so it has no secret to store. */
import { checkWorkload, type PolicyInput } from './check.js';
import { admissionClauses, PolicyError } from './compile.js';
import type { Facts } from './facts.js';
import { type Clause, candidateOf, type Rank } from './match.js';
import { type PolicyProblem, unknownName } from './problem.js';
import type { Clients } from './schema.js';

export interface CompiledClient {
  readonly attestor: string;
  /** All must hold. */
  readonly clauses: readonly Clause[];
  /** Whose tokens it may introspect. */
  readonly resources: ReadonlySet<string>;
}

export interface ClientsInput extends Pick<PolicyInput, 'resources' | 'attestors'> {
  readonly clients: Clients;
}

/** @throws PolicyError with every problem */
export function compileClients(input: ClientsInput): readonly CompiledClient[] {
  const problems = Object.entries(input.clients).flatMap(([name, client]) =>
    [...checkWorkload(input, client), ...checkResources(input, client.introspect)].map((problem) => ({
      ...problem,
      path: ['clients', name, ...problem.path],
    })),
  );
  if (problems.length > 0) throw new PolicyError(problems);
  return Object.freeze(
    Object.values(input.clients).map((client) =>
      Object.freeze({
        attestor: client.workload.attestor,
        clauses: Object.freeze(admissionClauses(client)),
        resources: new Set(client.introspect),
      }),
    ),
  );
}

function checkResources({ resources }: ClientsInput, introspect: readonly string[]): PolicyProblem[] {
  return introspect.flatMap((uri, index) =>
    Object.hasOwn(resources, uri)
      ? []
      : [unknownName(['introspect', index], 'no resource has this URI', uri, Object.keys(resources))],
  );
}

/**
 * The resources of all clients that the workload is.
 * @returns `unavailable` when it is none, and only a dependency that did not answer keeps it from being one
 */
export function visibleTo(
  clients: readonly CompiledClient[],
  facts: Facts,
): ReadonlySet<string> | 'unavailable' | 'none' {
  const candidate = candidateOf(facts);
  const visible = new Set<string>();
  let best: Rank = 0;
  for (const { attestor, clauses, resources } of clients) {
    if (attestor !== facts.workload.attestor) continue;
    const rank = clauses.reduce<Rank>((least, clause) => Math.min(least, clause.rank(candidate)) as Rank, 3);
    best = Math.max(best, rank) as Rank;
    if (rank === 3) for (const resource of resources) visible.add(resource);
  }
  if (best === 3) return visible;
  return best === 2 ? 'unavailable' : 'none';
}
