/** SPIFFE IDs of workloads (SPIFFE-ID §2): the whole text, in its one spelling. */

/** Bytes; §2.3. */
const longest = 2048;
/** A path segment is neither empty nor a relative one (§2.2), and nothing is encoded, so that no two spellings are one ID. */
const form = /^spiffe:\/\/([a-z0-9._-]{1,255})(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._-]+)+$/;

/** Undefined for what is no SPIFFE ID of a workload: one without a path is the trust domain's own. */
export function trustDomainOf(id: unknown): string | undefined {
  return typeof id === 'string' && id.length <= longest ? form.exec(id)?.[1] : undefined;
}
