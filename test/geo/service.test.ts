/** Rules that ask for countries, over a running service. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ConfigurationError } from '../../src/config/load.js';
import { mmdb } from '../support/mmdb.js';
import { calendar, payroll, startService, type TestService } from '../support/service.js';

const database = mmdb({
  '81.2.69.0/24': { country: { iso_code: 'DE' }, subdivisions: [{ iso_code: 'BY' }] },
  '81.2.70.0/24': { country: { iso_code: 'FR' } },
});
const options = {
  listen: '{ port: 0, trustedProxies: [127.0.0.0/8] }',
  more: 'geo: { database: geo.mmdb }',
  rules: `
  agents:
    workload: { attestor: prod-eu }
    conditions: [{ network: { countries: [DE] } }]
    grant: { resource: "${calendar}", scope: [read:calendar] }
  payroll:
    workload: { attestor: prod-eu }
    conditions: [{ network: { subdivisions: [DE-BY] } }]
    grant: { resource: "${payroll}", scope: [read:salaries] }`,
};

describe('geo: a running service', () => {
  let service: TestService;
  before(async () => {
    service = await startService({ ...options, prepare: (folder) => writeFile(join(folder, 'geo.mmdb'), database) });
  });
  after(() => service.close());

  for (const [ip, resource, status, country, subdivision] of [
    ['81.2.69.7', calendar, 200, 'DE', 'DE-BY'],
    ['81.2.69.7', payroll, 200, 'DE', 'DE-BY'],
    ['81.2.70.7', calendar, 400, 'FR', null],
    ['81.2.70.7', payroll, 400, 'FR', null],
    ['81.2.71.7', calendar, 400, null, null],
    ['10.1.2.3', calendar, 400, null, null],
  ] as const) {
    it(`answers ${status} to ${ip} that asks for ${resource}, and records where that is`, async () => {
      assert.equal((await service.exchange({ resource }, { 'x-forwarded-for': ip })).status, status);
      assert.deepEqual((await service.lastRecord()).facts?.network, { ip, country, subdivision });
    });
  }

  for (const [what, content, message] of [
    ['is not there', null, /geo\.database: .*geo\.mmdb cannot be read: there is no such file/],
    ['is none', 'x', /geo\.database: .*geo\.mmdb cannot be used: it is no MMDB file/],
  ] as const) {
    it(`does not start with a database that ${what}`, async () => {
      const prepare = async (folder: string) => {
        if (content !== null) await writeFile(join(folder, 'geo.mmdb'), content);
      };
      await assert.rejects(startService({ ...options, prepare }), (error) => {
        assert.ok(error instanceof ConfigurationError);
        assert.match(error.message, message);
        return true;
      });
    });
  }
});
