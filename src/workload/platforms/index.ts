/** The platforms that a workload may run on, in the order in which they are looked for: what costs no request comes first. */
import type { Platform } from '../platform.js';
import { aws } from './aws.js';
import { azure } from './azure.js';
import { githubActions } from './github.js';
import { tokenFile } from './token-file.js';

export const platforms: ReadonlyMap<string, Platform> = new Map(
  [tokenFile, githubActions, aws, azure].map((platform) => [platform.name, platform]),
);
