/** One grant type is one small file: it finds the evidence in its form. Everything after that is shared. */
import type { Evidence } from '../../../attestors/attestor.js';
import type { TokenType } from '../../policy/token-type.js';
import type { Drafts, Shown } from '../client.js';
import type { Form } from '../form.js';

export interface GrantType {
  /** The value of `grant_type`. */
  readonly name: string;
  /** Its own parameters; those of another grant are refused beside them. */
  readonly evidenceIn: readonly string[];
  /** Whether an answer has `issued_token_type` (RFC 8693 §2.2.1). */
  readonly namesTokenType: boolean;
  /**
   * @param authentication of the client; null: it did not authenticate
   * @throws Refusal when a parameter is missing or not supported
   */
  read(form: Form, authentication: Shown | null, drafts: Drafts): Asking;
  /**
   * What is to be issued. Left out by grants that give access tokens alone.
   * @throws Refusal `requested_token_type` when it is none of `issued`
   */
  readTokenType?(form: Form, issued: ReadonlySet<TokenType>): TokenType;
}

export interface Asking {
  /** Of who asks. */
  readonly asker: Shown;
  /** For whom, where it asks for somebody else; null: for itself. */
  readonly delegator: Evidence | null;
}

export const forItself = (asker: Shown): Asking => Object.freeze({ asker: Object.freeze(asker), delegator: null });
