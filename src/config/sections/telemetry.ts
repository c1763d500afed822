/** `telemetry`: what operators see, beside `/metrics`. */
import { z } from 'zod';
import { object } from '../../policy/strict.js';

const logs = object('a map with level and format', {
  level: z.enum(['info', 'warn', 'error']).default('info').describe('The least that is written.'),
  format: z
    .enum(['json', 'text'])
    .optional()
    .describe('Of the lines on standard error. Default: text on a terminal, else json.'),
})
  .prefault({})
  .describe('Lines for operators.');

export const telemetry = object('a map with logs', { logs }).prefault({}).describe('What operators see.');
