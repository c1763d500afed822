/** Puts one value into an embedded store. */
import { openEmbeddedStore } from '../../src/store/embedded.js';

const [, , path = '', space = '', value = ''] = process.argv;
const store = await openEmbeddedStore({ path });
await store.put([space], value);
await store.close();
