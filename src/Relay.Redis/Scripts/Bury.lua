-- A dead relay's lease goes, now that what it held is swept; 0 when it has come back.   KEYS: relays   ARGV: clock, relay
local until_ms = redis.call('ZSCORE', KEYS[1], ARGV[2])
if not until_ms or tonumber(until_ms) * 1000 > clock(ARGV[1]) then return 0 end
return redis.call('ZREM', KEYS[1], ARGV[2])
