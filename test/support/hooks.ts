/** Mocha's root hooks: which test runs, for who ends a run that hangs; after everything, each record that the suite wrote is decided again. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { replayRecords } from './records.js';

/** Written at once, so that an endless loop is found by it too. See .ci/within. */
const running = process.env.COUNTERSEAL_TEST_RUNNING;

export const mochaHooks = {
  beforeEach(this: Mocha.Context): void {
    if (running !== undefined) writeFileSync(join(running, `${process.pid}`), `${this.currentTest?.fullTitle()}\n`);
  },
  afterAll(this: Mocha.Context): void {
    this.timeout(60_000);
    replayRecords();
    if (running !== undefined) writeFileSync(join(running, `${process.pid}`), 'all tests of a file are through\n');
  },
};
