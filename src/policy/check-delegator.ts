/** What is asked of delegators: that those who vouch for them exist, and that whatever reads them is where there is one. */
import type { Role } from '../../attestors/attestor.js';
import type { Check } from './conditions/kind.js';
import { type PolicyProblem, unknownName } from './problem.js';
import type { Resources, Rules } from './schema.js';

type Rule = Rules[string];

interface Known {
  readonly attestors: ReadonlyMap<string, { readonly role?: Role }>;
  readonly resources: Resources;
}

/** @returns problems with paths from where the rule stands */
export function checkDelegator({ attestors, resources }: Known, { delegator }: Rule): PolicyProblem[] {
  if (delegator === undefined) return [];
  const { attestor, resource } = delegator;
  const ofAttestor = attestors.has(attestor)
    ? []
    : [unknownName(['delegator', 'attestor'], 'no attestor has this name', attestor, attestors.keys())];
  if (resource === undefined) return ofAttestor;
  const path = ['delegator', 'resource'];
  const { tokenType = 'access_token' } = resources[resource] ?? {};
  if (tokenType !== 'access_token') {
    const message = `for this resource ${tokenType} is issued, and only access tokens of ours can be shown`;
    return [...ofAttestor, { path, message, found: resource }];
  }
  if (Object.hasOwn(resources, resource)) return ofAttestor;
  return [...ofAttestor, unknownName(path, 'no resource has this URI', resource, Object.keys(resources))];
}

/** An ID-JAG says for which person an agent asks, by that person's own token (draft of ID-JAG §3, §4.3). */
export function checkAssertedPerson({ attestors, resources }: Known, { delegator, grant }: Rule): PolicyProblem[] {
  if (resources[grant?.resource ?? '']?.tokenType !== 'id-jag') return [];
  const isPerson = attestors.get(delegator?.attestor ?? '')?.role === 'delegator';
  if (isPerson && delegator?.resource === undefined) return [];
  const message =
    'an id-jag is for a person whose token is shown: name a delegator whose attestor has role: delegator, without resource';
  return [{ path: delegator === undefined ? [] : ['delegator'], message }];
}

interface Asked {
  readonly kind: string;
  readonly checks: readonly Check[];
}

/** What reads a delegator where there is none is never known: a grant would never apply, and a denial always. @returns paths from the condition */
export function checkDelegatorReads({ delegator }: Rule, { kind, checks }: Asked, isNamed: boolean): PolicyProblem[] {
  const reads = checks.flatMap((check) => check.reads.filter((fact) => fact.startsWith('delegator.')));
  const path = isNamed ? [] : [kind];
  return reads.flatMap((fact) => {
    if (delegator === undefined) {
      return [{ path, message: `reads ${fact}, and the rule has no delegator: add one, or leave the condition out` }];
    }
    if (delegator.resource === undefined || !fact.startsWith('delegator.claims.')) return [];
    const message = `reads ${fact}, which a token of ours does not have: leave it out of this rule, or delegator.resource`;
    return [{ path, message }];
  });
}
