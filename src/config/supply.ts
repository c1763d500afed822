/** What attestors can tell of a workload, for the rules that ask for it. */
import type { AttestorType } from '../../attestors/attestor.js';
import type { Supply } from '../policy/check.js';
import { valueAt } from './path.js';
import { type ModuleTypes, optionsOfBlock, typeOfBlock } from './schema.js';

/**
 * By the attestor's name. Rules need of most attestors only the type, so other faults of one hide none of theirs.
 * @returns undefined when an attestor has no type, or faults that leave open which selectors it gives
 */
export function supplyOf(values: unknown, modules: ModuleTypes): ReadonlyMap<string, Supply> | undefined {
  const blocks = valueAt(values, ['attestors']);
  if (typeof blocks !== 'object' || blocks === null || Array.isArray(blocks)) return undefined;
  const supply = new Map<string, Supply>();
  for (const name of Object.keys(blocks)) {
    const block = valueAt(blocks, [name]);
    const type = typeOfBlock(block, modules);
    const supplied = type && supplyOfBlock(type, block);
    if (supplied === undefined) return undefined;
    supply.set(name, supplied);
  }
  return supply;
}

/** @param block as the file has it */
function supplyOfBlock(type: AttestorType, block: unknown): Supply | undefined {
  const { selectorKinds, facts, nodeKind, selectorFault } = type;
  const fixed = { selectorKinds, facts, ...(nodeKind && { nodeKind }), ...(selectorFault && { selectorFault }) };
  if (type.mappedKinds === undefined && type.role === undefined) return fixed;
  const parsed = type.options.safeParse(optionsOfBlock(block));
  if (!parsed.success) return undefined;
  const kinds = new Set([...selectorKinds, ...(type.mappedKinds?.(parsed.data) ?? [])]);
  return { ...fixed, selectorKinds: [...kinds], role: type.role?.(parsed.data) ?? 'workload' };
}
