-- Keeps the answer to a claimed request; answers the names of records to be forgotten to make room: the oldest of the holder with the most bytes.
-- Nothing when the claim is another's by now.
-- KEYS: record, names by age, entries, names by holder, bytes of holders, bytes of all; names by age and bytes of all of versions without holders
-- ARGV: clock, fingerprint, claim, answer, seconds to keep it, most bytes, name, holder
local OVERHEAD, AT_ONCE = 1200, 100
local record = redis.call('HMGET', KEYS[1], 'f', 'a', 'o')
if record[2] or (record[1] and record[3] ~= ARGV[3]) then return {} end
local now = clock(ARGV[1]) / MICRO
redis.call('HSET', KEYS[1], 'f', ARGV[2], 'a', ARGV[4])
redis.call('HDEL', KEYS[1], 'o')
redis.call('EXPIRE', KEYS[1], ARGV[5])
if redis.call('DEL', KEYS[8]) == 1 then redis.call('EXPIRE', KEYS[7], ARGV[5]) end

local bytes = tonumber(redis.call('GET', KEYS[6]) or 0)

local function add_to_holder(holder, size)
  local has = tonumber(redis.call('ZSCORE', KEYS[5], holder) or 0) + size
  if has > 0 then redis.call('ZADD', KEYS[5], whole(has), holder) else redis.call('ZREM', KEYS[5], holder) end
  bytes = bytes + size
end

local function forget(name)
  local entry = redis.call('HGET', KEYS[3], name)
  redis.call('ZREM', KEYS[2], name)
  if not entry then return end
  local holder, time, size = string.match(entry, '^(%S+) (%S+) (%d+)$')
  redis.call('HDEL', KEYS[3], name)
  redis.call('ZREM', KEYS[4], holder .. ' ' .. time .. ' ' .. name)
  add_to_holder(holder, -tonumber(size))
end

-- One of the name may stand there still, whose record has expired.
forget(ARGV[7])
-- With the bytes that Redis needs for it besides, as measured (deploy/README.md).
local size, time = #ARGV[4] + OVERHEAD, string.format('%017.6f', now)
redis.call('ZADD', KEYS[2], time, ARGV[7])
redis.call('HSET', KEYS[3], ARGV[7], ARGV[8] .. ' ' .. time .. ' ' .. size)
redis.call('ZADD', KEYS[4], 0, ARGV[8] .. ' ' .. time .. ' ' .. ARGV[7])
add_to_holder(ARGV[8], size)

-- Records that have expired are gone by themselves.
for _, name in ipairs(redis.call('ZRANGE', KEYS[2], '-inf', string.format('%.6f', now - ARGV[5]), 'BYSCORE', 'LIMIT', 0, AT_ONCE)) do forget(name) end
local forgotten = {}
while bytes > tonumber(ARGV[6]) and #forgotten < AT_ONCE do
  local holder = redis.call('ZRANGE', KEYS[5], -1, -1)[1]
  local oldest = holder and redis.call('ZRANGE', KEYS[4], '[' .. holder .. ' ', '(' .. holder .. '!', 'BYLEX', 'LIMIT', 0, 1)[1]
  if not oldest then break end
  local name = string.match(oldest, '(%S+)$')
  forget(name)
  forgotten[#forgotten + 1] = name
end
redis.call('SET', KEYS[6], whole(bytes))
return forgotten
