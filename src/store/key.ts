import { createHash } from 'node:crypto';
import type { Key } from './store.js';

/** Bytes. LMDB takes 1,978 in a key, of which the name of the table and the expiry need some. */
const longestPlain = 1024;

/**
 * One string for one key and no other: a JSON array, so no separator can be forged; a lone surrogate is escaped by JSON and stays
 * distinct. A long key is its SHA-256 behind a `#`, with which no JSON array begins.
 */
export function encodeKey(key: Key): string {
  const json = JSON.stringify(key);
  if (Buffer.byteLength(json) <= longestPlain) return json;
  return `#${createHash('sha256').update(json).digest('base64url')}`;
}
