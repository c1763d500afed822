/** Evidence of a profile's source: signed here, or printed by its command. */
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { promisify } from 'node:util';
import type { CommandedEvidence, EvidenceSource, MintedEvidence } from './profile.js';
import { type Mint, type Variant, variants } from './variants.js';

export interface Surroundings extends Pick<Mint, 'stranger' | 'trap' | 'tokenEndpoint'> {
  /** Milliseconds, for a command. */
  readonly deadline: number;
}

export async function showEvidence(source: EvidenceSource, variant: Variant, around: Surroundings): Promise<string> {
  if ('command' in source) return runCommand(source, variant, around.deadline);
  const stranger = { ...around.stranger, kid: source.key.kid };
  return variants[variant]({ ...around, key: source.key, stranger, claims: goodClaims(source) });
}

export const canMake = (source: EvidenceSource, variant: Variant): boolean =>
  'key' in source || variant === 'good' || source.variants.includes(variant);

function goodClaims({ issuer, audience, lifetime, claims }: MintedEvidence) {
  const now = Math.floor(Date.now() / 1000);
  return { iss: issuer, aud: audience, iat: now, nbf: now, exp: now + lifetime, jti: randomUUID(), ...claims };
}

/** What the command writes to stderr is not shown: it may hold what it prints. */
async function runCommand({ command, folder }: CommandedEvidence, variant: Variant, timeout: number): Promise<string> {
  const [program = '', ...args] = command;
  const env = { ...process.env, COUNTERSEAL_VARIANT: variant };
  try {
    const { stdout } = await promisify(execFile)(program, args, { cwd: folder, env, timeout });
    return stdout.trim();
  } catch (error) {
    const { code = 'no code' } = error as { code?: string | number };
    throw new Error(`the command for evidence failed (${variant}): ${code}`);
  }
}
