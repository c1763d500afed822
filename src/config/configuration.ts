/** What the service is given of its configuration file. */
import type { CompiledClient } from '../policy/clients.js';
import type { Policy } from '../policy/compile.js';
import type { ConfiguredAttestor, Sections } from './schema.js';

/** Validated, compiled and frozen. Durations are seconds; paths are absolute, except those in an attestor's options. */
export interface Configuration
  extends Omit<
    Sections,
    'attestors' | 'clients' | 'conditions' | 'drain' | 'policy' | 'resources' | 'rules' | 'trustDomain'
  > {
  /** Absolute. */
  readonly file: string;
  /** Of the file and of `alsoRead`, as they were when they were read; empty when there was no file. */
  readonly fileVersion: string;
  /** The files and folders that its `policy` names, absolute. */
  readonly alsoRead: readonly string[];
  /** Of the file, absolute: what relative paths are relative to. */
  readonly directory: string;
  readonly trustDomain: string;
  /** Seconds. `announce` is a part of `deadline`. */
  readonly drain: { readonly announce: number; readonly deadline: number };
  /** By name. Options as the type validated them; paths in them go through `host.path`. */
  readonly attestors: ReadonlyMap<string, ConfiguredAttestor>;
  readonly policy: Policy;
  /** Of `policy.tests`; none: it names none. */
  readonly caseFiles: readonly string[];
  /** Who may introspect; empty: nobody. */
  readonly clients: readonly CompiledClient[];
  /** Addresses that URLs of attestors, sources of posture, signing and decision points have as hosts, as `URL` writes them, IPv6 without brackets. */
  readonly literalHosts: ReadonlySet<string>;
}
