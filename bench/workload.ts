/** What both services are asked to do: tokens as a kubelet projects them, of a few workloads of one cluster. */
import { createSign, generateKeyPairSync, type KeyObject, randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The audience of the tokens, and the `iss` of what is issued. Only a name: the services listen on loopback. */
export const issuer = 'https://sts.bench.example';
export const clusterIssuer = 'https://kubernetes.default.svc';
export const grantType = 'urn:ietf:params:oauth:grant-type:token-exchange';
export const jwtType = 'urn:ietf:params:oauth:token-type:jwt';

/** oidc-provider knows clients only by registration. */
export const oidcClient = 'bench';

/** Enough that no cache of a handful of tokens explains a result. */
const tokenCount = 500;

export interface Workload {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly resource: string;
  readonly scope: string;
}

export const workloads: readonly Workload[] = [
  workload('agents', 'calendar-agent', 'https://calendar.example/mcp', 'read:calendar'),
  workload('agents', 'mail-agent', 'https://mail.example/mcp', 'read:mail'),
  workload('finance', 'payroll-job', 'https://payroll.example', 'read:salaries'),
  workload('shop', 'checkout', 'https://payments.example', 'create:payments'),
  workload('shop', 'inventory', 'https://warehouse.example', 'read:stock'),
];

const serviceAccountUids = new Map(workloads.map(({ serviceAccount }) => [serviceAccount, randomUUID()]));

/** One exchange to be asked for, and what the answer must hold. */
export interface Exchange extends Workload {
  readonly token: string;
}

export interface Material {
  /** The public keys of the stand-in cluster: a JWK Set. */
  readonly jwksFile: string;
  readonly exchangesFile: string;
}

export function prepareMaterial(folder: string): Material {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const kid = randomUUID().replaceAll('-', '');
  const jwksFile = join(folder, 'cluster-jwks.json');
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid, alg: 'RS256', use: 'sig' };
  writeFileSync(jwksFile, JSON.stringify({ keys: [jwk] }));
  const exchangesFile = join(folder, 'exchanges.json');
  const exchanges = Array.from({ length: tokenCount }, (_, index): Exchange => {
    const asker = workloads[index % workloads.length] as Workload;
    return { ...asker, token: projectedToken(asker, kid, privateKey) };
  });
  writeFileSync(exchangesFile, JSON.stringify(exchanges));
  return Object.freeze({ jwksFile, exchangesFile });
}

export const readExchanges = (file: string): readonly Exchange[] => JSON.parse(readFileSync(file, 'utf8'));

export function formOf({ token, resource, scope }: Exchange, clientId: string | null): string {
  return new URLSearchParams({
    grant_type: grantType,
    ...(clientId === null ? {} : { client_id: clientId }),
    resource,
    scope,
    subject_token: token,
    subject_token_type: jwtType,
  }).toString();
}

function workload(namespace: string, serviceAccount: string, resource: string, scope: string): Workload {
  return Object.freeze({ namespace, serviceAccount, resource, scope });
}

function projectedToken({ namespace, serviceAccount }: Workload, kid: string, key: KeyObject): string {
  const now = Math.floor(Date.now() / 1000);
  const pod = `${serviceAccount}-${randomUUID().slice(0, 8)}`;
  const signingInput = [
    { alg: 'RS256', kid },
    {
      aud: [issuer],
      exp: now + 3607,
      iat: now,
      iss: clusterIssuer,
      jti: randomUUID(),
      'kubernetes.io': {
        namespace,
        node: { name: 'node-1', uid: '6dd7dc2a-3f3a-4c8e-9a51-0d5b6f3f5f10' },
        pod: { name: pod, uid: randomUUID() },
        serviceaccount: { name: serviceAccount, uid: serviceAccountUids.get(serviceAccount) },
        warnafter: now + 3607,
      },
      nbf: now,
      sub: `system:serviceaccount:${namespace}:${serviceAccount}`,
    },
  ]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
  return `${signingInput}.${createSign('RSA-SHA256').update(signingInput).sign(key, 'base64url')}`;
}
