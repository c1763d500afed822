/** Attested documents of the metadata service: signature, signer, chain, content, in this order. */
import type { AttestorHost } from '../../attestor.js';
import type { Certificate } from '../../cms/certificate.js';
import { openSignedData } from '../../cms/signed-data.js';
import { checkChain } from './chain.js';
import { type Machine, readMachine } from './content.js';
import type { DocumentContent } from './form.js';
import { createIssuerFetcher } from './issuers.js';

export interface VerifiedMachine extends Machine {
  /** All of the signed JSON. */
  readonly claims: Readonly<Record<string, unknown>>;
  /** The signed bytes. */
  readonly signed: Buffer;
}

/** @throws Rejected, Unavailable */
export type VerifyDocument = (content: DocumentContent) => Promise<VerifiedMachine>;

export function createDocumentVerifier(
  roots: readonly Certificate[],
  host: Pick<AttestorHost, 'send' | 'now'>,
): VerifyDocument {
  const fetchIssuer = createIssuerFetcher(host);
  return async ({ document, readObject }) => {
    const { content, leaf, others } = await openSignedData(document);
    await checkChain(leaf, others, { roots, now: host.now(), fetchIssuer });
    const claims = readObject(content);
    return Object.freeze({ ...readMachine(claims, host.now()), claims, signed: content });
  };
}
