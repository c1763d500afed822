/** Stage 3, its second half: others are asked what the decision still turns on, all at once. What does not answer is unknown. */
import type { Attestation, UnknownCause } from '../../attestors/attestor.js';
import type { Policy } from '../policy/compile.js';
import { withinDelegators } from '../policy/delegation.js';
import type { Asked, ExternalAnswer, Facts, ObservedFact } from '../policy/facts.js';
import type { Lookup } from '../policy/lookup.js';
import { lookupsFor } from '../policy/lookups.js';

/** Who asks for what. */
export interface Inquiry {
  readonly attestation: Attestation;
  readonly facts: Facts;
  readonly asked: Asked;
  readonly decisionId: string;
}

/** For those who are asked about it: `asked` has the target that it is for. */
export interface TargetInquiry extends Inquiry {
  /** What of the target's scope it can come to: what was asked for, or all of it. */
  readonly scope: readonly string[];
}

/** What a lookup adds to the facts. */
export interface Answer {
  /** By name without `posture.`. */
  readonly posture?: Readonly<Record<string, ObservedFact>>;
  readonly external?: Readonly<Record<string, ExternalAnswer>>;
  /** By the whole name of the fact. */
  readonly unknown?: Readonly<Record<string, UnknownCause>>;
}

type LookupOf<Kind extends Lookup['kind']> = Extract<Lookup, { readonly kind: Kind }>;

/** By kind: who answers. Never rejects: what is not known is said in `unknown`. */
export type Answerers = {
  readonly [Kind in Lookup['kind']]: (lookup: LookupOf<Kind>, inquiry: TargetInquiry) => Promise<Answer>;
};

/** @returns the facts themselves when nothing has to be asked */
export type LookUp = (policy: Policy, inquiry: Inquiry) => Promise<Facts> | Facts;

export function createLookUp(answerers: Answerers): LookUp {
  return (policy, inquiry) => {
    const wanted = lookupsFor(policy, inquiry.facts, inquiry.asked);
    if (wanted === null) return inquiry.facts;
    const asked = { ...inquiry.asked, resource: wanted.target };
    const within = withinDelegators(asked.scope, inquiry.facts);
    const ofTarget = policy.resources.get(wanted.target)?.scope ?? [];
    const scope = ofTarget.filter((token) => within?.includes(token) ?? true);
    const answers = wanted.lookups.map((lookup) => answer(answerers, lookup, { ...inquiry, asked, scope }));
    return Promise.all(answers).then((all) => all.reduce(withAnswer, inquiry.facts));
  };
}

const answer = <Kind extends Lookup['kind']>(answerers: Answerers, lookup: LookupOf<Kind>, inquiry: TargetInquiry) =>
  (answerers[lookup.kind as Kind] as (lookup: LookupOf<Kind>, inquiry: TargetInquiry) => Promise<Answer>)(
    lookup,
    inquiry,
  );

function withAnswer(facts: Facts, { posture = {}, external, unknown = {} }: Answer): Facts {
  const { workload } = facts;
  return Object.freeze({
    ...facts,
    workload: Object.freeze({
      ...workload,
      posture: Object.freeze({ ...workload.posture, ...posture }),
      unknown: Object.freeze({ ...workload.unknown, ...unknown }),
    }),
    ...(external && { external: Object.freeze({ ...facts.external, ...external }) }),
  });
}
