-- Keeps the answer to a claimed request; answers the names of records to be forgotten to make room. Nothing when the claim is another's by now.
-- KEYS: record, records by age, bytes of all   ARGV: clock, fingerprint, claim, answer, seconds to keep it, most bytes, name
local record = redis.call('HMGET', KEYS[1], 'f', 'a', 'o')
if record[2] or (record[1] and record[3] ~= ARGV[3]) then return {} end
local now = clock(ARGV[1]) / MICRO
-- With what Redis needs for it besides, as measured (deploy/README.md).
local size = #ARGV[4] + 700
redis.call('HSET', KEYS[1], 'f', ARGV[2], 'a', ARGV[4])
redis.call('HDEL', KEYS[1], 'o')
redis.call('EXPIRE', KEYS[1], ARGV[5])
local own = ARGV[7] .. ' ' .. size
-- One of the name and of this size may stand there still, whose record has expired: counted already.
local added = redis.call('ZADD', KEYS[2], string.format('%.6f', now), own)
local bytes = redis.call('INCRBY', KEYS[3], added * size)
local forgotten = {}
while true do
  local oldest = redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')
  local expired = oldest[1] and tonumber(oldest[2]) <= now - tonumber(ARGV[5])
  if not oldest[1] or not (expired or bytes > tonumber(ARGV[6])) or #forgotten == 100 then break end
  redis.call('ZREM', KEYS[2], oldest[1])
  local name, length = string.match(oldest[1], '^(%S+) (%d+)$')
  bytes = redis.call('DECRBY', KEYS[3], length)
  -- An expired one has no record any more, or one of its name that is somebody's by now. Nor has an older one of this name; this one has,
  -- and goes if it is more than may be kept of all.
  if not expired and (name ~= ARGV[7] or oldest[1] == own) then forgotten[#forgotten + 1] = name end
end
return forgotten
