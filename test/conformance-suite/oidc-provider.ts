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

const profileOf = (issuer: string) => `
issuer: ${issuer}
supports:
  [metadata, openid-configuration, token-exchange, jwt-access-token, single-use-evidence, dpop, authorization-details]
client: { id: ${clientId} }
evidence: { issuer: "${workloads}", key: { file: key.jwk }, claims: { sub: agent } }
target:
  resource: ${calendar}
  audience: ${calendar}
  scope: [read:calendar, write:events]
  authorizationDetails: [{ type: calendar, actions: [read] }]
`;

export async function startOidcProvider(): Promise<Tested> {
  const folder = await createFolder();
  const port = await freePort();
  const issuer = `http://127.0.0.1:${port}`;
  const { jwk, jwks } = makeIssuerKey();
  await folder.write({ 'profile.yaml': profileOf(issuer), 'key.jwk': JSON.stringify(jwk) });
  const provider = await createProvider(issuer);
  const { checkDpopReplay, validateDpop } = await import('oidc-provider/lib/helpers/grants.js');
  const exchange = await createExchange(provider, issuer, jwks as JSONWebKeySet);
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

async function createProvider(issuer: string): Promise<ProviderType> {
  const { Provider } = await import('oidc-provider');
  const signing = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' });
  const asAsked = (_ctx: unknown, { rar }: { rar?: unknown }) => rar;
  return new Provider(issuer, {
    jwks: { keys: [{ ...signing, kid: 'signing', alg: 'ES256', use: 'sig' }] },
    clients: [
      {
        client_id: clientId,
        token_endpoint_auth_method: 'none',
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

/** The grant itself. */
async function createExchange(provider: ProviderType, issuer: string, jwks: JSONWebKeySet) {
  const { errors } = await import('oidc-provider');
  const keys = createLocalJWKSet(jwks);
  const server = new provider.ResourceServer(calendar, {
    scope: 'read:calendar write:events',
    audience: calendar,
    accessTokenFormat: 'jwt',
    accessTokenTTL: 600,
    jwt: { sign: { alg: 'ES256' } },
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
