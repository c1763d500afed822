/** RFC 8693 §3: the token type of a JWT. */
export const jwtType = 'urn:ietf:params:oauth:token-type:jwt';
