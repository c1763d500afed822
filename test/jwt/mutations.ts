/** Mutated tokens from a seed: the same ones in every run. */
import { audience, claims, encode, issuer, keys, now, signText, type TestKey } from '../support/tokens.js';

/** Whole numbers from 0 up to, but not including, the limit. */
export type Random = (limit: number) => number;

/** Mulberry32. */
export function seeded(seed: number): Random {
  let state = seed;
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), 1 | state);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return Math.floor((((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32) * limit);
  };
}

export interface MutatedToken {
  readonly text: string;
  readonly mutations: readonly string[];
  /** Whether it was signed after the mutation. */
  readonly signedAgain: boolean;
}

type Members = Record<string, unknown>;
type MemberMutation = (members: Members, random: Random) => void;
type TextMutation = (text: string, random: Random) => string | Buffer;
type TokenMutation = (parts: Parts, random: Random) => string;

interface Parts {
  readonly header: string;
  readonly payload: string;
  readonly signature: string;
  readonly key: TestKey;
}

const pick = <Item>(random: Random, items: readonly Item[]): Item => items[random(items.length)] as Item;

const setting =
  (name: string, ...values: readonly unknown[]): MemberMutation =>
  (members, random) => {
    members[name] = pick(random, values);
  };

const times = [null, '', `${now + 60}`, true, [], {}, -1, -1e9, now + 0.25, 2 ** 40, 2 ** 53, 1e300, undefined];

/** A token after one of these is as good as before. */
const harmlessClaims: Readonly<Record<string, MemberMutation>> = {
  'another exp': (members, random) => {
    members.exp = now + 1 + random(3600);
  },
  'another iat': (members, random) => {
    members.iat = now - random(3000) + 60;
  },
  'another nbf': setting('nbf', 0, now, now + 30, now + 60, undefined),
  'aud in another form': setting('aud', audience, [audience], [audience, audience]),
  'another sub': setting('sub', 'a', 'über', '日本', '😀', undefined, null, 1),
  'a further claim': (members, random) => {
    members[`claim-${random(1000)}`] = pick<unknown>(random, ['x', 1, null, [1, 2], { a: { a: 1 } }, ':"{}', '\\', '']);
  },
};

const hostileClaims: Readonly<Record<string, MemberMutation>> = {
  'exp in another form': setting('exp', ...times),
  'iat in another form': setting('iat', ...times),
  'nbf in another form': setting('nbf', ...times),
  'exp in the past': setting('exp', now, now - 1, now - 30, now - 61, 0),
  'nbf in the future': setting('nbf', now + 61, now + 3000),
  'iat in the future': setting('iat', now + 61, now + 3000),
  'exp before iat': (members) => Object.assign(members, { iat: now + 30, exp: now + 1 + 20 }),
  'a long lifetime': setting('exp', now + 7191, now + 1e6),
  'another aud': setting('aud', undefined, null, '', [], [''], [audience, ''], [audience, 1], audience.slice(1), {}),
  'further audiences': setting('aud', [audience, 'https://other'], ['https://other', audience]),
  'another iss': setting(
    'iss',
    undefined,
    null,
    '',
    `${issuer}/`,
    issuer.toUpperCase(),
    [issuer],
    'https://evil.example',
  ),
  'a chain of actors': setting('act', null, { sub: 'x' }, 'x'),
  'a chain to come': setting('may_act', null, { sub: 'x' }, 'x'),
};

const harmlessHeader: Readonly<Record<string, MemberMutation>> = {
  'typ JWT': setting('typ', 'JWT', 'jwt', undefined),
  'a further header parameter': setting('x5t', 'abc', 1, null, {}),
  cty: setting('cty', 'json'),
};

const hostileHeader: Readonly<Record<string, MemberMutation>> = {
  'another alg': setting(
    'alg',
    undefined,
    null,
    '',
    'none',
    'HS256',
    'PS256',
    'es256',
    'RS256',
    'ES256',
    'ES384',
    'EdDSA',
    1,
  ),
  'another kid': setting(
    'kid',
    undefined,
    null,
    '',
    1,
    'other',
    '../x',
    'https://evil.example',
    'key-RS256',
    'key-ES256',
  ),
  'another typ': setting('typ', 'at+jwt', 'JOSE', '', null, 1),
  crit: setting('crit', [], ['exp'], ['b64'], null, 'exp'),
  b64: setting('b64', true, false, null),
  'a key in the header': (members, random) => {
    members[pick(random, ['jwk', 'jku', 'x5u', 'x5c'])] = pick<unknown>(random, [
      keys.ES256.jwk,
      'https://evil.example',
      [],
      null,
    ]);
  },
};

const spaces = [' ', '\n', '\t', '\r\n'];

const harmlessText: Readonly<Record<string, TextMutation>> = {
  'white space': (text, random) =>
    `${pick(random, spaces)}${JSON.stringify(JSON.parse(text), null, random(3))}${pick(random, spaces)}`,
  'another order': (text) => JSON.stringify(Object.fromEntries(Object.entries(JSON.parse(text)).reverse())),
  'an escaped name': (text) =>
    text.replace(/"([a-z])/, (_all, letter: string) => `"\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`),
  'a number with an exponent': (text) => text.replace(/:(\d{10})(?=[,}])/, ':$1e0'),
  'a number with a fraction of zero': (text) => text.replace(/:(\d{10})(?=[,}])/, ':$1.00'),
};

const addMember = (text: string, member: string) => `${text.slice(0, -1)},${member}}`;

const hostileText: Readonly<Record<string, TextMutation>> = {
  'a repeated member': (text, random) =>
    addMember(text, pick(random, ['"exp":1', '"alg":"ES256"', '"\\u0069ss":"x"', '"x":1,"x":1'])),
  'a repeated member within': (text) => addMember(text, '"y":[{"z":{"a":1,"\\u0061":1}}]'),
  'a member named __proto__': (text, random) =>
    addMember(text, pick(random, ['"__proto__":{"exp":1}', '"y":{"__proto__":1}'])),
  'half of a surrogate pair': (text, random) => addMember(text, pick(random, ['"y":"\\udc00"', '"\\ud800":1'])),
  'deep nesting': (text) => addMember(text, `"y":${'['.repeat(30)}${']'.repeat(30)}`),
  'a byte order mark': (text) => `\ufeff${text}`,
  'bytes that are not UTF-8': (text, random) =>
    Buffer.concat([
      Buffer.from(text.slice(0, -1)),
      Buffer.from(',"y":"'),
      Buffer.from([pick(random, [0xff, 0xc0, 0x80])]),
      Buffer.from('"}'),
    ]),
  'no JSON': (text, random) => pick(random, [text.slice(0, -1), `${text}}`, `${text},`, '', text.replaceAll('"', "'")]),
  'no object': (text, random) => pick(random, [`[${text}]`, 'null', '1', '"x"', JSON.stringify(text)]),
  'much text': (text, random) => addMember(text, `"y":"${'y'.repeat(12_000 + random(3000))}"`),
};

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const join = ({ header, payload, signature }: Parts) => `${header}.${payload}.${signature}`;

/** A text of another spelling that a lenient decoder reads as the same bytes. */
function respell(text: string, random: Random): string {
  const last = alphabet.indexOf(text.slice(-1));
  const unused = text.length % 4 === 2 ? 16 : text.length % 4 === 3 ? 4 : 1;
  return pick(random, [
    `${text}=`,
    `${text}==`,
    text.replaceAll('-', '+').replaceAll('_', '/'),
    text.slice(0, -1) + (alphabet[last - (last % unused) + random(unused)] ?? ''),
    `${text}\n`,
    ` ${text}`,
    `${text.slice(0, 10)}\n${text.slice(10)}`,
  ]);
}

/** Changes after signing. */
const afterwards: Readonly<Record<string, TokenMutation>> = {
  'a changed character': (parts, random) => {
    const text = join(parts);
    const at = random(text.length);
    return text.slice(0, at) + pick(random, [...alphabet, '.', '=', ' ']) + text.slice(at + 1);
  },
  'a lost character': (parts, random) => {
    const text = join(parts);
    const at = random(text.length);
    return text.slice(0, at) + text.slice(at + 1);
  },
  'a further character': (parts, random) => {
    const text = join(parts);
    const at = random(text.length + 1);
    return text.slice(0, at) + pick(random, [...alphabet]) + text.slice(at);
  },
  'a signature spelt otherwise': (parts, random) => join({ ...parts, signature: respell(parts.signature, random) }),
  'a payload spelt otherwise': (parts, random) => join({ ...parts, payload: respell(parts.payload, random) }),
  'another signature': (parts, random) => {
    const length = Buffer.from(parts.signature, 'base64url').length;
    const other = signText(pick(random, Object.values(keys)), `${parts.payload}.${parts.header}`);
    return join({
      ...parts,
      signature: encode(pick(random, [other, Buffer.alloc(length), Buffer.alloc(0), Buffer.alloc(length, 1)])),
    });
  },
  'another header': (parts, random) => {
    const header = encode(
      JSON.stringify({ alg: pick(random, ['none', 'HS256', 'RS256', 'ES256']), kid: parts.key.kid }),
    );
    return join({ ...parts, header });
  },
  'another payload': (parts) => join({ ...parts, payload: encode(JSON.stringify({ ...claims, sub: 'admin' })) }),
  'another structure': ({ header, payload, signature, key }, random) =>
    pick(random, [
      `${header}.${payload}`,
      `${header}.${payload}.`,
      `${header}..${signature}`,
      `.${payload}.${signature}`,
      `${header}.${payload}.${signature}.`,
      `${payload}.${header}.${signature}`,
      `${header}.${encode(key.kid)}.${payload}.${payload}.${signature}`,
      JSON.stringify({ protected: header, payload, signature }),
      `Bearer ${header}.${payload}.${signature}`,
    ]),
};

/** Members, then their text, then perhaps its base64url, are mutated; then the token is signed. */
export function mutate(random: Random): MutatedToken {
  const key = pick(random, Object.values(keys));
  const header: Members = { alg: key.algorithm, kid: key.kid };
  const payload: Members = { ...claims };
  const mutations: string[] = [];
  function choose<Mutation>(from: Readonly<Record<string, Mutation>>): Mutation {
    const name = pick(random, Object.keys(from));
    mutations.push(name);
    return from[name] as Mutation;
  }
  const kind = random(10);
  choose(harmlessClaims)(payload, random);
  if (random(2) === 0) choose(harmlessHeader)(header, random);
  if (kind === 5) choose(hostileHeader)(header, random);
  if (kind === 6) choose(hostileClaims)(payload, random);
  let headerText: string | Buffer = JSON.stringify(header);
  let payloadText: string | Buffer = JSON.stringify(payload);
  if (random(3) === 0) headerText = choose(harmlessText)(headerText, random);
  if (random(2) === 0) payloadText = choose(harmlessText)(payloadText, random);
  if (kind === 7 && random(4) === 0) headerText = choose(hostileText)(String(headerText).trim(), random);
  else if (kind === 7) payloadText = choose(hostileText)(String(payloadText).trim(), random);
  const encoded = { header: encode(headerText), payload: encode(payloadText) };
  if (kind === 4 && random(4) === 0) {
    mutations.push('base64url spelt otherwise');
    encoded.payload = respell(encoded.payload, random);
  }
  const signature = encode(signText(key, `${encoded.header}.${encoded.payload}`));
  const parts = { ...encoded, signature, key };
  if (kind < 8) return { text: join(parts), mutations, signedAgain: true };
  return { text: choose(afterwards)(parts, random), mutations, signedAgain: false };
}
