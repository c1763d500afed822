/** One grant type is one small file: it finds the evidence in its form. Everything after that is shared. */
import type { Evidence } from '../../../attestors/attestor.js';
import type { Fault } from '../../errors.js';
import type { TokenType } from '../../policy/token-type.js';
import type { AudienceRule } from '../audience.js';
import type { Form } from '../form.js';

export interface GrantType {
  /** The value of `grant_type`. */
  readonly name: string;
  /** Its own parameters; those of another grant are refused beside them. */
  readonly evidenceIn: readonly string[];
  /** What the client is told when its evidence is not accepted. */
  readonly evidenceFault: Fault;
  readonly audience: AudienceRule;
  /** Whether an answer has `issued_token_type` (RFC 8693 §2.2.1). */
  readonly namesTokenType: boolean;
  /** Of who asks. @throws Refusal when a parameter is missing or not supported */
  readEvidence(form: Form): Evidence;
  /** For whom, where the workload asks for somebody else; null: for itself. Left out by grants that know no actor. */
  readDelegator?(form: Form): Evidence | null;
  /**
   * What is to be issued. Left out by grants that give access tokens alone.
   * @throws Refusal `requested_token_type` when it is none of `issued`
   */
  readTokenType?(form: Form, issued: ReadonlySet<TokenType>): TokenType;
}
