/** One grant type is one small file: it finds the evidence in its form. Everything after that is shared. */
import type { Evidence } from '../../../attestors/attestor.js';
import type { Fault } from '../../errors.js';
import type { Form } from '../form.js';

export interface GrantType {
  /** The value of `grant_type`. */
  readonly name: string;
  /** What the client is told when its evidence is not accepted. */
  readonly evidenceFault: Fault;
  /** Of who asks. @throws Refusal when a parameter is missing or not supported */
  readEvidence(form: Form): Evidence;
  /** For whom, where the workload asks for somebody else; null: for itself. Left out by grants that know no actor. */
  readDelegator?(form: Form): Evidence | null;
}
