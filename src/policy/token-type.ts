/** What is issued for a resource: the last part of the token type's identifier (RFC 8693 §3). */
export const tokenTypes = ['access_token', 'jwt', 'txn_token', 'id-jag'] as const;

export type TokenType = (typeof tokenTypes)[number];

/** As requests and answers name it. */
export const identifierOf = (type: TokenType): string => `urn:ietf:params:oauth:token-type:${type}`;

/** Undefined: none that we know. */
export const tokenTypeOf = (identifier: string): TokenType | undefined =>
  tokenTypes.find((type) => identifierOf(type) === identifier);
