/**
 * The times that keep every token verifiable while keys change; all in seconds. docs/keys.md tells how they add up.
 */

/** How long the key set and the metadata may be cached. */
export const cacheable = 300;

/** The bound of `lifetime` in the configuration. Its longest today would not do: tomorrow's policy may have longer ones. */
export const longestLifetime = 86_400;

/** By how much clocks of replicas may differ. */
const skew = 60;

/** How often a replica reads the rings. */
export const readEvery = 5;

/** A replica that has not read a ring for longer signs with none of its keys: others may have rotated meanwhile. */
export const staleAfter = 300;

/** From publication to first use: until no replica serves, and nobody caches, a key set that lacks the key. */
export const lead = cacheable + staleAfter + skew;

/** From the end of use to the end of publication: until the last token has expired, of a replica that was late to know as well. */
export const retention = longestLifetime + staleAfter + skew;

/** Whether what was read then may still be used; a clock that was put back by more than `skew` leaves that unknown. */
export const isRecent = (readAt: number, now: number): boolean => now - readAt >= -skew && now - readAt <= staleAfter;
