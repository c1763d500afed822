/** Arbitrary details over two tools, and calls of them: small enough that schemas and arguments often meet. */
import fc from 'fast-check';
import { type AuthorizationDetails, readDetails, written } from '../../src/authorization-details/details.js';

const bound = fc.integer({ min: 0, max: 4 });
const maybe = <Value>(arbitrary: fc.Arbitrary<Value>) => fc.option(arbitrary, { nil: undefined });
const text = fc.constantFrom('', 'a', 'ab', 'b', 'aab');

const scalar: fc.Arbitrary<unknown> = fc.oneof(
  fc.record({
    type: fc.constantFrom('integer', 'number'),
    minimum: maybe(bound),
    maximum: maybe(bound),
    exclusiveMaximum: maybe(bound),
  }),
  fc.record({ type: fc.constant('integer'), multipleOf: fc.constantFrom(1, 2) }),
  fc.record({
    type: fc.constant('string'),
    minLength: maybe(fc.constantFrom(0, 1)),
    maxLength: maybe(fc.constantFrom(1, 2)),
    pattern: maybe(fc.constantFrom('^a*$', '^.b?$', '^(?:a|ab)$')),
  }),
  fc.record({ const: fc.constantFrom(1, 'a', true, null) }),
  fc.record({ enum: fc.uniqueArray(fc.oneof(bound, text), { minLength: 1, maxLength: 3 }) }),
  fc.constant({ type: 'boolean' }),
);

const value: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 4, arbitrary: scalar },
  { weight: 1, arbitrary: scalar.map((items) => ({ type: 'array', items, maxItems: 2 })) },
  { weight: 1, arbitrary: fc.tuple(scalar, scalar).map((anyOf) => ({ anyOf })) },
  { weight: 1, arbitrary: fc.tuple(scalar, scalar).map((allOf) => ({ allOf })) },
);

const schema = fc
  .record({
    x: maybe(value),
    y: maybe(value),
    required: fc.boolean(),
    additionalProperties: maybe(fc.boolean()),
  })
  .map(({ x, y, required, additionalProperties }) => ({
    type: 'object',
    properties: { ...(x !== undefined && { x }), ...(y !== undefined && { y }) },
    ...(required && x !== undefined && { required: ['x'] }),
    ...(additionalProperties !== undefined && { additionalProperties }),
  }));

export const toolNames = ['list', 'pay'];

const anyDetails: fc.Arbitrary<unknown> = fc
  .uniqueArray(fc.record({ name: fc.constantFrom(...toolNames), arguments: maybe(schema) }), {
    selector: ({ name }) => name,
    minLength: 1,
  })
  .map((tools) => JSON.parse(JSON.stringify([{ type: 'mcp_tools', tools }])) as unknown);

/** As a rule or a request has them. Of a pool: making them anew costs more than all else. */
export const rawDetails = fc.constantFrom(...fc.sample(anyDetails, 200));

export const details: fc.Arbitrary<AuthorizationDetails> = rawDetails.map((raw) => readDetails(raw, written));

const argument = fc.oneof(
  bound,
  text,
  fc.boolean(),
  fc.constantFrom<unknown>(null, 1.5, -1),
  fc.array(fc.oneof(bound, text), { maxLength: 3 }),
);

export const call = fc.record({
  tool: fc.constantFrom(...toolNames, 'other'),
  args: fc.dictionary(fc.constantFrom('x', 'x', 'y', 'z'), argument, { maxKeys: 3, noNullPrototype: true }),
});

/** The same ones in each run. */
export const calls = fc.sample(call, { numRuns: 10, seed: 42 });
