/** Parameters that hold evidence. */
import { type Fault, Refusal } from '../../errors.js';
import type { Form } from '../form.js';

/** @throws Refusal `NAME_missing` */
export function required(form: Form, name: string, fault: Fault = 'parameter_missing'): string {
  const value = form.values.get(name);
  if (value === undefined) throw missing(name, fault);
  return value;
}

/**
 * A token that many clients send as they read it from its file, with the newline at its end.
 * @throws Refusal `NAME_missing`, also for one that is blank
 */
export function requiredToken(form: Form, name: string, fault: Fault = 'parameter_missing'): string {
  const token = required(form, name, fault).trimEnd();
  if (token === '') throw missing(name, fault);
  return token;
}

const missing = (name: string, fault: Fault) => new Refusal(fault, `${name}_missing`, `${name} is missing.`);
