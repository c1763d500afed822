/** DPoP (RFC 9449 §4.3): a proof that is good, and proofs that are wrong in one part each. */
import { createHmac, randomUUID } from 'node:crypto';
import { type Case, type Check, rfc, type Section, type Value } from '../case.js';
import { encode, type Members, publicJwk, signJwt } from '../jws.js';
import { claim, granted, header, jwt, matching, member, refused, text } from '../matchers.js';
import { sha256 } from '../request.js';
import { endpointOf, type World } from '../world.js';
import { type Grant, grants, needsOf, tokenRequest } from './grants.js';

interface Changes {
  readonly header?: (world: World) => Members;
  readonly claims?: (url: string) => Members;
}

/** Seconds. */
const hour = 3600;
const now = () => Math.floor(Date.now() / 1000);

const partsOf = async (world: World, { header, claims }: Changes) => {
  const url = await endpointOf(world, 'token');
  const { nonce, keys } = world;
  return {
    header: { typ: 'dpop+jwt', kid: undefined, jwk: publicJwk(keys.proof), ...header?.(world) },
    claims: { jti: randomUUID(), htm: 'POST', htu: url, iat: now(), ...(nonce && { nonce }), ...claims?.(url) },
  };
};

async function makeProof(world: World, changes: Changes = {}): Promise<string> {
  const { header, claims } = await partsOf(world, changes);
  const made = signJwt(world.keys.proof, claims, header);
  world.redact.learn(made);
  return made;
}

const proof =
  (changes: Changes = {}): Value =>
  (world) =>
    makeProof(world, changes);

const keptProof: Value = async (world) => {
  const made = await makeProof(world);
  world.kept.set('proof', made);
  return made;
};

const hmacProof: Value = async (world) => {
  const { header, claims } = await partsOf(world, {});
  const input = `${encode(JSON.stringify({ ...header, alg: 'HS256' }))}.${encode(JSON.stringify(claims))}`;
  return `${input}.${createHmac('sha256', JSON.stringify(header.jwk)).update(input).digest('base64url')}`;
};

const unsignedProof: Value = async (world) => {
  const { header, claims } = await partsOf(world, { header: () => ({ alg: 'none' }) });
  return `${encode(JSON.stringify(header))}.${encode(JSON.stringify(claims))}.`;
};

const alteredProof: Value = async (world) => {
  const [header, , signature] = (await makeProof(world)).split('.');
  const { claims } = await partsOf(world, {});
  return `${header}.${encode(JSON.stringify(claims))}.${signature}`;
};

const proven = (shown: Value | readonly Value[], grant: Grant | 'any' = 'any') =>
  tokenRequest(grant, {}, { headers: [shown].flat().map((value) => ['DPoP', value] as const) });

/** RFC 7638 §3. */
const thumbprint = ({ keys }: World): string => {
  const { crv, kty, x, y } = publicJwk(keys.proof);
  return sha256(JSON.stringify({ crv, kty, x, y }));
};

const bound: readonly Check[] = [...granted, member('token_type', matching('DPoP', /^dpop$/i))];

const toKey = claim('access_token', 'cnf', {
  words: 'the thumbprint of the key of the proof, as jkt',
  holds: (value, world) => (value as { jkt?: unknown } | undefined)?.jkt === thumbprint(world),
});

const section = (number: string): Section => ({ ...rfc(9449, '4.3'), name: `RFC 9449 §4.3, ${number}` });

interface Row {
  readonly id: string;
  readonly title: string;
  readonly section: Section;
  readonly proof: Value | readonly Value[];
}

const headed = (header: (world: World) => Members) => proof({ header });
const claiming = (claims: (url: string) => Members) => proof({ claims });

const wrong: readonly Row[] = [
  { id: 'two-proofs', title: 'two DPoP headers', section: section('1'), proof: [proof(), proof()] },
  { id: 'garbage', title: 'text that is no JWT', section: section('2'), proof: 'garbage' },
  { id: 'no-jti', title: 'no jti', section: section('3'), proof: claiming(() => ({ jti: undefined })) },
  { id: 'no-htm', title: 'no htm', section: section('3'), proof: claiming(() => ({ htm: undefined })) },
  { id: 'no-htu', title: 'no htu', section: section('3'), proof: claiming(() => ({ htu: undefined })) },
  { id: 'no-iat', title: 'no iat', section: section('3'), proof: claiming(() => ({ iat: undefined })) },
  { id: 'text-iat', title: 'iat as text', section: section('3'), proof: claiming(() => ({ iat: String(now()) })) },
  { id: 'no-jwk', title: 'no jwk', section: section('3'), proof: headed(() => ({ jwk: undefined })) },
  { id: 'no-typ', title: 'no typ', section: section('4'), proof: headed(() => ({ typ: undefined })) },
  { id: 'other-typ', title: 'typ JWT', section: section('4'), proof: headed(() => ({ typ: 'JWT' })) },
  { id: 'alg-none', title: 'alg none', section: section('5'), proof: unsignedProof },
  { id: 'symmetric', title: 'a symmetric alg with the public key as secret', section: section('5'), proof: hmacProof },
  {
    id: 'other-alg',
    title: 'an alg that the key is not for',
    section: section('5'),
    proof: headed(() => ({ alg: 'RS256' })),
  },
  { id: 'altered', title: 'claims that were changed after signing', section: section('6'), proof: alteredProof },
  {
    id: 'other-key',
    title: 'the key of somebody else',
    section: section('6'),
    proof: headed(({ keys }) => ({ jwk: publicJwk(keys.other) })),
  },
  {
    id: 'private-jwk',
    title: 'a private key as jwk',
    section: section('7'),
    proof: headed(({ keys }) => ({ jwk: keys.proof.privateKey.export({ format: 'jwk' }) })),
  },
  {
    id: 'symmetric-jwk',
    title: 'a symmetric key as jwk',
    section: section('5'),
    proof: headed(() => ({ jwk: { kty: 'oct', k: encode(randomUUID()) } })),
  },
  {
    id: 'other-method',
    title: 'htm of another method',
    section: section('8'),
    proof: claiming(() => ({ htm: 'GET' })),
  },
  {
    id: 'small-method',
    title: 'htm in small letters',
    section: section('8'),
    proof: claiming(() => ({ htm: 'post' })),
  },
  {
    id: 'other-path',
    title: 'htu of another path',
    section: section('9'),
    proof: claiming((url) => ({ htu: `${url}/other` })),
  },
  {
    id: 'other-host',
    title: 'htu of another host',
    section: section('9'),
    proof: claiming((url) => ({ htu: `https://other.conformance.example${new URL(url).pathname}` })),
  },
  { id: 'old', title: 'iat an hour ago', section: section('11'), proof: claiming(() => ({ iat: now() - hour })) },
  { id: 'ahead', title: 'iat in an hour', section: section('11'), proof: claiming(() => ({ iat: now() + hour })) },
  {
    id: 'critical',
    title: 'a critical header that nobody knows',
    section: rfc(7515, '4.1.11'),
    proof: headed(() => ({ crit: ['conformance'], conformance: true })),
  },
];

const refusedProof = refused([400, 401], 'invalid_dpop_proof');

/** On no grant is a proof without effect. */
const ofGrant = (grant: Grant): readonly Case[] => [
  {
    id: `${grant.name}/dpop-bound`,
    title: 'a token of type DPoP for a request with a proof',
    section: rfc(9449, '5'),
    level: 'must',
    needs: [...needsOf(grant), 'dpop'],
    steps: [{ request: proven(proof(), grant), expect: bound }],
  },
  {
    id: `${grant.name}/dpop-altered`,
    title: 'refuses a proof whose claims were changed after signing',
    section: section('6'),
    level: 'must',
    needs: [...needsOf(grant), 'dpop'],
    steps: [{ request: proven(alteredProof, grant), expect: refusedProof }],
  },
];

const nonceNeeded: readonly Check[] = [...refused([400, 401], 'use_dpop_nonce'), header('DPoP-Nonce', text)];

/** RFC 9449 §8: where the server wants nonces for the resource of the profile. */
const nonces: readonly Case[] = [
  {
    id: 'dpop/nonce-missing',
    title: 'asks for a nonce, and accepts a proof with it',
    section: rfc(9449, '8'),
    level: 'must',
    needs: ['dpop', 'dpop-nonce'],
    steps: [
      { request: proven(proof()), expect: nonceNeeded },
      { request: proven(proof()), expect: bound },
    ],
  },
  {
    id: 'dpop/nonce-unknown',
    title: 'asks for another nonce where it did not give the one of the proof',
    section: rfc(9449, '8'),
    level: 'must',
    needs: ['dpop', 'dpop-nonce'],
    steps: [{ request: proven(claiming(() => ({ nonce: 'conformance-unheard-of' }))), expect: nonceNeeded }],
  },
];

export const dpop: readonly Case[] = [
  ...grants.flatMap(ofGrant),
  ...nonces,
  {
    id: 'dpop/thumbprint',
    title: 'the token is bound to the key of the proof',
    section: rfc(9449, '6.1'),
    level: 'must',
    needs: ['dpop', 'jwt-access-token'],
    steps: [{ request: proven(proof()), expect: [...bound, jwt('access_token', 'at+jwt'), toKey] }],
  },
  {
    id: 'dpop/query-in-htu',
    title: 'htu is compared without query and fragment',
    section: section('9'),
    level: 'must',
    needs: ['dpop'],
    steps: [{ request: proven(claiming((url) => ({ htu: `${url}?a=b#c` }))), expect: bound }],
  },
  {
    id: 'dpop/host-in-capitals',
    title: 'htu is compared after normalisation',
    section: section('9'),
    level: 'should',
    needs: ['dpop'],
    steps: [
      {
        request: proven(
          claiming((url) => ({ htu: url.replace(/^[a-z]+:\/\/[^/]+/i, (origin) => origin.toUpperCase()) })),
        ),
        expect: bound,
      },
    ],
  },
  {
    id: 'dpop/used-twice',
    title: 'refuses a proof that was used before',
    section: rfc(9449, '11.1'),
    level: 'must',
    needs: ['dpop'],
    steps: [
      { request: proven(keptProof), expect: bound },
      { request: proven(({ kept }) => kept.get('proof') ?? ''), expect: refusedProof },
    ],
  },
  ...wrong.map(
    (row): Case => ({
      id: `dpop/${row.id}`,
      title: `refuses a proof: ${row.title}`,
      section: row.section,
      level: 'must',
      needs: ['dpop'],
      steps: [{ request: proven(row.proof), expect: refusedProof }],
    }),
  ),
];
