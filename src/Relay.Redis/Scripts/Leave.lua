-- A relay is gone, by itself or for good: what it still holds is swept.   KEYS: relays, fleet   ARGV: relay
redis.call('ZREM', KEYS[1], ARGV[1])
return redis.call('HDEL', KEYS[2], ARGV[1])
