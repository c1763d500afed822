/**
 * An attestor type of another package, held to its contract: what goes wrong in it is told as the fault of the package, and
 * nothing that it did not declare comes out of it. The types of this project do without, and so without the cost.
 */
import { z } from 'zod';
import type {
  Assurance,
  Attestation,
  Attestor,
  AttestorHost,
  AttestorPlan,
  AttestorType,
  EvidenceForm,
  PlannedFile,
  Route,
} from '../../attestors/attestor.js';
import { Refusal, recognise } from '../errors.js';
import { adoptAttestation, type Declared } from './attestation.js';
import { messageOf } from './message.js';
import { faultsOfKinds, isRecord, jwtTokenTypes } from './shape.js';

/** @param theirs has no `faultsOfType` */
export function adoptType(theirs: AttestorType): AttestorType {
  const {
    type,
    examine,
    highestAssurance,
    mappedKinds,
    nodeKind,
    pinFor,
    role,
    selectorFault,
    singleKinds,
    suppliedFacts,
  } = theirs;
  const selectorKinds = Object.freeze([...theirs.selectorKinds]);
  const facts = Object.freeze([...theirs.facts]);
  const forms = Object.freeze((theirs.forms ?? []).map(adoptForm));
  const kinds = (options: unknown): readonly string[] => mappedKinds?.call(theirs, options) ?? [];
  return Object.freeze<AttestorType>({
    type,
    selectorKinds,
    ...(nodeKind !== undefined && { nodeKind }),
    ...(singleKinds && { singleKinds: Object.freeze([...singleKinds]) }),
    ...(mappedKinds && { mappedKinds: kinds }),
    ...(role && { role: (options) => role.call(theirs, options) }),
    ...(selectorFault && { selectorFault: (written) => textOf(() => selectorFault.call(theirs, written)) }),
    ...(pinFor && { pinFor: (selectors, options) => textOf(() => pinFor.call(theirs, selectors, options)) }),
    forms,
    facts,
    ...(suppliedFacts && { suppliedFacts: (options) => suppliedFacts.call(theirs, options) }),
    ...(highestAssurance && {
      highestAssurance: (options) => assuranceOf(() => highestAssurance.call(theirs, options)),
    }),
    options: adoptOptions(theirs, kinds),
    plan: (options, issuer) => planOf(theirs, options, issuer),
    async create(name, options, host) {
      const { accepts } = planOf(theirs, options, host.issuer);
      const attestor = await theirs.create(name, options, host);
      return adoptAttestor(attestor, accepts, {
        name,
        selectorKinds: [...selectorKinds, ...kinds(options)],
        facts,
        host,
      });
    },
    ...(examine && { examine: (name, options, host) => examine.call(theirs, name, options, host) }),
  });
}

/** Says nothing where it fails: it is there to help, and decides nothing. */
function textOf(say: () => unknown): string | null {
  try {
    const said = say();
    return typeof said === 'string' ? said : null;
  } catch {
    return null;
  }
}

/** `high` where it fails: then nothing is told. */
function assuranceOf(say: () => unknown): Assurance {
  const said = textOf(say);
  return said === 'low' || said === 'medium' ? said : 'high';
}

/** Issues become ours: of theirs only the path and the message are known to be there. */
function adoptOptions(theirs: AttestorType, kinds: (options: unknown) => unknown): z.ZodType<unknown> {
  return z.unknown().transform((block, context) => {
    const fail = (path: readonly PropertyKey[], message: string) => {
      context.addIssue({ code: 'custom', path: [...path], message });
      return z.NEVER;
    };
    try {
      const result = theirs.options.safeParse(block);
      if (!result.success) {
        const { issues } = result.error;
        for (const { path, message } of issues) fail(path, message);
        // Without an issue, zod would take what is returned here for a good result.
        return issues.length > 0 ? z.NEVER : fail([], `type ${theirs.type} refuses its options, and does not say why`);
      }
      if (!isPlain(result.data))
        return fail([], `type ${theirs.type} makes of its options something else than plain data`);
      const [fault] = faultsOfKinds(kinds(result.data), 'what mappedKinds gives');
      if (fault !== undefined) return fail([], `type ${theirs.type}: ${fault}`);
      const role: unknown = theirs.role?.(result.data) ?? 'workload';
      if (role === 'workload' || role === 'delegator') return result.data;
      return fail([], `type ${theirs.type}: what role gives is neither workload nor delegator`);
    } catch (cause) {
      return fail([], `type ${theirs.type} fails on its options: ${messageOf(cause)}`);
    }
  });
}

/** Maps, lists and what is in them: options are frozen, and keys and bytes cannot be. */
function isPlain(value: unknown): boolean {
  if (!isRecord(value)) return typeof value !== 'function';
  const prototype: unknown = Object.getPrototypeOf(value);
  return [Object.prototype, Array.prototype, null].includes(prototype as object) && Object.values(value).every(isPlain);
}

/** What `plan` gives is all that is known of an attestor before it is created, so it has to be right. */
function planOf(theirs: AttestorType, options: unknown, issuer: string): AttestorPlan {
  try {
    const { accepts, clientIds = [], faults, files } = theirs.plan(options, issuer);
    const known = new Set([...jwtTokenTypes, ...(theirs.forms ?? []).map(({ tokenType }) => tokenType)]);
    for (const route of accepts) {
      if (!isRoute(route)) throw new Error('a route of its plan has no tokenType, issuer or audience');
      if (!known.has(route.tokenType)) throw new Error(`its plan accepts ${route.tokenType}, of which it has no form`);
    }
    if (accepts.length === 0) throw new Error('its plan accepts nothing');
    if (!isTexts(clientIds)) throw new Error('clientIds of its plan is no list of texts');
    if (!faults.every(({ path, message }) => isTexts(path) && typeof message === 'string')) {
      throw new Error('a fault of its plan has no path or message');
    }
    if (!files.every(isPlannedFile)) {
      throw new Error('a file of its plan has no path or name, or a fault that is no function');
    }
    const copied = { clientIds: [...clientIds], faults: [...faults], files: [...files] };
    return Object.freeze({ accepts: accepts.map(copyRoute), ...copied });
  } catch (cause) {
    const message = `type ${theirs.type} has no plan for this block: ${messageOf(cause)}`;
    return Object.freeze({ accepts: [], faults: [{ path: [], message }], files: [] });
  }
}

const isTexts = (value: unknown): boolean => Array.isArray(value) && value.every((each) => typeof each === 'string');

const isPlannedFile = ({ path, file, fault }: PlannedFile): boolean =>
  isTexts(path) && typeof file === 'string' && (fault === undefined || typeof fault === 'function');

const isRoute = (route: unknown): route is Route =>
  isRecord(route) &&
  [route.tokenType, route.issuer, route.audience].every((part) => typeof part === 'string' && part !== '');

const copyRoute = ({ tokenType, issuer, audience }: Route): Route => Object.freeze({ tokenType, issuer, audience });

function adoptForm(form: EvidenceForm): EvidenceForm {
  const { tokenType, challenge } = form;
  return Object.freeze<EvidenceForm>({
    tokenType,
    challenge,
    parse(token, read) {
      let parsed: ReturnType<EvidenceForm['parse']>;
      try {
        parsed = form.parse(token, read);
      } catch (error) {
        throw recognise(error);
      }
      if (isRecord(parsed) && typeof parsed.issuer === 'string' && typeof parsed.audience === 'string') return parsed;
      throw new Refusal('internal', 'evidence_form_broken', `The form of ${tokenType} gives no issuer or audience.`);
    },
  });
}

interface Contract extends Declared {
  readonly host: AttestorHost;
}

/** @throws Error when it is not what its plan said */
function adoptAttestor(theirs: Attestor, accepts: readonly Route[], contract: Contract): Attestor {
  const { name } = contract;
  if (!isRecord(theirs) || typeof theirs.attest !== 'function' || typeof theirs.close !== 'function') {
    throw new Error(`attestor ${name}: its type creates no attestor, with attest and close`);
  }
  if (theirs.name !== name) throw new Error(`attestor ${name}: its type creates one of another name`);
  const { watched } = theirs;
  return Object.freeze<Attestor>({
    name,
    accepts,
    async attest(evidence, call) {
      let attestation: Attestation;
      try {
        attestation = await theirs.attest(evidence, call);
      } catch (error) {
        throw recognise(error);
      }
      return adoptAttestation(attestation, contract, contract.host.spiffeId(name));
    },
    ...(watched && { watched: () => watched.call(theirs) }),
    async close() {
      try {
        await theirs.close();
      } catch (cause) {
        // What is closed after it has to be closed all the same: the store, the records.
        contract.host.warn(`it could not be closed: ${messageOf(cause)}`);
      }
    },
  });
}
