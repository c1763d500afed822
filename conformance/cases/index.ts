/** Every case, in the order in which they run. */
import type { Case } from '../case.js';
import { after } from './after.js';
import { clients } from './clients.js';
import { delegation } from './delegation.js';
import { authorizationDetails } from './details.js';
import { dpop } from './dpop.js';
import { badEvidence } from './evidence.js';
import { issuing } from './issuing.js';
import { metadata } from './metadata.js';
import { requests } from './requests.js';
import { targets } from './targets.js';

export const cases: readonly Case[] = Object.freeze([
  ...metadata,
  ...issuing,
  ...requests,
  ...clients,
  ...targets,
  ...badEvidence,
  ...delegation,
  ...dpop,
  ...authorizationDetails,
  ...after,
]);
