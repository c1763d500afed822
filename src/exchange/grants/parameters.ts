/** Parameters that hold evidence. */
import { Refusal } from '../../errors.js';
import type { Form } from '../form.js';

/** @throws Refusal `NAME_missing` */
export function required(form: Form, name: string): string {
  const value = form.values.get(name);
  if (value === undefined) throw missing(name);
  return value;
}

/**
 * A token that many clients send as they read it from its file, with the newline at its end.
 * @throws Refusal `NAME_missing`, also for one that is blank
 */
export function requiredToken(form: Form, name: string): string {
  const token = required(form, name).trimEnd();
  if (token === '') throw missing(name);
  return token;
}

const missing = (name: string) => new Refusal('parameter_missing', `${name}_missing`, `${name} is missing.`);
