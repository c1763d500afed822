/** Of this package. */
import { createRequire } from 'node:module';

export const { version } = createRequire(import.meta.url)('counterseal/package.json') as { readonly version: string };
