/** The one place that knows the library. It is loaded when the first expression is compiled: most policies have none. */
import { createRequire } from 'node:module';
import type { Environment } from '@marcbachmann/cel-js';
import { celFacts, claimsRoots, type FactRoot, factRoots } from './facts.js';

export type { ASTNode } from '@marcbachmann/cel-js';

/** The facts of a root, such as `workload`, for one evaluation. */
export type RootValues = new () => object;

export interface Engine {
  readonly environment: Environment;
  readonly roots: Readonly<Record<FactRoot, RootValues>>;
}

let engine: Engine | undefined;

export function loadEngine(): Engine {
  engine ??= createEngine();
  return engine;
}

/** What an expression may be, counted in parts and in levels of nesting. */
const limits = { maxAstNodes: 250, maxDepth: 24, maxListElements: 64, maxMapEntries: 16, maxCallArguments: 4 };

function createEngine(): Engine {
  const require = createRequire(import.meta.url);
  const cel = require('@marcbachmann/cel-js') as typeof import('@marcbachmann/cel-js');
  const environment = new cel.Environment({ limits });
  const roots = Object.fromEntries(
    factRoots.map((root) => [root, registerRoot(environment, root)]),
  ) as unknown as Engine['roots'];
  environment.registerVariable('now', 'google.protobuf.Timestamp');
  return Object.freeze({ environment, roots });
}

/** A type of its own with these fields and no others, so that a misspelt one is an error when it is compiled. */
function registerRoot(environment: Environment, root: FactRoot): RootValues {
  const values = class {};
  const fields = Object.fromEntries(
    Object.entries(celFacts).flatMap(([name, { type }]) =>
      name.startsWith(`${root}.`) ? [[name.slice(root.length + 1), type]] : [],
    ),
  );
  if (claimsRoots.some((of) => of === root)) fields.claims = 'map<string, dyn>';
  const type = `counterseal.${root}`;
  environment.registerType(type, { ctor: values, fields });
  environment.registerVariable(root, type);
  return values;
}
