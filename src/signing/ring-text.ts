/** A ring as the store has it: as JSON, and under a master key encrypted as a whole, so that nothing of it can be exchanged. */
import type { JsonWebKey } from 'node:crypto';
import { z } from 'zod';
import { type MasterKey, type Sealed, seal, unseal } from './master-key.js';
import type { Ring } from './ring.js';
import type { SigningAlgorithm } from './signer.js';

export interface MasterKeys {
  readonly current: MasterKey;
  /** What it is being exchanged for: rings under it are read. */
  readonly previous: MasterKey | null;
}

export interface RingForm {
  readonly algorithm: SigningAlgorithm;
  /** Null: rings are kept as they are. */
  readonly masterKeys: MasterKeys | null;
  /** Whether a ring that is not encrypted may be taken although there is a master key. */
  readonly takePlain: boolean;
}

export type RingText =
  | { readonly ring: Ring /** As it would be written now. */; readonly isCurrent: boolean }
  /** Of version 0.1: one private key, and no times. */
  | { readonly singleKey: JsonWebKey };

const format = 1;

const time = z.number().nonnegative();
const key = { kid: z.string(), jwk: z.record(z.string(), z.string()), published: time };
const ringSchema = z.strictObject({
  active: z.strictObject({ ...key, activated: time }),
  next: z.strictObject(key).nullable(),
  retired: z.array(z.strictObject({ ...key, activated: time, retired: time, leaves: time })),
  // None in rings that were written before keys could be revoked.
  revoked: z.array(z.strictObject({ kid: z.string(), published: time, revoked: time })).default([]),
});
const plainSchema = z.strictObject({ format: z.literal(format), ring: ringSchema });
const sealedSchema = z.strictObject({
  format: z.literal(format),
  sealed: z.strictObject({ masterKey: z.string(), nonce: z.string(), ciphertext: z.string() }),
});

export function writeRing(ring: Ring, { algorithm, masterKeys }: RingForm): string {
  if (masterKeys === null) return JSON.stringify({ format, ring });
  return JSON.stringify({ format, sealed: seal(JSON.stringify(ring), masterKeys.current, bindingOf(algorithm)) });
}

/** @throws Error that tells the operator what to do, and quotes nothing of the text */
export function readRing(text: string, form: RingForm): RingText {
  const value = orUndefined(() => JSON.parse(text));
  const sealed = sealedSchema.safeParse(value);
  if (sealed.success) return readSealed(sealed.data.sealed, form);
  const plain = plainSchema.safeParse(value);
  if (!plain.success && !isKey(value)) throw isOfLaterFormat(value) ? later(form) : damaged(form.algorithm);
  if (form.masterKeys !== null && !form.takePlain) throw notEncrypted(form);
  return plain.success
    ? { ring: plain.data.ring, isCurrent: form.masterKeys === null }
    : { singleKey: value as JsonWebKey };
}

const isKey = (value: unknown): value is JsonWebKey => typeof value === 'object' && value !== null && 'kty' in value;

function readSealed(sealed: Sealed, form: RingForm): RingText {
  const { algorithm, masterKeys } = form;
  if (masterKeys === null) throw withoutMasterKey(form);
  const master = [masterKeys.current, masterKeys.previous].find((each) => each?.id === sealed.masterKey);
  if (!master) throw otherMasterKey(form, sealed.masterKey);
  const opened = orUndefined(() => JSON.parse(unseal(sealed, master, bindingOf(algorithm))));
  const ring = ringSchema.safeParse(opened);
  if (!ring.success) throw damaged(algorithm);
  return { ring: ring.data, isCurrent: master === masterKeys.current };
}

const bindingOf = (algorithm: SigningAlgorithm): string => JSON.stringify(['counterseal key ring', format, algorithm]);

const isOfLaterFormat = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && 'format' in value && Number(value.format) > format;

/** Without the cause: a parser quotes what it could not read, and that is a private key. */
export function orUndefined<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

const the = (algorithm: SigningAlgorithm): string => `The signing keys for ${algorithm} in the store`;

export const damaged = (algorithm: SigningAlgorithm): Error =>
  new Error(
    `${the(algorithm)} are damaged. Restore the store from a backup; or start with an empty ` +
      'store, which makes new keys: tokens signed with the old ones then no longer verify.',
  );

const later = ({ algorithm }: RingForm): Error =>
  new Error(`${the(algorithm)} were written by a later version of Counterseal: run that one.`);

const withoutMasterKey = ({ algorithm }: RingForm): Error =>
  new Error(`${the(algorithm)} are encrypted: name the file with their master key as signing.masterKey.file.`);

const notEncrypted = ({ algorithm }: RingForm): Error =>
  new Error(
    `${the(algorithm)} are not encrypted, so anybody who can write there may have put them: take them out of the ` +
      'store, and find out who wrote them. New keys are made then.',
  );

const otherMasterKey = ({ algorithm, masterKeys }: RingForm, found: string): Error =>
  new Error(
    `${the(algorithm)} are encrypted under another master key (its id is ${found}, and that of signing.masterKey.file ` +
      `is ${masterKeys?.current.id}). Give every replica the same file; while it is being exchanged, name the other one as ` +
      'signing.masterKey.previous.file. Nothing was changed in the store.',
  );
