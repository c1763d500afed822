/** How lines get from requests to sinks; the two durabilities implement it. */
import { Refusal } from '../errors.js';
import { messageOf } from './watched-sink.js';

export interface LineKeeper {
  /** @throws Refusal `audit_unavailable` */
  append(line: string): Promise<void>;
  /** Writes what is left, and takes no more. */
  drain(): Promise<void>;
}

/** Most that waits for a sink, in UTF-16 units: 8 Mi. */
export const mostWaiting = 8 * 1024 * 1024;

export const sinkFailed = (error: unknown): Refusal =>
  new Refusal('audit_unavailable', 'audit_sink_failed', messageOf(error), { cause: error });

export const sinksTooSlow = (): Refusal =>
  new Refusal(
    'audit_unavailable',
    'audit_sink_slow',
    'more records wait for the audit sinks than may: they are too slow',
  );

export const logClosed = (): Refusal =>
  new Refusal('audit_unavailable', 'audit_closed', 'the audit log is closed because the service stops');
