/** What is good once, over two services and one Redis: nonces of attested documents. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { documentType } from '../../attestors/azure/document/form.js';
import {
  type Chain,
  content,
  evidenceToken,
  machineService,
  sharedChain,
  signDocument,
} from '../attestors/azure/documents.js';
import { start } from '../attestors/azure/fixture.js';
import { needRedis, type Servers, startRedis, until } from '../support/redis.js';
import { send, startService, type TestService } from '../support/service.js';

describe('two services on one Redis', () => {
  let chain: Chain;
  let redis: Servers | undefined;
  const services: TestService[] = [];
  let now = start;

  const masterKey = randomBytes(32).toString('base64');
  async function startOne(): Promise<void> {
    const machine = machineService(chain);
    services.push(
      await startService({
        now: () => now * 1000,
        store: `{ type: redis, url: "${redis?.servers[0]?.url}" }`,
        more: 'signing: { masterKey: { file: master.key } }',
        ...machine,
        prepare: async (folder) => {
          await machine.prepare(folder);
          await writeFile(join(folder, 'master.key'), masterKey);
        },
      }),
    );
  }

  before(async function () {
    needRedis(this);
    chain = await sharedChain();
    redis = await startRedis([]);
    for (let count = 0; count < 2; count++) await startOne();
    // What could have been used before Redis was there is refused.
    now = start + 10;
  });
  after(async () => {
    for (const service of services) await service.close();
    await redis?.stop();
  });

  async function evidence(from = services[0]): Promise<string> {
    const body = new URLSearchParams({ subject_token_type: documentType });
    const { nonce } = (await send(`${from?.url}/challenge`, { method: 'POST', body })).body;
    const document = signDocument(
      chain,
      { ...content(now), nonce: String(nonce) },
      { bag: [chain.leaf, chain.intermediate] },
    );
    return evidenceToken(document);
  }
  const exchange = async (service: TestService | undefined, subject_token: string) =>
    (await service?.exchange({ subject_token_type: documentType, subject_token }))?.status;

  it('give one token for 100 redemptions of one nonce at once [SPIRE 1.14.6]', async () => {
    const shown = await evidence();
    const statuses = await Promise.all(Array.from({ length: 100 }, (_, n) => exchange(services[n % 2], shown)));
    assert.equal(statuses.filter((status) => status === 200).length, 1);
    assert.equal(statuses.filter((status) => status === 400).length, 99);
  });

  it('refuse what was given out before Redis lost its data, on both; what is given out afterwards is good', async () => {
    const before = await evidence();
    await redis?.servers[0]?.cli('FLUSHALL');
    for (const service of services) assert.equal(await exchange(service, before), 503);
    // Every part of the store is marked anew, at the time that it is.
    await until(() => services.every(({ warnings }) => warnings.some((line) => line.includes('Redis was emptied'))));
    now += 10;
    const after = await evidence();
    assert.equal(await exchange(services[1], after), 200);
    assert.equal(await exchange(services[0], after), 400);
  });

  it('know each other’s nonces again after Redis lost the key, those that ran on and those that start on it', async () => {
    await redis?.servers[0]?.cli('FLUSHALL');
    await startOne();
    const [old, late] = [services[0], services[2]];
    now += 10;
    // A nonce of before the key was agreed on again is lost.
    await until(async () => (await exchange(late, await evidence(old))) === 200);
    now += 10;
    assert.equal(await exchange(old, await evidence(late)), 200);
  });
});
