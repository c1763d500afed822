/**
 * (d) What an exchange costs without a product around it: node:http, the form, verify RS256, sign ES256 in batches. No
 * rules, no record, no store, no look at a claim but `exp`. The gap from (a) to here is HTTP; from here to (b) it is us.
 * Run with the file of the cluster's JWK Set.
 */
import { createPublicKey, generateKeyPairSync, randomUUID, sign, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { issuer } from './workload.js';

const lifetime = 600;
const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
const decode = (text: string) => JSON.parse(Buffer.from(text, 'base64url').toString());

const [jwk] = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')).keys;
const theirs = createPublicKey({ key: jwk, format: 'jwk' });
const signing = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const ours = { key: signing.privateKey, dsaEncoding: 'ieee-p1363' } as const;
const published = { ...signing.publicKey.export({ format: 'jwk' }), kid: 'bench', alg: 'ES256', use: 'sig' };
const header = encode({ alg: 'ES256', typ: 'at+jwt', kid: published.kid });

let waiting: { readonly input: string; readonly res: ServerResponse }[] = [];

function answerAll(): void {
  const batch = waiting;
  waiting = [];
  for (const { input, res } of batch) {
    const signature = sign('SHA256', Buffer.from(input), ours).toString('base64url');
    answer(res, { access_token: `${input}.${signature}`, token_type: 'Bearer', expires_in: lifetime });
  }
}

function exchange(form: URLSearchParams, res: ServerResponse): void {
  const token = form.get('subject_token') ?? '';
  const lastDot = token.lastIndexOf('.');
  const signed = token.slice(0, lastDot);
  const [head = '', payload = ''] = signed.split('.');
  const { alg } = decode(head);
  const { sub, exp } = decode(payload);
  const now = Math.floor(Date.now() / 1000);
  const signature = Buffer.from(token.slice(lastDot + 1), 'base64url');
  if (alg !== 'RS256' || exp <= now || !verify('RSA-SHA256', Buffer.from(signed), theirs, signature)) {
    res.writeHead(400).end();
    return;
  }
  const claims = { iss: issuer, aud: form.get('resource'), sub, client_id: sub, iat: now, exp: now + lifetime };
  const input = `${header}.${encode({ ...claims, jti: randomUUID(), scope: form.get('scope') })}`;
  if (waiting.push({ input, res }) === 1) setImmediate(answerAll);
}

function answer(res: ServerResponse, value: unknown): void {
  const body = JSON.stringify(value);
  res.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) }).end(body);
}

const server = createServer((req, res) => {
  const chunks: Buffer[] = [];
  req.on('data', (chunk: Buffer) => chunks.push(chunk));
  req.on('end', () => {
    if (req.url === '/jwks') answer(res, { keys: [published] });
    else exchange(new URLSearchParams(Buffer.concat(chunks).toString('latin1')), res);
  });
});
server.listen(0, '127.0.0.1', () => {
  process.stderr.write(`listening on http://127.0.0.1:${(server.address() as AddressInfo).port}\n`);
});
process.once('SIGTERM', () => process.exit(0));
