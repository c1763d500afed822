/** A client attestor with a client of each kind, on a clock that stands still until it is set. */
import type { Attestor } from '../../../attestors/attestor.js';
import { client } from '../../../attestors/client/index.js';
import { createTestHost, ourIssuer, type TestHost } from '../../support/attestor-host.js';
import { createFolder, type TestFolder } from '../../support/folder.js';
import { keys, makeKey, signParts, now as start, type TestKey } from '../../support/tokens.js';

export const secret = '0123456789abcdef0123456789abcdef';
/** Of the same algorithm as the first. */
export const second = makeKey('ES256', 'second');

export interface Fixture {
  readonly attestor: Attestor;
  readonly host: TestHost;
  readonly folder: TestFolder;
  readonly clock: { now: number };
  close(): Promise<void>;
}

const block = {
  clients: {
    batch: { keys: { jwksFile: 'batch.json' } },
    twice: { keys: { jwksFile: 'twice.json' } },
    legacy: { secret: { file: 'legacy.secret' } },
  },
};

/** @param isBroken what the clients are known by is not there */
export async function createFixture(isBroken = false): Promise<Fixture> {
  const folder = await createFolder();
  const files = {
    'batch.json': JSON.stringify({ keys: [keys.ES256.jwk, keys.RS256.jwk] }),
    'twice.json': JSON.stringify({ keys: [keys.ES256.jwk, second.jwk] }),
    'legacy.secret': `${secret}\n`,
  };
  await folder.write(isBroken ? {} : files);
  const clock = { now: start };
  const host = createTestHost(() => clock.now, folder.path);
  const attestor = await client.create('partners', client.options.parse(block), host.host);
  return {
    ...{ attestor, host, folder, clock },
    async close() {
      await attestor.close();
      await host.close();
      await folder.remove();
    },
  };
}

type Members = Readonly<Record<string, unknown>>;

/** Of the client `batch`, unless changed; what is undefined is left out. */
export function assertion(changes: Members = {}, header: Members = {}, key: TestKey = keys.ES256): string {
  const claims = { iss: 'batch', sub: 'batch', aud: ourIssuer, iat: start, exp: start + 60, jti: 'one', ...changes };
  return signParts(key, JSON.stringify({ alg: key.algorithm, kid: key.kid, ...header }), JSON.stringify(claims));
}
