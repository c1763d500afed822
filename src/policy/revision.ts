/** The policy's identity, so that a decision can name the policy that made it. */
import { createHash } from 'node:crypto';

/** The first 32 hexadecimal digits of the SHA-256 over the canonical JSON of a policy. */
export function revisionOf(policy: unknown): string {
  return createHash('sha256').update(canonicalJson(policy)).digest('hex').slice(0, 32);
}

/** JSON with the keys of every object sorted, so that their order in the file does not matter. Lists keep theirs. */
function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) => {
    if (member === null || typeof member !== 'object' || Array.isArray(member)) return member;
    return Object.fromEntries(Object.entries(member).sort(([one], [other]) => (one < other ? -1 : 1)));
  });
}
