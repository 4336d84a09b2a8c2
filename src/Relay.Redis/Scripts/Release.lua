-- Gives a claim up, unless it was answered or is another's by now.   KEYS: record   ARGV: claim
local record = redis.call('HMGET', KEYS[1], 'a', 'o')
if record[1] or record[2] ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
