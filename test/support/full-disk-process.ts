/** Writes to an embedded store until a limit on file sizes, set by whoever starts this, stops it; then reads and closes. */
import { openEmbeddedStore } from '../../src/store/embedded.js';

process.on('SIGXFSZ', () => {});

const [, , path = ''] = process.argv;
const store = await openEmbeddedStore({ path });
let resolved = 0;
let failure: Error | undefined;
while (!failure && resolved < 1000) {
  try {
    await store.put(['filler', String(resolved)], 'v'.repeat(60_000));
    resolved++;
  } catch (error) {
    failure = error as Error;
  }
}
await new Promise(setImmediate);

let kept = 0;
while (await store.get(['filler', String(kept)])) kept++;
await store.close();
console.log(`kept ${kept} of ${resolved} and no more: ${failure?.message} ${failure?.cause}`);
