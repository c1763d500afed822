import type { Facts } from '../../src/policy/facts.js';
import { behaviourValues, type RawRules, world } from './generated.js';
import { now } from './samples.js';

/** A fact of posture is missing when it is not there, and unavailable, for conditions with `maxAge`, when it is old; of a source, when it says so. */
function losingPosture(before: Facts, name: string, cause: 'missing' | 'unavailable'): Facts {
  const { [name]: fact, ...others } = before.workload.posture;
  if (name.includes('.')) {
    const unknown = { ...before.workload.unknown, [`posture.${name}`]: cause };
    return { ...before, workload: { ...before.workload, posture: others, unknown } };
  }
  const old = fact === undefined || cause === 'missing' ? {} : { [name]: { ...fact, observedAt: now - 1e6 } };
  return { ...before, workload: { ...before.workload, posture: { ...others, ...old } } };
}

/** Of a fact that stands beside those of the workload. */
function losingBeside(before: Facts, what: string, cause: 'missing' | 'unavailable'): Facts {
  const root = what.startsWith('external.') ? 'external' : 'behaviour';
  const left = Object.entries(before[root] ?? {}).filter(([name]) => `${root}.${name}` !== what);
  const unknown = { ...before.workload.unknown, [what]: cause };
  return { ...before, [root]: Object.fromEntries(left), workload: { ...before.workload, unknown } };
}

export function losing(before: Facts, { what, cause }: { what: string; cause: 'missing' | 'unavailable' }): Facts {
  if (what.startsWith('posture.')) return losingPosture(before, what.slice('posture.'.length), cause);
  if (/^(external|behaviour)\./.test(what)) return losingBeside(before, what, cause);
  const { workload } = before;
  if (what.startsWith('claims.')) {
    const { [what.slice('claims.'.length)]: _, ...claims } = workload.claims ?? {};
    return { ...before, workload: { ...workload, claims } };
  }
  if (what === 'network') return { ...before, network: { ...before.network, ip: null } };
  if (what.startsWith('network.')) {
    const network = { ...before.network, [what.slice('network.'.length)]: null };
    return { ...before, network, workload: { ...workload, unknown: { ...workload.unknown, [what]: cause } } };
  }
  if (what === 'evidenceIssuedAt') return { ...before, workload: { ...workload, evidenceIssuedAt: null } };
  const unknown = { ...workload.unknown, [what]: cause };
  if (what === 'environment') return { ...before, workload: { ...workload, environment: null, unknown } };
  const selectors = workload.selectors.filter((selector) => !selector.startsWith(`${what}:`));
  return { ...before, workload: { ...workload, selectors, unknown } };
}

/** All that a dependency could say about one fact. */
export function answersAbout(known: Facts, what: string): Facts[] {
  const { workload } = known;
  if (what.startsWith('external.')) {
    const key = what.slice('external.'.length);
    return [true, false].map((decision) => ({
      ...known,
      external: { ...known.external, [key]: { decision, context: null } },
    }));
  }
  if (what === 'network')
    return ['10.1.2.3', '192.0.2.1'].map((ip) => ({ ...known, network: { ...known.network, ip } }));
  if (what.startsWith('network.')) {
    const name = what.slice('network.'.length);
    return ['DE', 'FR', 'DE-BY'].map((place) => ({ ...known, network: { ...known.network, [name]: place } }));
  }
  if (what === 'evidenceIssuedAt') {
    return [60, 600].map((age) => ({ ...known, workload: { ...workload, evidenceIssuedAt: now - age } }));
  }
  if (what === 'environment') {
    return ['production', 'staging'].map((environment) => ({ ...known, workload: { ...workload, environment } }));
  }
  if (what.startsWith('posture.')) {
    const name = what.slice('posture.'.length);
    return (world[name]?.values ?? []).map((value) => ({
      ...known,
      workload: { ...workload, posture: { ...workload.posture, [name]: { value, observedAt: now } } },
    }));
  }
  if (what.startsWith('behaviour.')) {
    const name = what.slice('behaviour.'.length);
    return behaviourValues(name).map((value) => ({ ...known, behaviour: { ...known.behaviour, [name]: value } }));
  }
  const others = workload.selectors.filter((selector) => !selector.startsWith(`${what}:`));
  const values = ['a', 'b', 'ab'].map((value) => `${what}:${value}`);
  const subsets = Array.from({ length: 2 ** values.length }, (_, bits) =>
    values.filter((__, index) => (bits >> index) & 1),
  );
  return subsets.map((subset) => ({ ...known, workload: { ...workload, selectors: [...others, ...subset] } }));
}

/** An expression waits for every fact that it reads, also where it comes to the same without. */
export function withoutCel<Raw extends { conditions?: unknown; rules: RawRules }>({
  conditions,
  rules,
  ...rest
}: Raw): Raw {
  const isCel = (condition: unknown) => typeof condition === 'object' && condition !== null && 'cel' in condition;
  const replaced = Object.entries(conditions as object).map(([name, each]) => [
    name,
    // Holds whatever is lost.
    isCel(each) ? { attestation: { assurance: 'low' } } : each,
  ]);
  const others = Object.entries(rules).map(([name, rule]) => {
    const left = ((rule.conditions ?? []) as readonly unknown[]).filter((each) => !isCel(each));
    return [name, { ...rule, conditions: left.length === 0 ? undefined : left }];
  });
  return { ...rest, conditions: Object.fromEntries(replaced), rules: Object.fromEntries(others) } as Raw;
}

/** Whether a rule has two conditions about one fact of posture, or of behaviour. */
export function asksTwice({ conditions, rules }: { conditions?: unknown; rules: RawRules }, what: string): boolean {
  if (what.startsWith('external.')) return false;
  const key = what.startsWith('behaviour.')
    ? what.replace(/^behaviour\.(instance\.)?/, '')
    : world[what.slice('posture.'.length)]?.key;
  const named = conditions as Readonly<Record<string, unknown>>;
  return Object.values(rules).some((rule) => {
    const asked = ((rule.conditions ?? []) as readonly unknown[]).map((each) =>
      typeof each === 'string' ? named[each] : each,
    );
    return JSON.stringify(asked).split(`"${key}":`).length > 2;
  });
}
