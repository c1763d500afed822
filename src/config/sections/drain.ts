/** `drain`: how the service stops. */
import { z } from 'zod';
import { duration, isLoopback } from '../../../attestors/options.js';
import { object } from '../../policy/strict.js';

const announce = z
  .union([z.literal('0s').transform(() => 0), duration()], { error: 'a duration such as 5s, or 0s' })
  .optional()
  .describe(
    'How long it goes on accepting after /readyz has turned to 503, for whoever has not noticed yet. Default: 5s; 0s where listen.host is loopback.',
  );

export const drain = object('a map with announce and deadline', {
  announce,
  deadline: duration()
    .prefault('25s')
    .describe(
      'After the signal: by then everything is closed, or it is cut off. Below what sends a SIGKILL afterwards.',
    ),
})
  .prefault({})
  .describe('How it stops at SIGTERM and SIGINT.');

/** Seconds. Nobody distributes connections to a listener on loopback. */
export const announceOf = ({ announce }: z.output<typeof drain>, { host }: { readonly host: string }): number =>
  announce ?? (isLoopback(host) ? 0 : 5);
