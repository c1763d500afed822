/** Ways around limits, and ways to turn them against others (THREATS: resource exhaustion). */
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { RateLimited } from '../../src/errors.js';
import { createLimits } from '../../src/limits/limits.js';
import { type ServiceOptions, startService, type TestService } from '../support/service.js';

const address = { requests: 20, per: 60 };

describe('limits of addresses', () => {
  const open = () => createLimits({ address }, { store: {}, now: () => 0, warn: () => {}, observe: () => {} });
  const passing = (addresses: readonly string[]) => {
    const limits = open();
    return addresses.filter((one) => limits.arrival(one) === null).length;
  };
  const several = (make: (index: number) => string) => Array.from({ length: 500 }, (_, index) => make(index));

  it('a host that takes each request from another address of its IPv6 /64 has one limit', () => {
    assert.equal(passing(several((index) => `2001:db8:0:1::${index.toString(16)}`)), 20);
    assert.equal(passing(several((index) => `2001:0DB8:0:1:${index.toString(16)}:0:0:1`)), 20);
  });

  it('the same IPv4 address in its spellings has one limit, and no other has it', () => {
    const spellings = [
      '192.0.2.1',
      '::ffff:192.0.2.1',
      '::FFFF:192.0.2.1',
      '::ffff:c000:201',
      '0:0:0:0:0:ffff:c000:0201',
    ];
    assert.equal(passing(several((index) => spellings[index % spellings.length] ?? '')), 20);
    assert.equal(passing(several((index) => `::ffff:10.0.${index >> 8}.${index & 255}`)), 500);
  });

  it('any number of addresses takes the room of ten thousand: who came longest ago is forgotten, who comes all the time is not', () => {
    const limits = open();
    const useUp = (one: string) => {
      for (let index = 0; index < 20; index++) limits.arrival(one);
      assert.ok(limits.arrival(one) instanceof RateLimited);
    };
    for (const one of ['198.51.100.1', '198.51.100.2']) useUp(one);
    for (let index = 0; index < 20_000; index++) {
      limits.arrival(`10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`);
      if (index % 5_000 === 0) assert.ok(limits.arrival('198.51.100.1') instanceof RateLimited);
    }
    assert.ok(limits.arrival('198.51.100.1') instanceof RateLimited);
    assert.equal(limits.arrival('198.51.100.2'), null);
  });
});

describe('limits of addresses behind proxies', () => {
  let service: TestService;
  afterEach(() => service?.close());
  const start = async (options: ServiceOptions) => {
    service = await startService({ more: 'limits: { address: { requests: 20, per: 1h } }', ...options });
  };

  /** @param name of the header, as it is written */
  const post = (name: string, value: string): Promise<number> =>
    new Promise((resolve, reject) => {
      const headers = { [name]: value, 'Content-Type': 'application/x-www-form-urlencoded' };
      const sent = request(`${service.url}/token`, { method: 'POST', headers }, (response) => {
        response.resume().on('end', () => resolve(response.statusCode ?? 0));
      });
      sent.on('error', reject).end('grant_type=none');
    });

  const names = ['X-Forwarded-For', 'x-forwarded-for', 'X-FORWARDED-FOR', 'Forwarded', 'X-Real-IP', 'Client-IP'];

  async function passing(value: (index: number) => string, headers = names): Promise<number> {
    let passed = 0;
    for (let index = 0; index < 60; index++) {
      if ((await post(headers[index % headers.length] ?? '', value(index))) !== 429) passed++;
    }
    return passed;
  }

  it('a header that says another address each time changes nothing, in whatever case', async () => {
    await start({});
    assert.equal(await passing((index) => `198.51.100.${index}`), 20);
  });

  it('what a client wrote before what its proxy wrote changes nothing either', async () => {
    await start({ listen: '{ port: 0, trustedProxies: ["127.0.0.0/8"] }' });
    const forwarded = names.slice(0, 3);
    assert.equal(await passing((index) => `198.51.100.${index}, 203.0.113.7`, forwarded), 20);
    assert.equal(await passing((index) => `203.0.113.${100 + index}`, forwarded), 60);
  });

  it('requests of which the proxy says no address are one address: an attacker gains nothing by that', async () => {
    await start({ listen: '{ port: 0, trustedProxies: ["127.0.0.0/8"] }' });
    assert.equal(await passing((index) => `no-address-${index}`, names.slice(0, 3)), 20);
  });
});

describe('limits turned against others', () => {
  let service: TestService;
  afterEach(() => service?.close());
  const payroll = async () => ({
    subject_token: await service.token({ namespace: 'finance', serviceAccount: 'payroll-job' }),
    resource: 'https://payroll.example',
  });

  it('a workload that asks all the time does not starve another of its attestor', async () => {
    await startWith(
      '{ address: { requests: 10000, per: 1m }, attestor: { requests: 20, per: 1m }, workload: { requests: 5, per: 1m } }',
    );
    const greedy = await Promise.all(Array.from({ length: 200 }, () => service.exchange()));
    assert.equal(greedy.filter(({ status }) => status === 200).length, 5);
    for (let index = 0; index < 5; index++) assert.equal((await service.exchange(await payroll())).status, 200);
  });

  it('a stranger with forged evidence is over the limit of its address before the attestor is over its own', async () => {
    await startWith('{ address: { requests: 50, per: 1m }, attestor: { requests: 20, per: 1m } }', {
      listen: '{ port: 0, trustedProxies: ["127.0.0.0/8"] }',
    });
    const [head = '', payload = ''] = (await service.token()).split('.');
    const subject_token = `${head}.${payload}.${Buffer.alloc(256).toString('base64url')}`;
    const statuses: number[] = [];
    for (let index = 0; index < 50; index++) {
      statuses.push((await service.exchange({ subject_token }, { 'X-Forwarded-For': '203.0.113.7' })).status);
    }
    assert.equal(statuses.filter((status) => status === 400).length, 5);
    assert.equal((await service.exchange({}, { 'X-Forwarded-For': '203.0.113.8' })).status, 200);
  });

  it('evidence that names another workload, and is not its own, costs that workload nothing', async () => {
    await startWith('{ workload: { requests: 5, per: 1m } }');
    const [head = '', payload = ''] = (await service.token()).split('.');
    const subject_token = `${head}.${payload}.${Buffer.alloc(256).toString('base64url')}`;
    for (let index = 0; index < 20; index++) assert.equal((await service.exchange({ subject_token })).status, 400);
    assert.equal((await service.exchange()).status, 200);
  });

  it('of 100 requests at once exactly the limit passes', async () => {
    await startWith('{ workload: { requests: 30, per: 1m } }');
    const answers = await Promise.all(Array.from({ length: 100 }, () => service.exchange()));
    assert.equal(answers.filter(({ status }) => status === 200).length, 30);
    assert.equal(answers.filter(({ status }) => status === 429).length, 70);
  });

  async function startWith(limits: string, options: ServiceOptions = {}): Promise<void> {
    // A clock that stands: nothing comes again while the test runs.
    const now = Date.now();
    service = await startService({ more: `limits: ${limits}`, now: () => now, ...options });
  }
});
