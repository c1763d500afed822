/** RFC 8693 §3: the token type of a JWT. */
export const jwtType = 'urn:ietf:params:oauth:token-type:jwt';

/** A secret as a client shows it with HTTP Basic (RFC 6749 §2.3.1), the Base64 text. Our own word: no request can say it. */
export const clientSecretType = 'urn:counterseal:params:token-type:client-secret';

/** A JWT-SVID as a client's assertion (draft-ietf-oauth-spiffe-client-auth-02): its trust domain alone chooses who verifies it. */
export const jwtSpiffeType = 'urn:ietf:params:oauth:client-assertion-type:jwt-spiffe';

/** An identity assertion that another issuer made for us (draft-ietf-oauth-identity-assertion-authz-grant-04). */
export const idJagType = 'urn:ietf:params:oauth:token-type:id-jag';
