/** Kinds of values that sections of the configuration share. */
import { z } from 'zod';
import { text } from '../../../attestors/options.js';

export const path = (what: string) => text(what).describe('Relative to the folder of this file.');

export const listOfNetworks = z.array(
  z.union([z.cidrv4(), z.cidrv6()], { error: 'a network such as 10.0.0.0/8 or fd00::/8' }),
  { error: 'a list of networks' },
);
