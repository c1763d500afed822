/** What Redis, or the way to it, says is wrong: in a sentence of ours, since it may quote what it was sent. */

/** Waiting does not help: somebody has to change something. */
export class RedisUnfit extends Error {
  override readonly name = 'RedisUnfit';
}

/** It was written, and may be lost when the primary is. */
export class RedisUnacknowledged extends Error {
  override readonly name = 'RedisUnacknowledged';
}

/** By the first word of an error reply. */
const replies: Readonly<Record<string, string>> = {
  OOM: 'it is full (OOM): raise its maxmemory',
  MISCONF: 'it cannot write to its disk (MISCONF): see its log',
  LOADING: 'it is loading its data (LOADING)',
  BUSY: 'it is busy with a script (BUSY)',
  READONLY: 'it is a replica (READONLY): name the primary, or use mode sentinel or cluster',
  MASTERDOWN: 'it is a replica without its primary (MASTERDOWN)',
  CLUSTERDOWN: 'the cluster has no primary for some of its slots (CLUSTERDOWN)',
  CROSSSLOT: 'it is part of a cluster (CROSSSLOT): use mode cluster',
  MOVED: 'it is part of a cluster (MOVED): use mode cluster',
  ASK: 'the cluster is moving the slot to another node (ASK)',
  TRYAGAIN: 'the cluster is moving the slot to another node (TRYAGAIN)',
  NOREPLICA:
    'no replica is connected to it (NOREPLICA), and who takes over would not know what it wrote: give it one, or use mode single if nobody takes over',
  NOREPLICAS: 'fewer replicas are connected than min-replicas-to-write asks for (NOREPLICAS)',
};

const unfit: Readonly<Record<string, string>> = {
  NOAUTH: 'it needs a password (NOAUTH): set store.password, and store.username if it is not the default user',
  WRONGPASS: 'it refuses the username or password (WRONGPASS)',
  NOPERM: 'its ACL does not let this user do what the store needs (NOPERM): see the ACL line in docs/redis.md',
  DENIED: 'it is in protected mode (DENIED): give it a password, and set store.password',
};

/** @param deadline milliseconds */
export function faultOf(error: unknown, deadline: number): Error {
  if (error instanceof RedisUnfit || error instanceof RedisUnacknowledged) return error;
  const { message = '', code } = error as { message?: string; code?: unknown };
  // A script that may not do something says so behind the words of Lua.
  const has = (word: string) => new RegExp(`\\b${word}\\b`).test(message);
  const word = Object.keys(replies).find(has) ?? '';
  const permission = /can't run this command or subcommand|ACL/.test(message)
    ? 'NOPERM'
    : (Object.keys(unfit).find(has) ?? '');
  const cause = { cause: error };
  const remedy = unfit[permission];
  if (remedy !== undefined) return new RedisUnfit(remedy, cause);
  if (/timed out|ETIMEDOUT/.test(message)) return new Error(`it did not answer within ${deadline} ms`, cause);
  if (/sentinels are unreachable/.test(message))
    return new Error('no Sentinel answers, or none knows the primary', cause);
  if (replies[word] !== undefined) return new Error(replies[word], cause);
  if (typeof code === 'string' && /^[A-Z_]{3,60}$/.test(code))
    return new Error(`it cannot be reached (${code})`, cause);
  if (/Unknown RESP type/.test(message)) return new Error('what it sends is not the protocol of Redis', cause);
  return new Error('there is no connection to it', cause);
}
