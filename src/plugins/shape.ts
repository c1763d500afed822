/** Whether what a package exports is an attestor type: looked at without zod, because the package may bring its own. */

import { attestorTypes } from '../../attestors/index.js';
import { idJagType, jwtSpiffeType, jwtType } from '../../attestors/token-types.js';

/** Name spaces of selectors that are ours: of the types that there are, and of those that are to come. */
const ourSelectors = new Set(['k8s', 'aws', 'azure', 'client', 'oidc']);
/** The same for facts. `decide` reads posture, and what a token without a pod may get. */
const ourFacts = new Set([
  'posture',
  'podless',
  'environment',
  'attestation',
  'network',
  'time',
  'behaviour',
  'workload',
]);

/** Token types of JWTs: the host takes these apart itself. */
export const jwtTokenTypes: ReadonlySet<string> = new Set([
  jwtType,
  jwtSpiffeType,
  idJagType,
  'urn:ietf:params:oauth:token-type:id_token',
  'urn:ietf:params:oauth:token-type:access_token',
]);

/** What is wrong with it, as parts of a sentence; none: it is an `AttestorType`. */
export function faultsOfType(exported: unknown): readonly string[] {
  if (!isRecord(exported)) return ['it is no object'];
  const { type, selectorKinds, nodeKind, singleKinds = [], facts, options, forms = [] } = exported;
  return [
    ...faultsOfName(type),
    ...faultsOfKinds(selectorKinds, 'selectorKinds'),
    ...faultsOfKinds(singleKinds, 'singleKinds'),
    ...(nodeKind === undefined || (Array.isArray(selectorKinds) && selectorKinds.includes(nodeKind))
      ? []
      : ['nodeKind is none of selectorKinds: leave it out, or name one']),
    ...(isListOf(facts, isFact)
      ? []
      : ['facts is no list of names such as machine.bootedAt in a name space of its own']),
    ...(isRecord(options) && typeof options.safeParse === 'function'
      ? []
      : ['options has no safeParse: give a zod schema']),
    ...functions.filter((name) => typeof exported[name] !== 'function').map((name) => `${name} is no function`),
    ...optionalFunctions
      .filter((name) => exported[name] !== undefined && typeof exported[name] !== 'function')
      .map((name) => `${name} is no function: leave it out, or make it one`),
    ...(Array.isArray(forms) ? forms.flatMap(faultsOfForm) : ['forms is no list']),
  ];
}

const functions = ['plan', 'create'] as const;
const optionalFunctions = [
  'mappedKinds',
  'suppliedFacts',
  'highestAssurance',
  'role',
  'selectorFault',
  'pinFor',
  'examine',
] as const;

function faultsOfName(type: unknown): string[] {
  if (typeof type !== 'string' || !/^[a-z][a-z0-9-]{0,62}$/.test(type)) {
    return ['type is no name such as machine-key: a-z, 0-9 and "-", at most 63 characters'];
  }
  return attestorTypes.has(type) ? [`type ${type} is one of ours: choose another name`] : [];
}

/** @param what it is called in the sentence */
export function faultsOfKinds(kinds: unknown, what: string): string[] {
  return isListOf(kinds, isKind) ? [] : [`${what} is no list of kinds such as machine:name in a name space of its own`];
}

const isKind = (kind: string) => isOwn(/^([a-z][a-z0-9-]*):[A-Za-z0-9._-]+$/.exec(kind), ourSelectors);
const isFact = (fact: string) => isOwn(/^([a-z][a-z0-9-]*)\.[A-Za-z0-9._-]+$/.exec(fact), ourFacts);

function isOwn(match: RegExpExecArray | null, ours: ReadonlySet<string>): boolean {
  return match?.[1] !== undefined && !ours.has(match[1]);
}

function faultsOfForm(form: unknown): string[] {
  if (!isRecord(form) || typeof form.tokenType !== 'string' || !/^[\x21-\x7e]{1,256}$/.test(form.tokenType)) {
    return ['a form has no tokenType that is a URI'];
  }
  const { tokenType, challenge, parse } = form;
  if (!URL.canParse(tokenType)) return [`the tokenType ${tokenType} of a form is no URI`];
  if (jwtTokenTypes.has(tokenType)) return [`the form of ${tokenType} is that of a JWT: choose another tokenType`];
  const owner = [...attestorTypes.values()].find((one) => one.forms?.some((own) => own.tokenType === tokenType));
  if (owner !== undefined) return [`type ${owner.type} has the form of ${tokenType}: choose another tokenType`];
  if (typeof challenge !== 'boolean') return [`challenge of the form of ${tokenType} is neither true nor false`];
  return typeof parse === 'function' ? [] : [`parse of the form of ${tokenType} is no function`];
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

/** Also that no text is there twice. */
function isListOf(value: unknown, isGood: (text: string) => boolean): boolean {
  return (
    Array.isArray(value) &&
    value.every((each) => typeof each === 'string' && isGood(each)) &&
    new Set(value).size === value.length
  );
}
