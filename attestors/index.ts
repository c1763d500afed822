/** Every kind of attestor there is. A new one is one import and one line here. */
import type { AttestorType } from './attestor.js';
import { aws } from './aws/index.js';
import { azure } from './azure/index.js';
import { client } from './client/index.js';
import { kubernetes } from './kubernetes/index.js';
import { oidc } from './oidc/index.js';

/** By the `type` of the configuration. */
export const attestorTypes: ReadonlyMap<string, AttestorType> = mapByType([
  aws as AttestorType,
  azure as AttestorType,
  client as AttestorType,
  kubernetes as AttestorType,
  oidc as AttestorType,
]);

/** @throws Error for two attestors of one type: a mistake in this file */
function mapByType(types: readonly AttestorType[]): ReadonlyMap<string, AttestorType> {
  const map = new Map(types.map((type) => [type.type, type]));
  if (map.size !== types.length) throw new Error('two attestors have the same type');
  return map;
}
