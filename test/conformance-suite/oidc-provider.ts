/**
 * A second server for the suite: oidc-provider with a custom grant for token exchange, as somebody who knows the package and jose would add it
 * in an afternoon. What the two do by themselves is left as they do it: the suite has to find where that is not what the standards say.
 */
import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { createLocalJWKSet, type JSONWebKeySet, type JWTPayload, jwtVerify } from 'jose';
import type { GrantContext, Provider as ProviderType } from 'oidc-provider';
import { loadProfile } from '../../conformance/profile.js';
import { createFolder } from '../support/folder.js';
import { freePort } from '../support/upstream.js';
import { makeIssuerKey, type Tested } from './servers.js';

/** oidc-provider 9 is written for Node 22, and uses this one thing that Node 20 lacks. */
const urls = URL as unknown as { parse?: (text: string) => URL | null };
urls.parse ??= (text) => (URL.canParse(text) ? new URL(text) : null);

const grantType = 'urn:ietf:params:oauth:grant-type:token-exchange';
const workloads = 'https://workloads.conformance.example';
const calendar = 'https://calendar.conformance.example/mcp';
const clientId = 'conformance';

/** With characters that Basic has encoded. */
const secret = 'of a client: 100 % + more than 32 characters';

/** `jwt`: a client without a secret, and tokens that are JWTs. `opaque`: one with a secret, and tokens that have to be introspected. */
type Mode = 'jwt' | 'opaque';

const claimed: Readonly<Record<Mode, string>> = {
  jwt: `
supports:
  [metadata, openid-configuration, token-exchange, jwt-access-token, single-use-evidence, dpop, authorization-details]
client: { id: ${clientId} }`,
  opaque: `
supports: [metadata, token-exchange, introspection, revocation]
client: { id: ${clientId}, secret: { file: secret } }
caller: { id: ${clientId}, secret: { file: secret } }`,
};

const profileOf = (issuer: string, mode: Mode) => `
issuer: ${issuer}
${claimed[mode]}
evidence: { issuer: "${workloads}", key: { file: key.jwk }, claims: { sub: agent } }
target:
  resource: ${calendar}
  audience: ${calendar}
  scope: [read:calendar, write:events]
  authorizationDetails: [{ type: calendar, actions: [read] }]
`;

export async function startOidcProvider(mode: Mode = 'jwt'): Promise<Tested> {
  const folder = await createFolder();
  const port = await freePort();
  const issuer = `http://127.0.0.1:${port}`;
  const { jwk, jwks } = makeIssuerKey();
  await folder.write({ 'profile.yaml': profileOf(issuer, mode), 'key.jwk': JSON.stringify(jwk), secret });
  const provider = await createProvider(issuer, mode);
  const { checkDpopReplay, validateDpop } = await import('oidc-provider/lib/helpers/grants.js');
  const exchange = await createExchange(provider, { issuer, jwks: jwks as JSONWebKeySet, mode });
  const handler = async (ctx: GrantContext) => {
    const proof = await validateDpop(provider, ctx);
    if (proof !== undefined) await checkDpopReplay(provider, ctx, proof, ctx.oidc.client.clientId);
    await exchange(ctx, proof?.thumbprint);
  };
  const parameters = ['subject_token', 'subject_token_type', 'actor_token', 'actor_token_type', 'requested_token_type'];
  const ofTarget = ['resource', 'audience', 'scope', 'authorization_details'];
  provider.registerGrantType(grantType, handler, [...parameters, ...ofTarget], ['resource', 'audience']);
  const server = createServer(provider.callback());
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const file = join(folder.path, 'profile.yaml');
  return {
    profile: await loadProfile(file),
    file,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await folder.remove();
    },
  };
}

async function createProvider(issuer: string, mode: Mode): Promise<ProviderType> {
  const { Provider } = await import('oidc-provider');
  const signing = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' });
  const asAsked = (_ctx: unknown, { rar }: { rar?: unknown }) => rar;
  return new Provider(issuer, {
    jwks: { keys: [{ ...signing, kid: 'signing', alg: 'ES256', use: 'sig' }] },
    clients: [
      {
        client_id: clientId,
        ...(mode === 'jwt'
          ? { token_endpoint_auth_method: 'none' }
          : { token_endpoint_auth_method: 'client_secret_basic', client_secret: secret }),
        grant_types: [grantType],
        redirect_uris: [],
        response_types: [],
        authorization_details_types: ['calendar'],
      },
    ],
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    features: {
      devInteractions: { enabled: false },
      dPoP: { enabled: true },
      introspection: { enabled: mode === 'opaque' },
      revocation: { enabled: mode === 'opaque' },
      richAuthorizationRequests: {
        enabled: true,
        types: { calendar: { validate: () => {} } },
        authorizationDetailsForGrantSource: asAsked,
        authorizationDetailsForAccessToken: asAsked,
        authorizationDetailsForIntrospection: asAsked,
      },
    },
  });
}

interface ExchangeOptions {
  readonly issuer: string;
  /** Of the issuer of the evidence. */
  readonly jwks: JSONWebKeySet;
  readonly mode: Mode;
}

/** The grant itself. */
async function createExchange(provider: ProviderType, { issuer, jwks, mode }: ExchangeOptions) {
  const { errors } = await import('oidc-provider');
  const keys = createLocalJWKSet(jwks);
  const server = new provider.ResourceServer(calendar, {
    scope: 'read:calendar write:events',
    audience: calendar,
    accessTokenFormat: mode,
    accessTokenTTL: 600,
    ...(mode === 'jwt' && { jwt: { sign: { alg: 'ES256' } } }),
  });

  const verifySubject = async (token = ''): Promise<JWTPayload> => {
    try {
      const { payload } = await jwtVerify(token, keys, { issuer: workloads, audience: issuer });
      const { iss = '', jti = '', exp = 0 } = payload;
      if (!(await provider.ReplayDetection.unique(iss, jti, exp))) throw new Error('used before');
      return payload;
    } catch {
      throw new errors.InvalidRequest('subject_token is not accepted');
    }
  };

  return async (ctx: GrantContext, thumbprint: string | undefined): Promise<void> => {
    const { client, params } = ctx.oidc;
    if (params.subject_token_type === undefined) throw new errors.InvalidRequest('subject_token_type is missing');
    const { sub = '' } = await verifySubject(params.subject_token);
    const targets = new Set([params.resource ?? [], params.audience ?? []].flat());
    if (targets.size !== 1 || !targets.has(calendar)) throw new errors.InvalidTarget('resource');
    const asked = params.scope?.split(' ') ?? [...server.scopes];
    const scope = asked.filter((one) => server.scopes.has(one)).join(' ');
    if (scope === '') throw new errors.InvalidScope('scope');
    const { authorization_details: details } = params;
    const token = new provider.AccessToken({
      accountId: sub,
      client,
      expiresIn: 600,
      extra: {},
      gty: grantType,
      resourceServer: server,
      scope,
      rar: details === undefined ? undefined : JSON.parse(details),
    });
    if (thumbprint !== undefined) token.setThumbprint('jkt', thumbprint);
    ctx.body = {
      access_token: await token.save(),
      issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      token_type: token.tokenType,
      expires_in: token.expiration,
      scope,
      ...(details !== undefined && { authorization_details: JSON.parse(details) }),
    };
  };
}
