/** Evidence taken apart, once: a JWT, or of a form of its own that an attestor type has. Nothing is verified here. */
import type {
  Attestor,
  AttestorType,
  Evidence,
  EvidenceForm,
  EvidenceReaders,
  UnverifiedJwt,
} from '../../attestors/attestor.js';
import { jwtSpiffeType } from '../../attestors/token-types.js';
import { Rejected } from '../errors.js';
import { decodeBase64url } from '../jwt/base64url.js';
import { decodeJwt, looksLikeJwt } from '../jwt/decode.js';
import { parseObject } from '../jwt/json.js';
import { trustDomainOf } from '../jwt/spiffe-id.js';

/** By its own word; as the claims of a JWT are called. */
export interface Sender {
  readonly iss: unknown;
  readonly aud: unknown;
}

interface Read {
  readonly evidence: Evidence;
  readonly sender: Sender;
}

/**
 * @param form undefined: the token type is of a JWT
 * @param audienceAlias of a JWT: see there
 * @throws Rejected `not_a_jwt`, those of `decodeJwt`, and those of the form
 */
export function readEvidence(
  received: Evidence,
  form: EvidenceForm | undefined,
  audienceAlias?: UnverifiedJwt['audienceAlias'],
): Read {
  if (form !== undefined) {
    const { issuer, audience, content } = form.parse(received.token, readers);
    return { evidence: Object.freeze({ ...received, content }), sender: { iss: issuer, aud: audience } };
  }
  if (!looksLikeJwt(received.token)) {
    throw new Rejected('not_a_jwt', 'The evidence does not have the form of a JWT.');
  }
  const jwt = decodeJwt(received.token);
  const named = audienceAlias === undefined ? jwt : Object.freeze({ ...jwt, audienceAlias });
  const sender = received.tokenType === jwtSpiffeType ? senderOfSvid(jwt.claims) : senderOf(jwt.claims);
  return { evidence: Object.freeze({ ...received, jwt: named }), sender };
}

/** A JWT-SVID need not have `iss`: the bundle that verifies it is its trust domain's (SPIFFE Trust Domain and Bundle §3). */
function senderOf({ iss, sub, aud }: UnverifiedJwt['claims']): Sender {
  const trustDomain = iss === undefined ? trustDomainOf(sub) : undefined;
  return { iss: trustDomain === undefined ? iss : `spiffe://${trustDomain}`, aud };
}

/** Shown as such, by its trust domain and nothing else: whom `iss` names may be another (draft-ietf-oauth-spiffe-client-auth-02 §4). */
const senderOfSvid = ({ sub, aud }: UnverifiedJwt['claims']): Sender => senderOf({ sub, aud });

export const readers = Object.freeze<EvidenceReaders>({
  object(bytes) {
    const object = parseObject(bytes);
    if (typeof object === 'string')
      throw new Rejected('evidence_json', `The evidence is not accepted as JSON: ${object}.`);
    return object;
  },
  base64url(text) {
    const bytes = decodeBase64url(text);
    if (bytes === undefined) throw new Rejected('evidence_base64url', 'The evidence is not canonical base64url.');
    return bytes;
  },
  jwt: decodeJwt,
});

/** @throws Error when two types have a form of one token type */
export function formsOf(types: readonly Pick<AttestorType, 'type' | 'forms'>[]): ReadonlyMap<string, EvidenceForm> {
  const owners = new Map<string, string>();
  const forms = new Map<string, EvidenceForm>();
  for (const { type, forms: own = [] } of types) {
    for (const form of own) {
      const owner = owners.get(form.tokenType);
      if (owner !== undefined && owner !== type) {
        throw new Error(`attestors of type ${owner} and of type ${type} both have a form of ${form.tokenType}`);
      }
      owners.set(form.tokenType, type);
      forms.set(form.tokenType, form);
    }
  }
  return forms;
}

/** Token types for which nonces make sense here. */
export function challengeTypes(
  attestors: readonly Attestor[],
  forms: ReadonlyMap<string, EvidenceForm>,
): ReadonlySet<string> {
  const accepted = attestors.flatMap(({ accepts }) => accepts.map(({ tokenType }) => tokenType));
  return new Set(accepted.filter((tokenType) => forms.get(tokenType)?.challenge));
}
