/** Lines for operators, on standard error: text where a person looks, JSON elsewhere. */
import { pino } from 'pino';
import { printable } from '../text.js';
import { redact } from './redact.js';

export const logLevels = ['info', 'warn', 'error'] as const;

export interface LogOptions {
  /** The least that is written. */
  readonly level: (typeof logLevels)[number];
  /** Left out: `text` on a terminal, else `json`. */
  readonly format?: 'json' | 'text' | undefined;
}

export interface LogOutput {
  readonly isTTY?: boolean | undefined;
  /** Returns when the line is with the operating system: the last one before an exit is not lost. */
  write(line: string): void;
}

export type Log = Readonly<Record<(typeof logLevels)[number], (message: string) => void>>;

export function createLog({ level, format }: LogOptions, output: LogOutput): Log {
  const isText = (format ?? (output.isTTY ? 'text' : 'json')) === 'text';
  const write = (line: string) => output.write(isText ? textOf(line) : `${printable(line.trimEnd())}\n`);
  const formatters = { level: (label: string) => ({ level: label }) };
  const timestamp = () => `,"time":"${new Date().toISOString()}"`;
  const logger = pino({ level, base: null, messageKey: 'message', timestamp, formatters }, { write });
  const at = (name: (typeof logLevels)[number]) => (message: string) => logger[name](redact(message));
  return Object.freeze({ info: at('info'), warn: at('warn'), error: at('error') });
}

/** As a terminal shows it, whatever a message may hold; a line of JSON keeps the ends of lines escaped by itself. */
function textOf(line: string): string {
  const { message } = JSON.parse(line) as { readonly message: string };
  return `counterseal: ${message.split('\n').map(printable).join('\n')}\n`;
}
