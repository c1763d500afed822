/** Targets and scopes that are refused, by each grant in the same way. */
import { type Case, type Need, rfc } from '../case.js';
import { refused } from '../matchers.js';
import { type Grant, grants, needsOf, resource, tokenRequest } from './grants.js';
import type { Row } from './requests.js';

interface TargetRow extends Row {
  readonly needs?: readonly Need[];
}

const unknown = 'https://unknown.conformance.example/api';
const target = rfc(8707, '2');
const scope = rfc(6749, '5.2');

const rows: readonly TargetRow[] = [
  {
    id: 'relative-resource',
    title: 'a relative resource',
    change: { resource: '/mcp' },
    error: 'invalid_target',
    section: target,
  },
  {
    id: 'resource-with-fragment',
    title: 'a resource with a fragment',
    change: { resource: ({ profile }) => `${profile.target.resource}#part` },
    error: 'invalid_target',
    section: target,
  },
  {
    id: 'unknown-resource',
    title: 'a resource that nobody knows',
    change: { resource: unknown },
    error: 'invalid_target',
    section: target,
  },
  {
    id: 'longer-resource',
    title: 'a resource that begins with a known one',
    change: { resource: ({ profile }) => `${profile.target.resource}.conformance.example` },
    error: 'invalid_target',
    section: target,
  },
  {
    id: 'refused-resource',
    title: 'a resource that the workload gets nothing for',
    change: { resource: ({ profile }) => profile.target.refused ?? '' },
    error: 'invalid_target',
    section: target,
    needs: ['target.refused'],
  },
  {
    id: 'further-resource',
    title: 'a further resource that nobody knows',
    change: { resource: [resource, unknown] },
    error: 'invalid_target',
    section: target,
  },
  {
    id: 'malformed-scope',
    title: 'a scope with a quotation mark',
    change: { scope: 'read"calendar' },
    error: 'invalid_scope',
    section: scope,
  },
  {
    id: 'unknown-scope',
    title: 'a scope of which nothing is granted',
    change: { scope: 'conformance:unheard-of' },
    error: 'invalid_scope',
    section: scope,
  },
];

const audiences: readonly TargetRow[] = [
  {
    id: 'unknown-audience',
    title: 'an audience that nobody knows',
    change: { resource: undefined, audience: unknown },
    error: 'invalid_target',
    section: rfc(8693, '2.2.2'),
  },
  {
    id: 'further-audience',
    title: 'an audience that nobody knows beside a resource',
    change: { audience: unknown },
    error: 'invalid_target',
    section: rfc(8693, '2.2.2'),
  },
];

const refusal =
  (grant: Grant) =>
  ({ id, title, change, error, section, needs = [] }: TargetRow): Case => ({
    id: `${grant.name}/${id}`,
    title: `refuses ${title}`,
    section,
    level: 'must',
    needs: [...needsOf(grant), ...needs],
    steps: [{ request: tokenRequest(grant, { change }), expect: refused([400], error) }],
  });

export const targets: readonly Case[] = grants.flatMap((grant) => [
  ...rows.map(refusal(grant)),
  ...(grant.name === 'token-exchange' ? audiences.map(refusal(grant)) : []),
]);
