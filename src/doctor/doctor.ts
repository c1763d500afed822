/** `counterseal doctor`: tries what the attestors of a configuration need, and says what to do about what fails. */
import type { AttestorHost, Finding } from '../../attestors/attestor.js';
import type { Configuration } from '../config/configuration.js';
import type { ConfiguredAttestor } from '../config/schema.js';
import { printable, scrub } from '../text.js';
import { openQuietHost } from './host.js';

export interface Examination {
  /** The `type` of the attestors. */
  readonly type: string;
  /** Of one attestor; undefined: all of the type. */
  readonly name: string | undefined;
}

/**
 * @param print is given one line at a time
 * @returns whether no step failed
 * @throws Error when there is no such attestor, or its type has nothing to examine
 */
export async function diagnose(
  configuration: Configuration,
  examination: Examination,
  print: (line: string) => void,
): Promise<boolean> {
  const chosen = choose(configuration, examination);
  const host = await openQuietHost(configuration);
  let isWell = true;
  try {
    for (const [name, attestor] of chosen) {
      print(`${name} (${attestor.type.type})`);
      for await (const finding of findingsOf(name, attestor, host.forAttestor(name))) {
        for (const line of renderFinding(finding)) print(`  ${line}`);
        isWell &&= finding.outcome !== 'failed';
      }
    }
  } finally {
    await host.close();
  }
  return isWell;
}

/** @throws Error when the attestor's type has nothing to examine */
export function findingsOf(name: string, { type, options }: ConfiguredAttestor, host: AttestorHost) {
  if (type.examine === undefined) throw new Error(`attestors of type ${type.type} need nothing that could be examined`);
  return type.examine(name, options, host);
}

/** One line, and for what failed another with the fix. What comes from the platform is neither a token nor a control character. */
export function renderFinding(finding: Finding): readonly string[] {
  const { step, outcome, message } = finding;
  const lines = {
    ok: [`ok       ${step}: ${message}`],
    skipped: [`skipped  ${step} (${message})`],
    failed: [`FAILED   ${step}: ${message}`, ...(outcome === 'failed' ? [`         fix: ${finding.fix}`] : [])],
  };
  return lines[outcome].map((line) => printable(scrub(line)));
}

function choose({ attestors }: Configuration, { type, name }: Examination): readonly [string, ConfiguredAttestor][] {
  const ofType = [...attestors].filter(([, attestor]) => attestor.type.type === type);
  const chosen = name === undefined ? ofType : ofType.filter(([each]) => each === name);
  if (chosen.length > 0) return chosen;
  const known = ofType.map(([each]) => each).join(', ');
  throw new Error(
    name === undefined
      ? `the configuration has no attestor of type ${type}: add one, or name another type`
      : `the configuration has no attestor ${name} of type ${type}; of this type it has ${known || 'none'}`,
  );
}
