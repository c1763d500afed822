/** Client certificates (RFC 8705): what a token is bound to. Whether one is trusted is for whoever ended TLS. */
import { hash, X509Certificate } from 'node:crypto';
import { Refusal } from '../errors.js';

/**
 * @param certificate DER
 * @returns `x5t#S256` (RFC 8705 §3.1)
 * @throws Refusal `client_certificate_unreadable`
 */
export function certificateThumbprint(certificate: Buffer | 'unreadable'): string {
  if (certificate === 'unreadable' || !isCertificate(certificate)) {
    const detail = 'What the proxy sent is not one certificate, in DER, as a byte sequence of RFC 8941.';
    throw new Refusal('client_certificate_unreadable', 'client_certificate_unreadable', detail);
  }
  return hash('sha256', certificate, 'base64url');
}

/** One, and nothing behind it. */
function isCertificate(der: Buffer): boolean {
  try {
    return new X509Certificate(der).raw.equals(der);
  } catch {
    return false;
  }
}
