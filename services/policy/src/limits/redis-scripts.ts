import { LATE_SETTLE_MS } from './lease.ts';

/**
 * The rules of lease.ts, in Lua, so that a grant over several counters is one step for all replicas. A counter is a
 * hash: `used`, and for each lease `l:<id>` = "granted spent expiresAtMs". Time is the server's.
 */
const COMMON = `
local function nowms()
  local t = redis.call('TIME')
  return tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
end
local function text(n) return string.format('%.17g', n) end
local function lease(value)
  local g, s, e = string.match(value, '(%S+) (%S+) (%S+)')
  return tonumber(g), tonumber(s), tonumber(e)
end
`;

/** KEYS: answer, counters…; ARGV: count, answer ms, then for each counter id, bound, needed, fraction, keep, lease, initial. */
export const GRANT_SCRIPT = `${COMMON}
local before = redis.call('GET', KEYS[1])
if before then return before end
local now = nowms()
local count = tonumber(ARGV[1])
local out, short = {}, false
for i = 1, count do
  local key, a = KEYS[i + 1], 2 + (i - 1) * 7
  local bound, needed, fraction = tonumber(ARGV[a + 2]), tonumber(ARGV[a + 3]), tonumber(ARGV[a + 4])
  local fields = redis.call('HGETALL', key)
  local used, committed = nil, 0
  local dead = {}
  for f = 1, #fields, 2 do
    if fields[f] == 'used' then used = tonumber(fields[f + 1])
    else
      local g, s, e = lease(fields[f + 1])
      if e + ${LATE_SETTLE_MS} <= now then dead[#dead + 1] = { fields[f], s }
      elseif e > now then committed = committed + math.max(g, s)
      else committed = committed + s end
    end
  end
  local stored = used ~= nil
  used = used or tonumber(ARGV[a + 7])
  for _, d in ipairs(dead) do
    redis.call('HDEL', key, d[1])
    used = used + d[2]
  end
  if #dead > 0 or not stored then redis.call('HSET', key, 'used', text(used)) end
  redis.call('PEXPIRE', key, ARGV[a + 5])
  local left = math.max(0, bound - used - committed)
  local granted = 0
  local none = needed > left or left <= 0
  if none then short = true
  else granted = math.max(needed, math.floor(left * fraction)) end
  out[i] = { none = none, id = ARGV[a + 1], granted = granted, left = left, key = key, expires = now + tonumber(ARGV[a + 6]) }
end
local parts = {}
for i, o in ipairs(out) do
  if short then o.granted = 0 end
  if not short then redis.call('HSET', o.key, 'l:' .. o.id, text(o.granted) .. ' 0 ' .. text(o.expires)) end
  parts[i] = table.concat({ o.id, text(o.granted), text(o.left - o.granted), o.none and '1' or '0' }, ' ')
end
local answer = table.concat(parts, '\\n')
if not short then redis.call('SET', KEYS[1], answer, 'PX', ARGV[2]) end
return answer
`;

/** KEYS: counter; ARGV: lease id, amount, final (1 or 0), lease ms. Answers 0 where the lease is not known. */
export const SETTLE_SCRIPT = `${COMMON}
local field = 'l:' .. ARGV[1]
local value = redis.call('HGET', KEYS[1], field)
if not value then return 0 end
local now = nowms()
local granted, spent, expires = lease(value)
spent = math.max(spent, tonumber(ARGV[2]))
if ARGV[3] == '1' then
  redis.call('HDEL', KEYS[1], field)
  local used = tonumber(redis.call('HGET', KEYS[1], 'used') or '0')
  redis.call('HSET', KEYS[1], 'used', text(used + spent))
  return 1
end
if expires > now then expires = math.max(expires, now + tonumber(ARGV[4])) end
redis.call('HSET', KEYS[1], field, text(granted) .. ' ' .. text(spent) .. ' ' .. text(expires))
return 1
`;
