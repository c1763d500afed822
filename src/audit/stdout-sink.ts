/** Standard output, for whoever collects the output of containers. */
import type { AuditSink } from './log.js';

/** A write resolves when the stream says that it is done, which for a pipe means that the kernel has the bytes. */
export function createStdoutSink(stream: NodeJS.WritableStream): AuditSink {
  // A failed write is reported by its callback; without a listener the same error would also end the process.
  stream.on('error', () => {});
  return Object.freeze({
    name: 'stdout',
    write: (lines: string) =>
      new Promise<void>((resolve, reject) => {
        stream.write(lines, (error) => {
          if (error) reject(new Error(`cannot write audit records to stdout: ${error.message}`, { cause: error }));
          else resolve();
        });
      }),
    /** The stream is not ours to end. */
    close: async () => {},
  });
}
