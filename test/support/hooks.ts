/** Mocha's root hooks: after everything, each record that the suite wrote is decided again. */
import { replayRecords } from './records.js';

export const mochaHooks = {
  afterAll(this: Mocha.Context): void {
    this.timeout(60_000);
    replayRecords();
  },
};
