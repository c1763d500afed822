/**
 * (a) What the cryptography alone costs, and no service can beat without a cache: take a JWT apart, verify RS256, build
 * the claims of an access token, sign ES256. Synchronous node:crypto, keys imported once, nothing else. A process of its
 * own, on the services' core. Options are JSON in argv; the result is one line of JSON.
 */
import { createPublicKey, generateKeyPairSync, randomUUID, sign, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type Exchange, issuer, readExchanges } from './workload.js';

export interface CryptoOptions {
  readonly jwksFile: string;
  readonly exchangesFile: string;
  readonly seconds: number;
}

export interface CryptoResult {
  readonly operations: number;
  readonly cpuSeconds: number;
}

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
const decode = (text: string) => JSON.parse(Buffer.from(text, 'base64url').toString());

function createOperation(jwksFile: string): (exchange: Exchange) => string {
  const [jwk] = JSON.parse(readFileSync(jwksFile, 'utf8')).keys;
  const theirs = createPublicKey({ key: jwk, format: 'jwk' });
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const ours = { key: privateKey, dsaEncoding: 'ieee-p1363' } as const;
  const header = encode({ alg: 'ES256', typ: 'at+jwt', kid: randomUUID() });

  return ({ token, resource, scope }) => {
    const lastDot = token.lastIndexOf('.');
    const signed = token.slice(0, lastDot);
    const [head = '', payload = ''] = signed.split('.');
    const { alg } = decode(head);
    const { sub, exp, aud } = decode(payload);
    const now = Math.floor(Date.now() / 1000);
    const signature = Buffer.from(token.slice(lastDot + 1), 'base64url');
    const good = alg === 'RS256' && exp > now && aud[0] === issuer;
    if (!good || !verify('RSA-SHA256', Buffer.from(signed), theirs, signature))
      throw new Error('a token did not verify');
    const claims = {
      iss: issuer,
      aud: resource,
      sub,
      client_id: sub,
      iat: now,
      exp: now + 600,
      jti: randomUUID(),
      scope,
    };
    const signingInput = `${header}.${encode(claims)}`;
    return `${signingInput}.${sign('SHA256', Buffer.from(signingInput), ours).toString('base64url')}`;
  };
}

function run({ jwksFile, exchangesFile, seconds }: CryptoOptions): CryptoResult {
  const operation = createOperation(jwksFile);
  const exchanges = readExchanges(exchangesFile);
  for (const exchange of exchanges) for (let warming = 0; warming < 10; warming++) operation(exchange);
  const before = process.cpuUsage();
  const until = performance.now() + seconds * 1000;
  let operations = 0;
  while (performance.now() < until) {
    operation(exchanges[operations++ % exchanges.length] as Exchange);
  }
  const { user, system } = process.cpuUsage(before);
  return { operations, cpuSeconds: (user + system) / 1e6 };
}

process.stdout.write(`${JSON.stringify(run(JSON.parse(process.argv[2] ?? '')))}\n`);
