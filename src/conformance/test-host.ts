/** The real host of attestors, with a clock that tests set and warnings that they read. */

import type { AttestCall, AttestorHost, Clock, Evidence, EvidenceForm } from '../../attestors/attestor.js';
import { jwtType } from '../../attestors/token-types.js';
import { createHost } from '../attestor-host.js';
import { readEvidence } from '../exchange/evidence.js';
import { decodeJwt } from '../jwt/decode.js';
import { createOutbound } from '../outbound.js';

/** The issuer of the host: the default audience of evidence. */
export const ourIssuer = 'https://sts.example.com';

export interface TestHost {
  /** Handed to `create`. */
  readonly host: AttestorHost;
  /** What was given to `warn`, so far. */
  readonly warnings: readonly string[];
  close(): Promise<void>;
}

/**
 * It knows every nonce. The trust domain is `example.com`, the environment `production`. Only 127.0.0.1 can be called, beside public addresses.
 * @param now is read at every use, so a test can move it
 * @param folder what relative paths are relative to
 */
export function createTestHost(now: Clock, folder = '/nowhere'): TestHost {
  const warnings: string[] = [];
  const host = createHost({
    now,
    issuer: ourIssuer,
    environment: 'production',
    trustDomain: 'example.com',
    revocation: { ended: () => {}, instances: () => [] },
    nonces: { check: () => {} },
    outbound: createOutbound({ allow: [], literalHosts: new Set(['127.0.0.1']) }),
    path: (relative) => (relative.startsWith('/') ? relative : `${folder}/${relative}`),
    warn: (message) => warnings.push(message),
  });
  return { host: host.forAttestor('prod-eu'), warnings, close: host.close };
}

/** As the pipeline hands it to an attestor. */
export function jwtEvidence(token: string): Evidence {
  return { tokenType: jwtType, token, jwt: decodeJwt(token) };
}

/** The same for evidence of a form of its own. @throws Rejected what the form does */
export function formEvidence(form: EvidenceForm, token: string): Evidence {
  return readEvidence({ tokenType: form.tokenType, token }, form).evidence;
}

/** What the host gives with each call of `attest`. */
export function callWith(signal: AbortSignal = new AbortController().signal): AttestCall {
  return { signal: () => signal };
}
