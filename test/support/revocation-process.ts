/** Another process on an embedded store: hears of the end of an instance, of which it knows only what the store has. */
import { openRevocation } from '../../src/revocation/revocation.js';
import { openEmbeddedStore } from '../../src/store/embedded.js';

const [, , path = '', attestor = '', instance = ''] = process.argv;
const store = await openEmbeddedStore({ path });
const revocation = await openRevocation({
  log: store.log('revocation'),
  now: () => Date.now() / 1000,
  warn: (message) => console.log(message),
  info: (message) => console.log(message),
});
console.log(revocation.instances(attestor).join(' '));
revocation.ended(attestor, instance, 'pod_deleted');
await revocation.close();
await store.close();
