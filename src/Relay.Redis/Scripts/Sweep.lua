-- Counts what dead relays ran of one key as spent, and frees its places.
-- KEYS: counters, totals, relays, keys with open charges   ARGV: clock, member, channel
local book = open(KEYS[1], KEYS[2], KEYS[3], clock(ARGV[1]))
if not save(book) then redis.call('SREM', KEYS[4], ARGV[2]) end
tell(book, ARGV[3], ARGV[2])
return 1
