/** How Redis is reached, as the configuration has it. Files are absolute. */

interface SecretFile {
  readonly file: string;
}

export interface RedisTls {
  /** Trusted instead of the well-known roots. */
  readonly ca?: SecretFile | undefined;
  readonly cert?: SecretFile | undefined;
  readonly key?: SecretFile | undefined;
}

export interface RedisOptions {
  readonly type: 'redis';
  readonly mode: 'single' | 'sentinel' | 'cluster';
  /** `redis://HOST:PORT/DB`, or `rediss:` for TLS. */
  readonly url?: string | SecretFile | undefined;
  /** `HOST:PORT`: of Sentinels, or of nodes of the cluster. */
  readonly nodes?: readonly string[] | undefined;
  readonly master?: string | undefined;
  readonly username?: string | undefined;
  readonly password?: SecretFile | undefined;
  readonly sentinelUsername?: string | undefined;
  readonly sentinelPassword?: SecretFile | undefined;
  readonly tls?: RedisTls | undefined;
  readonly prefix: string;
}
