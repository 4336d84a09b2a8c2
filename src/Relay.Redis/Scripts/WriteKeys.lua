-- Changes keys, if nobody else has since they were read. Answers the new version, or 0.
-- KEYS: keys, their version, in which version each was changed   ARGV: version read, channel, then id and entry of each
local version = tonumber(redis.call('GET', KEYS[2]) or '0')
if version ~= tonumber(ARGV[1]) then return 0 end
version = version + 1
for i = 3, #ARGV, 2 do
  if ARGV[i + 1] == '' then redis.call('HDEL', KEYS[1], ARGV[i]) else redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
  redis.call('ZADD', KEYS[3], version, ARGV[i])
end
redis.call('SET', KEYS[2], version)
redis.call('PUBLISH', ARGV[2], 'keys')
return version
