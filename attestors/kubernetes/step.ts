/** One step of an examination: what was tried becomes a finding, whatever happens. */
import { Unavailable } from '../../src/errors.js';
import type { Finding } from '../attestor.js';

/** Milliseconds that a step may take. */
const deadline = 10_000;

/** What a step found to be wrong, and what to do about it. */
export class Fault extends Error {
  constructor(
    message: string,
    readonly fix: string,
  ) {
    super(message);
  }
}

/** @param run gives the sentence of a step that went well @throws whatever is neither a `Fault` nor *Unavailable* */
export async function attempt(step: string, run: (signal: AbortSignal) => Promise<string>): Promise<Finding> {
  try {
    return Object.freeze({ step, outcome: 'ok', message: await run(AbortSignal.timeout(deadline)) });
  } catch (error) {
    if (error instanceof Fault) return failed(step, error.message, error.fix);
    if (error instanceof Unavailable) return failed(step, error.detail, fixes[error.reason] ?? fixes.api_failed);
    throw error;
  }
}

export const skipped = (step: string, why: string): Finding =>
  Object.freeze({ step, outcome: 'skipped', message: why });

const failed = (step: string, message: string, fix: string): Finding =>
  Object.freeze({ step, outcome: 'failed', message: message.replace(/\.$/, ''), fix });

/** By the reason of an `Unavailable` of the connection. */
const fixes = Object.freeze<Record<string, string> & { readonly api_failed: string }>({
  api_unreachable:
    'make the API server reachable from here: its address (`server` in the kubeconfig), its port, the firewalls and proxies between',
  api_certificate:
    'set `certificate-authority` of the kubeconfig to the authority that signed the certificate, and `server` to a name that it has',
  api_credentials:
    "renew the token or client certificate of the kubeconfig's user; in a pod, its service account may be gone",
  api_forbidden: 'grant that, and examine again',
  api_deadline:
    'look for a proxy between that holds answers back, a firewall that drops packets, or an overloaded API server',
  api_unreadable: 'let `server` in the kubeconfig be the address of the API server: something else answers there',
  api_failed: "look into the API server's log",
});
