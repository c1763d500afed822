/** Claims in an embedded store, and writes to its output right before and right after. */
import { writeSync } from 'node:fs';
import { openEmbeddedStore } from '../../src/store/embedded.js';

const [, , path = ''] = process.argv;
const store = await openEmbeddedStore({ path });
for (let claim = 0; claim < 3; claim++) {
  writeSync(1, `claiming ${claim}\n`);
  await store.claim(['jti', String(claim)], 'x', Date.now() + 60_000);
  writeSync(1, `told ${claim}\n`);
}
await store.close();
