/** `counterseal token`: finds out where it runs, shows what the platform vouches for, and comes back with a token. */
import type { Platform, ShownEvidence, Surroundings } from './platform.js';
import { platforms } from './platforms/index.js';
import { type Asked, askNonce, Busy, exchange, type IssuedToken, Refused, readIssuer } from './service.js';

export interface TokenOptions extends Asked {
  readonly issuer: string;
  /** Of the evidence. Default: the issuer. */
  readonly audience: string | undefined;
  /** The name of one of `platforms`; undefined: the first that is here. */
  readonly platform: string | undefined;
}

/** Exchanges at most while the service is unavailable, and seconds that are waited in between at most. */
const attempts = 3;
const maxWait = 10;

/** @throws Error that says what to do next, and quotes neither evidence nor token */
export async function obtainToken(options: TokenOptions, around: Surroundings): Promise<IssuedToken> {
  const issuer = readIssuer(options.issuer);
  const platform = await choose(options.platform, around);
  for (let attempt = 1; ; attempt++) {
    try {
      return await tryOnce(platform, { ...options, issuer }, around);
    } catch (error) {
      if (!(error instanceof Busy) || attempt === attempts) throw error;
      await new Promise((resolve) => setTimeout(resolve, Math.min(error.seconds, maxWait) * 1000));
    }
  }
}

async function choose(name: string | undefined, around: Surroundings): Promise<Platform> {
  const named = platforms.get(name ?? '');
  if (named !== undefined) return named;
  for (const platform of platforms.values()) if (await platform.isHere(around)) return platform;
  throw new Error(
    `no platform was found: there is no ${around.tokenFile}, this is no job of GitHub Actions, and neither AWS nor Azure ` +
      'answers here; name the file of a token with --token-file, or the platform with --platform',
  );
}

/** Evidence is made anew each time: some of it is accepted once. */
async function tryOnce(platform: Platform, options: TokenOptions, around: Surroundings): Promise<IssuedToken> {
  const { issuer, audience = issuer } = options;
  const refusals: string[] = [];
  const needs = { audience, nonce: (tokenType: string) => askNonce(issuer, tokenType) };
  for await (const evidence of platform.show(needs, around)) {
    if ('withheld' in evidence) {
      refusals.push(evidence.withheld);
      continue;
    }
    try {
      return await exchange(issuer, evidence, options);
    } catch (error) {
      // Who asks was accepted, or nobody knows: other evidence of the same workload changes nothing.
      if (!(error instanceof Refused) || error.error !== 'invalid_request') throw error;
      refusals.push(`${kindOf(evidence)}: ${error.message}`);
    }
  }
  throw new Error(`${platform.name}: the evidence was not accepted\n${refusals.map((one) => `  ${one}`).join('\n')}`);
}

const kindOf = ({ tokenType }: ShownEvidence): string => tokenType.slice(tokenType.lastIndexOf(':') + 1);
