/** DPoP (RFC 9449): a proof that the client has a key, made for this one request. The token that it gets is bound to the key. */
import { hash } from 'node:crypto';
import type { Clock } from '../../attestors/attestor.js';
import type { Nonces } from '../challenge/nonces.js';
import { NonceNeeded, Refusal, Rejected, Unavailable } from '../errors.js';
import { decodeJwt } from '../jwt/decode.js';
import { quoteClaim } from '../jwt/quote.js';
import { signatureHolds } from '../jwt/signature.js';
import { claimOnce } from '../store/claim-once.js';
import type { Store } from '../store/store.js';
import { readProofKey } from './proof-key.js';
import { normalisedUrl } from './proof-url.js';

export interface DpopRoom {
  /** The URL that proofs are for, as the metadata has it: what a request says in its Host header is the client's word. */
  readonly url: string;
  readonly nonces: Pick<Nonces, 'make' | 'check'>;
  readonly store: Store;
  readonly now: Clock;
}

/** A proof whose signature holds. That it was not used before is seen to when it is claimed. */
export interface Proof {
  /** The thumbprint of its key (RFC 7638, SHA-256): `cnf.jkt` of what is bound to it. */
  readonly thumbprint: string;
  readonly jti: string;
  /** Seconds since the epoch, by the client's word. */
  readonly issuedAt: number;
  /** Seconds since the epoch, by our clocks: when the nonce of ours that it has was made; undefined: it has none. */
  readonly nonceMade: number | undefined;
}

/** What a proof has to be made for, beside the URL. */
export interface ProvenRequest {
  readonly method: string;
  /** The one in Authorization, whose hash `ath` has to be (RFC 9449 §4.3, number 12). Left out: there is none, and `ath` is not looked at. */
  readonly token?: string;
}

export interface Dpop {
  /**
   * @param header of the request
   * @param needsNonce whether it has to carry a nonce of ours
   * @param request default: one with POST and a form
   * @throws Refusal `dpop_proof_invalid`, NonceNeeded
   */
  verify(header: string, needsNonce: boolean, request?: ProvenRequest): Promise<Proof>;
  /**
   * Once, over all replicas. @param requestId who uses it
   * @throws Refusal `dpop_proof_invalid`, Unavailable
   * @throws NonceNeeded when the proof could have been used before the store lost what it knew: with a nonce it cannot
   */
  claim(proof: Proof, requestId: string): Promise<void>;
  /** For `DPoP-Nonce`. */
  nonce(): string;
}

/** Seconds by which the client's clock may differ from ours, and that a proof is good for; RFC 9449 §11.1. */
const window = 60;

/** Characters. Clients send a UUID, or 32 random bytes. */
const longestJti = 256;

/** What nonces are for: no token type is called so, so none of `POST /challenge` is good here. */
const purpose = 'dpop';

const posted = Object.freeze<ProvenRequest>({ method: 'POST' });

export function createDpop({ url, nonces, store, now }: DpopRoom): Dpop {
  const ours = normalisedUrl(url);
  const nonce = () => nonces.make(purpose);

  function nonceMadeAt(given: unknown, needsNonce: boolean): number | undefined {
    try {
      if (given === undefined) throw new Rejected('nonce_missing', 'nonce: the proof has none.');
      return nonces.check(purpose, typeof given === 'string' ? given : '');
    } catch (error) {
      if (!(error instanceof Rejected)) throw error;
      if (!needsNonce) return undefined;
      throw new NonceNeeded(`dpop_${error.reason}`, error.detail, nonce());
    }
  }

  return Object.freeze<Dpop>({
    nonce,
    verify: (header, needsNonce, request = posted) =>
      ofProof(async () => {
        // Node joins several headers of one name, and no proof has a comma.
        if (header.includes(',')) throw new Rejected('dpop_repeated', 'There is more than one DPoP header.');
        const jwt = decodeJwt(header);
        checkHeader(jwt.header);
        checkRequest(jwt.claims, ours, request);
        const { jti, iat } = checkUse(jwt.claims, now());
        const nonceMade = nonceMadeAt(jwt.claims.nonce, needsNonce);
        const key = await readProofKey(jwt.header);
        if (!signatureHolds(key, jwt.signingInput, jwt.signature)) {
          throw new Rejected('dpop_signature', 'The signature does not hold with the key of the proof.');
        }
        return Object.freeze({ thumbprint: key.thumbprint, jti, issuedAt: iat, nonceMade });
      }),
    claim: ({ thumbprint, jti, issuedAt, nonceMade }, requestId) =>
      ofProof(async () => {
        const from = nonceMade ?? issuedAt - window;
        const once = { key: ['dpop', thumbprint, jti], requestId, from, end: issuedAt + window } as const;
        try {
          await claimOnce(store, { ...once, what: 'The DPoP proof', reason: 'dpop_used' });
        } catch (error) {
          if (nonceMade !== undefined || !(error instanceof Unavailable) || error.reason !== 'claims_unknown')
            throw error;
          throw new NonceNeeded('dpop_claims_unknown', error.detail, nonce());
        }
      }),
  });
}

/** The client is told of its proof what it would be told of evidence: a JWT is read in one way. */
async function ofProof<Value>(read: () => Promise<Value>): Promise<Value> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof Rejected)) throw error;
    throw new Refusal('dpop_proof_invalid', error.reason.replace(/^jwt_/, 'dpop_'), error.detail);
  }
}

type Members = Readonly<Record<string, unknown>>;

/** Each would tell us where to find another key, or to read the signature in another way. */
const refusedParameters = ['crit', 'b64', 'jku', 'x5u', 'x5c'] as const;

function checkHeader(header: Members): void {
  if (header.typ !== 'dpop+jwt') {
    throw new Rejected('dpop_type', `typ: expected "dpop+jwt"; found ${quoteClaim(header.typ)}.`);
  }
  for (const parameter of refusedParameters) {
    if (header[parameter] !== undefined) {
      throw new Rejected('dpop_header_parameter', `The header has ${parameter}, which is never accepted.`);
    }
  }
}

/** RFC 9449 §4.3, numbers 8, 9 and 12. */
function checkRequest({ htm, htu, ath }: Members, ours: string | undefined, { method, token }: ProvenRequest): void {
  if (htm !== method) {
    throw new Rejected('dpop_method', `htm: expected ${quoteClaim(method)}; found ${quoteClaim(htm)}.`);
  }
  if (typeof htu !== 'string' || ours === undefined || normalisedUrl(htu) !== ours) {
    throw new Rejected('dpop_url', `htu: expected ${quoteClaim(ours)}; found ${quoteClaim(htu)}.`);
  }
  if (token === undefined || ath === hash('sha256', token, 'base64url')) return;
  throw new Rejected('dpop_token', `ath: expected the hash of the token that is shown; found ${quoteClaim(ath)}.`);
}

/** RFC 9449 §4.3, numbers 3 and 11; §11.1. */
function checkUse({ jti, iat, exp, nbf }: Members, now: number) {
  if (typeof jti !== 'string' || jti === '' || jti.length > longestJti) {
    throw new Rejected('dpop_jti', `jti: expected text of 1 to ${longestJti} characters; found ${quoteClaim(jti)}.`);
  }
  if (typeof iat !== 'number' || !(Math.abs(now - iat) <= window)) {
    const detail = `iat: expected a time within ${window} s of ${now}; found ${quoteClaim(iat)}.`;
    throw new Rejected('dpop_time', detail);
  }
  checkBounds(exp, nbf, now);
  return { jti, iat };
}

/** No proof needs them; where they are, they are meant (RFC 7519 §4.1.4, §4.1.5). */
function checkBounds(exp: unknown, nbf: unknown, now: number): void {
  if (exp !== undefined && !(typeof exp === 'number' && now < exp)) {
    throw new Rejected('dpop_time', `exp: expected a time after ${now}; found ${quoteClaim(exp)}.`);
  }
  if (nbf !== undefined && !(typeof nbf === 'number' && nbf <= now + window)) {
    throw new Rejected('dpop_time', `nbf: expected a time before ${now + window}; found ${quoteClaim(nbf)}.`);
  }
}
