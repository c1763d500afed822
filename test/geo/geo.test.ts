import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openGeoDatabase } from '../../src/geo/database.js';
import { readPlaces } from '../../src/geo/places.js';
import { type MmdbOptions, type MmdbValue, mmdb } from '../support/mmdb.js';

const bavaria = { country: { iso_code: 'DE', names: { en: 'Germany' } }, subdivisions: [{ iso_code: 'BY' }] };
const day = 86_400;
const builtAt = 1_800_000_000;

const placeOf = (record: MmdbValue, ip = '81.2.69.142', options?: MmdbOptions) =>
  readPlaces(mmdb({ '81.2.69.0/24': record }, options)).locate(ip);
const nowhere = { country: null, subdivision: null };

describe('geo/places', () => {
  for (const [what, record, country, subdivision] of [
    ['of MaxMind and DB-IP, of cities', bavaria, 'DE', 'DE-BY'],
    ['of countries', { country: { iso_code: 'DE' }, registered_country: { iso_code: 'US' } }, 'DE', null],
    [
      'with two subdivisions: the largest',
      { country: { iso_code: 'GB' }, subdivisions: [{ iso_code: 'ENG' }, { iso_code: 'WBK' }] },
      'GB',
      'GB-ENG',
    ],
    ['of IPinfo, with the code as the country', { country: 'DE', country_name: 'Germany' }, 'DE', null],
    ['of IPinfo Lite', { country: 'Germany', country_code: 'DE' }, 'DE', null],
    ['with a code in small letters', { country: { iso_code: 'de' } }, null, null],
    ['with values of other types', { country: { iso_code: 5 }, subdivisions: 'BY' }, null, null],
    ['with a subdivision that is no code', { country: 'DE', subdivisions: [{ iso_code: 'Bayern!' }] }, 'DE', null],
    ['without a country', { subdivisions: [{ iso_code: 'BY' }] }, null, null],
  ] as const) {
    it(`reads a record ${what}`, () => assert.deepEqual(placeOf(record), { country, subdivision }));
  }

  it('knows IPv4 addresses that come as IPv6', () => {
    assert.deepEqual(placeOf(bavaria, '::ffff:81.2.69.142'), { country: 'DE', subdivision: 'DE-BY' });
  });

  for (const [what, ip] of [
    ['in no network of the file', '81.2.70.1'],
    ['that is private', '10.1.2.3'],
    ['of loopback', '::1'],
    ['of IPv6 without a network', '2a02::1'],
    ['that is none', 'unknown'],
  ] as const) {
    it(`knows nothing of an address ${what}`, () => assert.deepEqual(placeOf(bavaria, ip), nowhere));
  }

  it('does not take IPv6 addresses for what a tree of IPv4 has under their first bits', () => {
    const file = mmdb({ '32.0.0.0/3': bavaria }, { ipVersion: 4 });
    assert.equal(readPlaces(file).locate('35.1.2.3')?.country, 'DE');
    assert.deepEqual(readPlaces(file).locate('2a02::1'), nowhere);
  });

  it('never throws, whatever byte of the file is broken: the place is known, unknown, or not to be had', () => {
    const file = mmdb({ '81.2.69.0/24': bavaria });
    const answers = { refused: 0, unavailable: 0, known: 0 };
    for (let at = 0; at < file.length; at++) {
      for (const value of [0, 0x20, 0x28, 0xff]) {
        const broken = Buffer.from(file);
        broken[at] = value;
        try {
          const place = readPlaces(broken).locate('81.2.69.142');
          if (place === null) answers.unavailable += 1;
          else answers.known += 1;
        } catch (error) {
          assert.match((error as Error).message, /^(it is no MMDB file|its content is broken|its records have no)/);
          answers.refused += 1;
        }
      }
    }
    for (const count of Object.values(answers)) assert.ok(count > 0, JSON.stringify(answers));
  });

  for (const [what, content, message] of [
    ['text', Buffer.from('not a database'), /no MMDB file/],
    ['nothing', Buffer.alloc(0), /no MMDB file/],
    ['the end of one', mmdb({ '81.2.69.0/24': bavaria }).subarray(-150), /no MMDB file/],
    ['one about something else', mmdb({ '81.0.0.0/8': { autonomous_system_number: 3320 } }), /no country/],
  ] as const) {
    it(`refuses a file that is ${what}`, () => assert.throws(() => readPlaces(content), message));
  }
});

describe('geo/database', () => {
  let folder: string;
  let file: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'counterseal-geo-'));
    file = join(folder, 'geo.mmdb');
  });
  after(() => rm(folder, { recursive: true }));

  it('takes a new file once it stays the same, keeps the old one while the new one is broken, and says so once', async () => {
    await writeFile(file, mmdb({ '81.2.69.0/24': bavaria }));
    const warnings: string[] = [];
    const database = await openGeoDatabase(file, { now: () => builtAt, warn: (message) => warnings.push(message) });
    const country = () => database.locate('81.2.69.142')?.country;
    assert.equal(country(), 'DE');
    await writeFile(file, mmdb({ '81.2.69.0/24': { country: { iso_code: 'FR' } } }));
    await database.look();
    assert.equal(country(), 'DE', 'it may still be written');
    await database.look();
    assert.equal(country(), 'FR');
    await writeFile(file, 'broken');
    for (let look = 0; look < 4; look++) await database.look();
    assert.equal(country(), 'FR');
    assert.equal(warnings.length, 1);
    assert.match(String(warnings[0]), /geo\.mmdb has changed and is not taken.*no MMDB file/);
    await rm(file);
    for (let look = 0; look < 2; look++) await database.look();
    assert.equal(country(), 'FR');
    assert.match(String(warnings[1]), /ENOENT/);
    await database.close();
  });

  it('tells of a file that is older than 60 days', async () => {
    await writeFile(file, mmdb({ '81.2.69.0/24': bavaria }, { builtAt }));
    for (const [days, told] of [
      [60, 0],
      [61, 1],
    ] as const) {
      const warnings: string[] = [];
      const at = builtAt + days * day;
      await (await openGeoDatabase(file, { now: () => at, warn: (message) => warnings.push(message) })).close();
      assert.equal(warnings.length, told);
    }
  });
});
