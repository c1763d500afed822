/** The little of oidc-provider 9 that the comparison and the tests of the black-box suite use: the package ships no types. */
declare module 'oidc-provider' {
  import type { RequestListener, Server } from 'node:http';

  interface Client {
    readonly clientId: string;
  }

  interface ResourceServerInfo {
    readonly scope: string;
    readonly audience: string;
    readonly accessTokenFormat: 'jwt' | 'opaque';
    readonly accessTokenTTL: number;
    /** Of the format `jwt`. */
    readonly jwt?: { readonly sign: { readonly alg: 'ES256' } };
  }

  export interface ResourceServer extends ResourceServerInfo {
    readonly scopes: ReadonlySet<string>;
  }

  export interface GrantContext {
    readonly oidc: {
      readonly client: Client;
      /** A list where a grant lets a parameter repeat. */
      readonly params: Readonly<Record<string, string | undefined>>;
    };
    body: unknown;
  }

  interface AccessToken {
    resourceServer: ResourceServer;
    readonly expiration: number;
    readonly tokenType: string;
    setThumbprint(kind: 'jkt', thumbprint: string): void;
    save(): Promise<string>;
  }

  interface AccessTokenInput {
    readonly accountId: string;
    readonly client: Client;
    readonly expiresIn: number;
    readonly extra: Readonly<Record<string, unknown>>;
    readonly gty: string;
    readonly resourceServer: ResourceServer;
    readonly scope: string;
    readonly rar?: readonly object[] | undefined;
  }

  export class Provider {
    constructor(issuer: string, configuration: Readonly<Record<string, unknown>>);
    readonly AccessToken: new (
      input: AccessTokenInput,
    ) => AccessToken;
    readonly ResourceServer: new (
      identifier: string,
      info: ResourceServerInfo,
    ) => ResourceServer;
    registerGrantType(
      name: string,
      handler: (ctx: GrantContext) => Promise<void>,
      parameters: readonly string[],
      repeatable?: readonly string[],
    ): void;
    listen(port: number, host: string): Server;
    callback(): RequestListener;
    readonly ReplayDetection: { unique(issuer: string, id: string, expiresAt: number): Promise<boolean> };
  }

  export namespace errors {
    class InvalidRequest extends Error {}
    class InvalidTarget extends Error {}
    class InvalidScope extends Error {}
    class InvalidAuthorizationDetails extends Error {}
  }
}

declare module 'oidc-provider/lib/helpers/grants.js' {
  import type { GrantContext, Provider } from 'oidc-provider';

  interface Proof {
    readonly thumbprint: string;
  }

  export function validateDpop(provider: Provider, ctx: GrantContext): Promise<Proof | undefined>;
  export function checkDpopReplay(provider: Provider, ctx: GrantContext, proof: Proof, clientId: string): Promise<void>;
}
