-- A charge has ended, and counts, with what it spent. What is settled, or was given back, is so already: 0.
-- KEYS: counters, totals, relays, usage of its day, keys with usage of its day, keys with open charges
-- ARGV: clock, id, member, key id, row, channel, cost, input, output, cache written, cache read
local book = open(KEYS[1], KEYS[2], KEYS[3], clock(ARGV[1]))
local charge = book.charges[ARGV[2]]
if not charge or charge.state == 'g' then return 0 end
local cost = tonumber(ARGV[7])
if charge.day == book.day then
  -- The reservation of a relay that was taken for dead has become cost: it is put right.
  if charge.state == 'x' then book.cost = book.cost - charge.reserve else book.reserved = book.reserved - charge.reserve end
  book.cost = book.cost + cost
end
drop(book, ARGV[2])
if not save(book) then redis.call('SREM', KEYS[6], ARGV[3]) end
add_usage(KEYS[4], KEYS[5], ARGV[4], ARGV[5], { 0, ARGV[8], ARGV[9], ARGV[10], ARGV[11], cost - charge.reserve })
tell(book, ARGV[6], ARGV[3])
return 1
