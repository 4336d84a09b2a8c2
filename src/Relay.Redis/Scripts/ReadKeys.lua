-- The keys that changed after a version: the version now, then id and entry of each, with an empty one for what is gone.
-- KEYS: keys, their version, in which version each was changed   ARGV: version
local answer = { redis.call('GET', KEYS[2]) or '0' }
for _, id in ipairs(redis.call('ZRANGE', KEYS[3], '(' .. ARGV[1], '+inf', 'BYSCORE')) do
  answer[#answer + 1] = id
  answer[#answer + 1] = redis.call('HGET', KEYS[1], id) or ''
end
return answer
