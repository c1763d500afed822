/** Holds an answer against what is expected of it. */
import { compactVerify, createLocalJWKSet, type JSONWebKeySet } from 'jose';
import type { Check, Matcher } from './case.js';
import type { Answer } from './http.js';
import { claimsOf } from './jws.js';
import type { World } from './world.js';

/** What does not hold, in words without secrets; empty: all does. @throws Error when the key set is needed, and cannot be had */
export async function faultsOf(checks: readonly Check[], answer: Answer, world: World): Promise<readonly string[]> {
  const faults: string[] = [];
  for (const check of checks) faults.push(...(await faultsOfOne(check, answer, world)).map(world.redact));
  return faults;
}

async function faultsOfOne(check: Check, answer: Answer, world: World): Promise<readonly string[]> {
  switch (check.kind) {
    case 'status':
      return check.anyOf.includes(answer.status)
        ? []
        : [`expected status ${words(check.anyOf)}; found ${answer.status}`];
    case 'error': {
      const error = answer.json?.error;
      const holds = check.anyOf.some((one) => one === error);
      return holds ? [] : [`expected error ${words(check.anyOf)}; found ${shown(error)}`];
    }
    case 'header':
      return matched(`header ${check.name}`, check.is, answer.headers.get(check.name.toLowerCase()), world);
    case 'member':
      return answer.json === undefined
        ? [`expected a JSON object with ${check.name}; found no JSON object`]
        : matched(check.name, check.is, answer.json[check.name], world);
    case 'jwt':
      return jwtFaults(check, answer, world);
    case 'claim':
      return matched(`claim ${check.name}`, check.is, claimsOf(jwtIn(check.of, answer) ?? '')?.[check.name], world);
    case 'quiet':
      return world.wasTrapReached() ? ['expected no request to where the evidence led; one came'] : [];
    case 'either': {
      const tries = await Promise.all(check.of.map((checks) => faultsOf(checks, answer, world)));
      return tries.some((faults) => faults.length === 0)
        ? []
        : [tries.map((faults) => faults.join(', ')).join('; or ')];
    }
  }
}

const words = (list: readonly unknown[]) => list.join(' or ');

const shown = (value: unknown): string => (value === undefined ? 'none' : JSON.stringify(value));

function matched(name: string, is: Matcher, value: unknown, world: World): readonly string[] {
  return is.holds(value, world) ? [] : [`expected ${name}: ${is.words}; found ${shown(value)}`];
}

/** `body`, or the name of a member. */
function jwtIn(of: string, { text, json }: Answer): string | undefined {
  const found = of === 'body' ? text : json?.[of];
  return typeof found === 'string' ? found : undefined;
}

/** Of an authorization server's own JWTs: asymmetric alone, so that a resource server can verify them. */
const algorithms = [
  'ES256',
  'ES384',
  'ES512',
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'EdDSA',
  'Ed25519',
];

async function jwtFaults(check: Check & { kind: 'jwt' }, answer: Answer, world: World): Promise<readonly string[]> {
  const jwt = jwtIn(check.of, answer);
  if (jwt === undefined) return [`expected a JWT in ${check.of}; found none`];
  world.redact.learn(jwt);
  const keys = createLocalJWKSet({ keys: (await world.server.keys()) as unknown as JSONWebKeySet['keys'] });
  try {
    const { protectedHeader } = await compactVerify(jwt, keys, { algorithms });
    // RFC 7515 §4.1.9: the prefix may be left out, and media types have no case.
    const type = String(protectedHeader.typ)
      .toLowerCase()
      .replace(/^application\//, '');
    return type === check.type
      ? []
      : [`expected typ ${check.type} in ${check.of}; found ${shown(protectedHeader.typ)}`];
  } catch (error) {
    return [`expected ${check.of} to verify by the key set; ${(error as Error).message}`];
  }
}
