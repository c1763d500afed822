/** One step of an examination of a cluster. */
import type { Finding } from '../attestor.js';
import { attempt as attemptAny } from '../step.js';

/** @param run gives the sentence of a step that went well @throws whatever is neither a `Fault` nor *Unavailable* */
export const attempt = (step: string, run: (signal: AbortSignal) => Promise<string>): Promise<Finding> =>
  attemptAny(step, run, (reason) => fixes[reason] ?? fixes.api_failed);

const somethingElse = 'let `server` in the kubeconfig be the address of the API server: something else answers there';

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
  api_unreadable: somethingElse,
  api_too_long: somethingElse,
  api_failed: "look into the API server's log",
});
