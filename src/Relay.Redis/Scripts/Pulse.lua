-- A relay lives: its leases hold on, and the others see how it is. Answers what changed meanwhile.
-- KEYS: relays, fleet, version of the keys, limits of the relay's Claude login
-- ARGV: clock, relay, lease in ms, what it says of itself
local LONGEST_SILENCE = 3000
local now_ms = math.floor(clock(ARGV[1]) / 1000)
local newest = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')[2]
local silence = newest and now_ms + tonumber(ARGV[3]) - tonumber(newest) or 0
if silence > LONGEST_SILENCE then
  -- None of them was heard, which takes more than the death of one: this server was away, and who lived then lives still.
  local leases = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
  for i = 1, #leases, 2 do redis.call('ZADD', KEYS[1], leases[i + 1] + silence, leases[i]) end
end
redis.call('ZADD', KEYS[1], now_ms + tonumber(ARGV[3]), ARGV[2])
redis.call('HSET', KEYS[2], ARGV[2], whole(now_ms) .. ' ' .. ARGV[4])
return { now_ms, redis.call('GET', KEYS[3]) or '0', redis.call('HGETALL', KEYS[2]), redis.call('HGETALL', KEYS[4]), redis.call('ZRANGE', KEYS[1], 0, now_ms, 'BYSCORE') }
