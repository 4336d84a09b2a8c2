-- How a key stands. Writes nothing.
-- KEYS: counters, totals, relays   ARGV: clock, per minute
local book = open(KEYS[1], KEYS[2], KEYS[3], clock(ARGV[1]))
return standing(book, 'seen', tonumber(ARGV[2]), 0)
