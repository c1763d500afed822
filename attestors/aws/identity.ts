/** What both kinds of evidence say of a workload: its role, by selectors and as a subject. */
import { Rejected } from '../../src/errors.js';
import { type AttestorHost, selector } from '../attestor.js';
import { quote, type Role } from './arn.js';

/** Told by an instance identity document alone. */
export const instanceKinds = Object.freeze(['aws:image', 'aws:instance', 'aws:instance-type', 'aws:region']);

export const selectorKinds = Object.freeze([
  ...instanceKinds,
  'aws:account',
  'aws:arn',
  'aws:org',
  'aws:ou',
  'aws:principal-tag',
  'aws:role',
  'aws:role-id',
]);

/** No workload has two of one. */
export const singleKinds = Object.freeze(selectorKinds.filter((kind) => kind !== 'aws:principal-tag'));

/** Not reused, unlike the name of a role: partition and account are part of whatever names one. */
export const pathOf = ({ partition, account, name }: Role): string => `${partition}:${account}:${name}`;

/** Never with the session: its name is chosen by whoever assumed the role. */
export const subjectOf = (host: AttestorHost, attestor: string, { partition, account, name }: Role): string =>
  host.spiffeId(attestor, partition, account, 'role', name);

export const roleSelectors = ({ account, name }: Role): readonly string[] => [
  selector('aws', 'account', account),
  selector('aws', 'role', name),
];

/** @throws Rejected `account_mismatch` */
export function checkAccount(what: string, found: unknown, expected: string): void {
  if (found === expected) return;
  throw new Rejected('account_mismatch', `${what}: expected ${quote(expected)}; found ${quote(found)}.`);
}
