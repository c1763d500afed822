/** A copy of what an attestor of another package attests, of which every field has its form: later changes of theirs change nothing. */
import type { Attestation, Fact, UnknownCause } from '../../attestors/attestor.js';
import { Refusal } from '../errors.js';
import { isRecord } from './shape.js';

/** What an attestor said that it would give. */
export interface Declared {
  /** Of the attestor, in the configuration. */
  readonly name: string;
  readonly selectorKinds: readonly string[];
  readonly facts: readonly string[];
}

/** Levels of claims and values of facts. */
const maxDepth = 16;

/**
 * @param root the SPIFFE ID under which its subjects are
 * @throws Refusal `attestation_broken`: the package's fault, not the evidence's
 */
export function adoptAttestation(theirs: Attestation, declared: Declared, root: string): Attestation {
  const { name } = declared;
  const expect: Expect = (holds, broken) => {
    if (holds) return;
    throw new Refusal('internal', 'attestation_broken', `Attestor ${name} broke its contract: ${broken}.`);
  };
  try {
    return Object.freeze(copy(theirs, declared, root, expect));
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw new Refusal('internal', 'attestation_broken', `Attestor ${name} broke its contract: it is no attestation.`);
  }
}

type Expect = (holds: boolean, broken: string) => void;

function copy(theirs: Attestation, declared: Declared, root: string, expect: Expect): Attestation {
  const {
    attestor,
    subject,
    clientId,
    grantTypes,
    instance,
    environment,
    evidenceId,
    singleUse,
    nonce,
    assurance,
    issuedAt,
  } = theirs;
  const { attestedAt, expiresAt, vouchesUntil } = theirs;
  expect(isText(subject) && subject.startsWith(`${root}/`) && spiffePath.test(subject.slice(root.length)), badSubject);
  expect(clientId === undefined || isText(clientId), 'clientId is no text of 1 to 2048 characters');
  expect(grantTypes === undefined || isListOfTexts(grantTypes), 'grantTypes is no list of texts');
  expect(isText(instance), 'instance is no text of 1 to 2048 characters');
  expect(environment === null || isText(environment), 'environment is neither null nor a text');
  expect(isText(evidenceId) && evidenceId.length <= 256, 'evidenceId is no text of 1 to 256 characters');
  expect(typeof singleUse === 'boolean', 'singleUse is neither true nor false');
  expect(nonce === undefined || typeof nonce === 'string', 'nonce is no text');
  expect(['low', 'medium', 'high'].includes(assurance), 'assurance is none of low, medium and high');
  const times = [attestedAt, expiresAt, vouchesUntil, ...(issuedAt === undefined ? [] : [issuedAt])];
  expect(times.every(Number.isFinite), 'a time is no number');
  const facts = copyFacts(theirs.facts, declared.facts, expect);
  const claims = plain(theirs.claims, expect, 1) as Attestation['claims'];
  expect(isRecord(claims) && !Array.isArray(claims), 'claims are no map');
  return {
    ...{ attestor, subject, instance, environment },
    ...(clientId !== undefined && { clientId }),
    ...(grantTypes !== undefined && { grantTypes: Object.freeze([...grantTypes]) }),
    ...copySelectors(theirs, declared.selectorKinds, expect),
    ...{ claims, facts, evidenceId, singleUse },
    ...(nonce !== undefined && { nonce }),
    ...(issuedAt !== undefined && { issuedAt }),
    ...{ assurance, attestedAt, expiresAt, vouchesUntil },
  };
}

const badSubject = 'subject is not made by host.spiffeId, with the attestor’s name first';
const spiffePath = /^(\/[A-Za-z0-9._-]+)+$/;
const isText = (value: unknown): value is string =>
  typeof value === 'string' && value.length > 0 && value.length <= 2048 && !/[\u0000-\u001f\u007f]/.test(value);

const isListOfTexts = (value: unknown): boolean => Array.isArray(value) && value.every(isText);

function copySelectors(theirs: Attestation, kinds: readonly string[], expect: Expect) {
  const selectors = Object.freeze([...theirs.selectors]);
  for (const each of selectors) {
    const isDeclared = isText(each) && kinds.some((kind) => each.startsWith(`${kind}:`));
    expect(isDeclared, 'a selector is of a kind that its type does not declare');
  }
  const unknownSelectors: Record<string, UnknownCause> = {};
  for (const [kind, cause] of Object.entries(theirs.unknownSelectors)) {
    expect(kinds.includes(kind), 'an unknown selector is of a kind that its type does not declare');
    expect(cause === 'missing' || cause === 'unavailable', 'the cause of an unknown selector is none');
    unknownSelectors[kind] = cause;
  }
  return { selectors, unknownSelectors: Object.freeze(unknownSelectors) };
}

function copyFacts(facts: unknown, names: readonly string[], expect: Expect): Attestation['facts'] {
  expect(isRecord(facts), 'facts are no map');
  const copies: Record<string, Fact> = {};
  for (const [name, fact] of Object.entries(facts as Attestation['facts'])) {
    expect(names.includes(name), 'it has a fact that its type does not declare');
    expect(Number.isFinite(fact.observedAt), 'a fact has no time');
    copies[name] = Object.freeze({ value: plain(fact.value, expect, 1), observedAt: fact.observedAt });
  }
  return Object.freeze(copies);
}

/** A frozen copy of what JSON can hold. */
function plain(value: unknown, expect: Expect, depth: number): unknown {
  expect(depth <= maxDepth, `a claim or fact is nested more than ${maxDepth} levels deep`);
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  if (Array.isArray(value)) return Object.freeze(value.map((part) => plain(part, expect, depth + 1)));
  expect(isRecord(value), 'a claim or fact is nothing that JSON can hold');
  const parts = Object.entries(value as Readonly<Record<string, unknown>>);
  return Object.freeze(Object.fromEntries(parts.map(([name, part]) => [name, plain(part, expect, depth + 1)])));
}
