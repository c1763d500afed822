/** Attested documents of the metadata service: signature, content, chain, in this order. */
import type { AttestorHost } from '../../attestor.js';
import type { Certificate } from '../../cms/certificate.js';
import { openSignedData } from '../../cms/signed-data.js';
import { checkChain } from './chain.js';
import { type Machine, readMachine } from './content.js';
import { type DocumentContent, documentType } from './form.js';
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
  host: Pick<AttestorHost, 'send' | 'now' | 'checkNonce'>,
): VerifyDocument {
  const fetchIssuer = createIssuerFetcher(host);
  return async ({ document, readObject }) => {
    const { content, leaf, others } = await openSignedData(document);
    const claims = readObject(content);
    const machine = readMachine(claims, host.now());
    // Whoever has no nonce of ours has nothing fetched for them.
    host.checkNonce(documentType, machine.nonce);
    await checkChain(leaf, others, { roots, now: host.now(), fetchIssuer });
    return Object.freeze({ ...machine, claims, signed: content });
  };
}
