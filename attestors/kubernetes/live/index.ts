/** What is true of a cluster's pods and nodes now, without asking for each exchange. */
import type { AttestorHost, Watched } from '../../attestor.js';
import type { ApiServer } from '../api.js';
import { watchCluster } from './cluster-state.js';
import { createObserver, type Observer } from './observe.js';
import type { LiveOptions } from './options.js';

export interface Live {
  readonly observer: Observer;
  readonly watched: () => readonly Watched[];
  /** Resolves when everything has been listed, or has failed once. */
  readonly attempted: Promise<unknown>;
  readonly close: () => void;
}

export function startLive(options: LiveOptions, server: ApiServer, host: AttestorHost): Live {
  const { maxAge, stale, unseen, terminating, trustedNodes } = options;
  const { now, ended, instances, warn } = host;
  const rules = Object.freeze({ terminating, trustedNodes });
  const state = watchCluster({ server, maxAge, rules, now, ended, instances, warn });
  return Object.freeze<Live>({
    observer: createObserver({ server, state, rules, stale, unseen, now }),
    watched: state.watched,
    attempted: state.attempted,
    close: state.close,
  });
}
