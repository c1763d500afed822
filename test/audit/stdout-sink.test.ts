import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { createStdoutSink } from '../../src/audit/stdout-sink.js';

describe('createStdoutSink', () => {
  it('resolves only when the stream says that the write is done', async () => {
    let done = (): void => {};
    const sink = createStdoutSink(
      new Writable({
        write(_chunk, _encoding, callback) {
          done = callback;
        },
      }),
    );
    let resolved = false;
    const written = sink.write('line\n').then(() => {
      resolved = true;
    });
    await new Promise(setImmediate);
    assert.equal(resolved, false);
    done();
    await written;
  });

  it('rejects when the reader is gone, now and later, and does not end the process', async () => {
    const sink = createStdoutSink(
      new Writable({
        write(_chunk, _encoding, callback) {
          callback(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
        },
      }),
    );
    await assert.rejects(sink.write('line\n'), /cannot write audit records to stdout: write EPIPE/);
    await assert.rejects(sink.write('line\n'), /cannot write audit records to stdout/);
  });

  it('leaves the stream open when it is closed', async () => {
    const stream = new Writable({ write: (_chunk, _encoding, callback) => callback() });
    const sink = createStdoutSink(stream);
    await sink.close();
    assert.equal(stream.writableEnded, false);
  });
});
