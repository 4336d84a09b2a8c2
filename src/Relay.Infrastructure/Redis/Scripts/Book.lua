-- Adds a request that a relay let in by itself while it could not ask. A second time, it is there already: 0.
-- KEYS: counters, totals, relays, usage of its day, keys with usage of its day, last uses, its mark
-- ARGV: clock, day, second, key id, row, cost, input, output, cache written, cache read
if not redis.call('SET', KEYS[7], '1', 'NX', 'EX', TWO_DAYS) then return 0 end
local book = open(KEYS[1], KEYS[2], KEYS[3], clock(ARGV[1]))
if tonumber(ARGV[2]) == book.day then
  book.requests = book.requests + 1
  book.cost = book.cost + tonumber(ARGV[6])
  add_total(book, 1)
end
add_second(book, tonumber(ARGV[3]), 1)
save(book)
add_usage(KEYS[4], KEYS[5], ARGV[4], ARGV[5], { 1, ARGV[7], ARGV[8], ARGV[9], ARGV[10], ARGV[6] })
redis.call('HSET', KEYS[6], ARGV[4], ARGV[3])
return 1
