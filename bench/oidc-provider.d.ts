/** The little of oidc-provider 9 that the comparison uses: the package ships no types. */
declare module 'oidc-provider' {
  import type { Server } from 'node:http';

  interface Client {
    readonly clientId: string;
  }

  interface ResourceServerInfo {
    readonly scope: string;
    readonly audience: string;
    readonly accessTokenFormat: 'jwt';
    readonly accessTokenTTL: number;
    readonly jwt: { readonly sign: { readonly alg: 'ES256' } };
  }

  export interface ResourceServer extends ResourceServerInfo {
    readonly scopes: ReadonlySet<string>;
  }

  export interface GrantContext {
    readonly oidc: {
      readonly client: Client;
      readonly params: Readonly<Record<string, string | undefined>>;
    };
    body: unknown;
  }

  interface AccessToken {
    resourceServer: ResourceServer;
    readonly expiration: number;
    readonly tokenType: string;
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
    registerGrantType(name: string, handler: (ctx: GrantContext) => Promise<void>, parameters: readonly string[]): void;
    listen(port: number, host: string): Server;
  }

  export namespace errors {
    class InvalidRequest extends Error {}
    class InvalidTarget extends Error {}
    class InvalidScope extends Error {}
  }
}
