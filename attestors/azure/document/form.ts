/** Evidence with an attested document: base64url of JSON {document, managedIdentityToken} or {document, audience}. */
import { Rejected } from '../../../src/errors.js';
import type { EvidenceForm, EvidenceReaders, UnverifiedJwt } from '../../attestor.js';

/** @see Evidence.content */
export interface DocumentContent {
  /** CMS SignedData in DER, not yet verified. */
  readonly document: Buffer;
  readonly jwt: UnverifiedJwt | undefined;
  /** For the JSON that is in the document. */
  readonly readObject: EvidenceReaders['object'];
}

export const documentType = 'urn:counterseal:params:token-type:azure-attested-document';
/** A document names no issuer: this stands for it in routes. */
export const documentIssuer = 'https://metadata.azure.com';

/** As the metadata service writes `signature`: one line, with padding (RFC 4648 §4). */
const base64Form = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

export const documentForm = Object.freeze<EvidenceForm>({
  tokenType: documentType,
  challenge: true,
  parse(token, read) {
    const { document, managedIdentityToken, audience, ...others } = read.object(read.base64url(token));
    const isForm = typeof document === 'string' && document !== '' && Object.keys(others).length === 0;
    if (!isForm || !base64Form.test(document)) {
      throw new Rejected(
        'evidence_form',
        'Expected document, the signature of the metadata service in base64, and one more.',
      );
    }
    const content = { document: Buffer.from(document, 'base64'), readObject: read.object };
    if (typeof managedIdentityToken === 'string' && audience === undefined) {
      const jwt = read.jwt(managedIdentityToken);
      const { iss, aud } = jwt.claims;
      if (typeof iss !== 'string' || typeof aud !== 'string') {
        throw new Rejected('evidence_form', 'managedIdentityToken: expected iss and aud, each one text.');
      }
      return { issuer: iss, audience: aud, content: Object.freeze<DocumentContent>({ ...content, jwt }) };
    }
    if (typeof audience === 'string' && managedIdentityToken === undefined) {
      return {
        issuer: documentIssuer,
        audience,
        content: Object.freeze<DocumentContent>({ ...content, jwt: undefined }),
      };
    }
    throw new Rejected('evidence_form', 'Expected managedIdentityToken or audience beside document, and not both.');
  },
});
