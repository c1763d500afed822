import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { auditLine } from '../../src/audit/line.js';
import { findRecord, readRecords } from '../../src/audit/read.js';
import { record } from './fixtures.js';

describe('audit/read', () => {
  let folder = '';
  let file = '';
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'counterseal-explain-'));
    file = join(folder, 'audit.jsonl');
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it('finds each record among many, over the borders of what is read at once', async () => {
    const records = Array.from({ length: 3000 }, (_, index) => record({ decision_id: `d-${index}-` }));
    await writeFile(file, records.map(auditLine).join(''));
    for (const index of [0, 1, 800, 801, 802, 803, 1500, 2998, 2999]) {
      assert.deepEqual(await findRecord(file, `d-${index}-`), records[index]);
    }
  });

  it('says undefined when there is none', async () => {
    await writeFile(file, auditLine(record()));
    assert.equal(await findRecord(file, 'd-2'), undefined);
    assert.equal(await findRecord(file, ''), undefined);
    await writeFile(file, '');
    assert.equal(await findRecord(file, 'd-1'), undefined);
  });

  it('passes over torn, empty and foreign lines, and lines too long to be ours', async () => {
    const torn = auditLine(record()).slice(0, 200);
    const foreign = '{"decision_id":"d-1"}\n"d-1"\nnull\n[1]';
    await writeFile(file, `${torn}\n\n${foreign}\n${'"d-1"'.repeat(800_000)}\n${auditLine(record())}${torn}`);
    assert.deepEqual(await findRecord(file, 'd-1'), record());
  });

  it('finds a last line that has no line end', async () => {
    await writeFile(file, auditLine(record()).trimEnd());
    assert.deepEqual(await findRecord(file, 'd-1'), record());
  });

  it('does not take a record for another whose id stands in it', async () => {
    await writeFile(file, auditLine(record({ decision_id: 'd-0', subject: 'd-1', detail: '"decision_id":"d-1"' })));
    assert.equal(await findRecord(file, 'd-1'), undefined);
  });

  it('names the file and the remedy when it cannot be read', async () => {
    const none = join(folder, 'none');
    await assert.rejects(findRecord(none, 'd-1'), {
      message: `cannot read the audit file ${none} (ENOENT): it does not exist: name the path of a file sink in audit.sinks, or an older file that was rotated`,
    });
    await assert.rejects(findRecord(folder, 'd-1'), /\(EISDIR\): this is a folder: name a file in it$/);
  });

  it('reads every record in the order of the file, over the borders of what is read at once', async () => {
    const records = Array.from({ length: 3000 }, (_, index) => record({ decision_id: `d-${index}-` }));
    await writeFile(
      file,
      `${records.map(auditLine).join('{"torn\n')}\n\n${'x'.repeat(3_000_000)}\n${auditLine(record()).trimEnd()}`,
    );
    const ids: string[] = [];
    for await (const { decision_id } of readRecords(file)) ids.push(decision_id);
    assert.deepEqual(
      ids,
      [...records, record()].map(({ decision_id }) => decision_id),
    );
    await assert.rejects(readRecords(join(folder, 'none')).next(), /\(ENOENT\): it does not exist: name/);
  });
});
