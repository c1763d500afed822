/**
 * What runs inside Redis, each script alone. Times are milliseconds of our clock, which is handed in: Redis' own only deletes, later.
 *
 * An entry is `EXPIRES VERSION JSON`, with `-` for never; JSON keeps lone surrogates, which UTF-8 cannot.
 * A log is a sorted set of `CURSOR EXPIRES JSON` (without the spaces, 16 digits each), a set of cursors by expiry, and the last cursor.
 */

/** Milliseconds after the expiry by our clock at which Redis may delete: clocks that are set back find the entry still there. */
const keptLonger = 60_000;

/** How long Redis keeps it; empty: for ever. */
export const ttl = (expiresAt: number | null, now: number): string =>
  expiresAt === null ? '' : String(Math.max(0, Math.ceil(expiresAt - now)) + keptLonger);

/**
 * `replication()` tells which history of writes this server has (its replication id changes with each restart and each promotion)
 * and whether a replica is connected. `refuse_alone` comes before what is written and must not be lost: somebody may take over who
 * has never heard of us. `live` is the entry unless it has expired.
 */
const prelude = `
local function replication()
  local info = redis.call('INFO', 'replication')
  if string.find(info, 'role:slave', 1, true) then error('READONLY') end
  return string.match(info, 'master_replid:(%x+)'), string.find(info, 'state=online', 1, true) and 1 or 0
end
local function refuse_alone(online, needed)
  if needed == '1' and online == 0 then error('NOREPLICA') end
end
local function since(key, otherwise, history)
  local mark = redis.call('GET', key)
  local time = mark and string.match(mark, '^' .. history .. ' (%d+)$')
  if time then return time end
  redis.call('SET', key, history .. ' ' .. otherwise)
  return otherwise
end
local function live(key, now)
  local row = redis.call('GET', key)
  if not row then return nil end
  local expires, version, value = string.match(row, '^(%S+) (%S+) (.*)$')
  if expires ~= '-' and tonumber(expires) <= tonumber(now) then return nil end
  return row, expires, version, value
end
local function keep(key, row, ttl)
  if ttl == '' then redis.call('SET', key, row) else redis.call('SET', key, row, 'PX', ttl) end
end
`;

/** KEYS mark; ARGV the mark's time if it is made now, whether a replica is needed (`1`; also below). @returns since */
export const touch = `${prelude}
local history, online = replication()
local known = since(KEYS[1], ARGV[1], history)
refuse_alone(online, ARGV[2])
return known`;

/**
 * KEYS entry, mark; ARGV now, the mark's time if it is made now, version and expiry of the row, value, ttl, from, whether a replica is needed.
 * The claim of its own value is written again, so that it can be acknowledged.
 * @returns the row that won (nothing: it may have been claimed before since), whether a replica has to acknowledge it, since
 */
export const claim = `${prelude}
local history, online = replication()
local known = since(KEYS[2], ARGV[2], history)
local row, _, _, value = live(KEYS[1], ARGV[1])
if row and value ~= ARGV[4] then return {row, 0, known} end
if row then
  refuse_alone(online, ARGV[7])
  redis.call('SET', KEYS[1], row, 'KEEPTTL')
  return {row, online, known}
end
if ARGV[6] ~= '' and tonumber(ARGV[6]) < tonumber(known) then return {'', 0, known} end
refuse_alone(online, ARGV[7])
row = ARGV[3] .. ' ' .. ARGV[4]
keep(KEYS[1], row, ARGV[5])
return {row, online, known}`;

/** KEYS entry; ARGV now. @returns the row; nothing where there is none */
export const get = `${prelude}
return (live(KEYS[1], ARGV[1]))`;

/** KEYS entry; ARGV now, version and expiry of the row, value, ttl, `*` or the version that has to be there (`-`: none), whether a replica is needed. @returns stored, online */
export const put = `${prelude}
local _, online = replication()
if ARGV[5] ~= '*' then
  local _, _, version = live(KEYS[1], ARGV[1])
  if (version or '-') ~= ARGV[5] then return {0, 0} end
end
refuse_alone(online, ARGV[6])
keep(KEYS[1], ARGV[2] .. ' ' .. ARGV[3], ARGV[4])
return {1, online}`;

/** KEYS entry; ARGV now, by, expiry, version, ttl. @returns the count; nothing where there is no counter */
export const increment = `${prelude}
local row, expires, _, value = live(KEYS[1], ARGV[1])
local count = row and tonumber(string.match(value, '^"(%-?%d+)"$')) or (not row and 0)
if not count then return false end
count = count + tonumber(ARGV[2])
if count > 9007199254740991 or count < -9007199254740991 or count ~= math.floor(count) then return false end
local text = string.format('%.0f', count)
local next = ' ' .. ARGV[4] .. ' "' .. text .. '"'
if row then redis.call('SET', KEYS[1], expires .. next, 'KEEPTTL') else keep(KEYS[1], ARGV[3] .. next, ARGV[5]) end
return text`;

/**
 * KEYS window; ARGV by, its length in seconds, the most that it takes. By Redis' clock, since nothing else is compared with it. What would be too much,
 * or give back more than was taken, is told and not kept.
 * @returns the count, milliseconds to the end of the window
 */
export const limit = `
local count = tonumber(redis.call('GET', KEYS[1]) or '0') + tonumber(ARGV[1])
if count < 0 or count > tonumber(ARGV[3]) then return {count, redis.call('PTTL', KEYS[1])} end
redis.call('SET', KEYS[1], '0', 'EX', ARGV[2], 'NX')
redis.call('INCRBY', KEYS[1], ARGV[1])
return {count, redis.call('PTTL', KEYS[1])}`;

/**
 * KEYS log, expiries, end; ARGV now, entry, expiry, whether a replica is needed. The cursor is at least Redis' time in microseconds, so that it does not go
 * back when the end was lost. Sweeps more than it adds.
 * @returns cursor, online
 */
export const append = `${prelude}
local _, online = replication()
refuse_alone(online, ARGV[4])
local time = redis.call('TIME')
local last = tonumber(redis.call('GET', KEYS[3]) or '0')
local cursor = string.format('%016.0f', math.max(last + 1, time[1] * 1000000 + time[2]))
redis.call('SET', KEYS[3], cursor)
redis.call('ZADD', KEYS[1], 0, cursor .. ARGV[3] .. ARGV[2])
redis.call('ZADD', KEYS[2], ARGV[3], cursor)
for _, old in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', ARGV[1], 'LIMIT', 0, 4)) do
  redis.call('ZREMRANGEBYLEX', KEYS[1], '[' .. old, '(' .. old .. ':')
  redis.call('ZREM', KEYS[2], old)
end
return {cursor, online}`;

/**
 * KEYS log, end; ARGV now, after, limit. A cursor beyond the end is of entries that the store has lost: then all is read that it has.
 * @returns members
 */
export const read = `
local after, limit = ARGV[2], tonumber(ARGV[3])
local from = '-'
if after ~= '' and after <= (redis.call('GET', KEYS[2]) or '') then from = '(' .. after .. ':' end
local found = {}
while #found < limit do
  local members = redis.call('ZRANGEBYLEX', KEYS[1], from, '+', 'LIMIT', 0, limit - #found)
  if #members == 0 then break end
  for _, member in ipairs(members) do
    if tonumber(string.sub(member, 17, 32)) > tonumber(ARGV[1]) then found[#found + 1] = member end
  end
  from = '(' .. members[#members]
end
return found`;
