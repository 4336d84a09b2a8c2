-- A charge came to nothing, and costs nothing. One that has not come yet is void when it comes.
-- KEYS: counters, totals, relays, usage of its day, keys with usage of its day, keys with open charges
-- ARGV: clock, id, member, key id, row, channel
local book = open(KEYS[1], KEYS[2], KEYS[3], clock(ARGV[1]))
local charge = book.charges[ARGV[2]]
if not charge then
  put(book, ARGV[2], { day = book.day, second = book.second, reserve = 0, model = '-', state = 'g' })
  save(book)
  return 0
end
if charge.state == 'g' then return 0 end
add_second(book, charge.second, -1)
if charge.day == book.day then
  book.requests = book.requests - 1
  if charge.state == 'x' then book.cost = book.cost - charge.reserve else book.reserved = book.reserved - charge.reserve end
  add_total(book, -1)
end
drop(book, ARGV[2])
if not save(book) then redis.call('SREM', KEYS[6], ARGV[3]) end
add_usage(KEYS[4], KEYS[5], ARGV[4], ARGV[5], { -1, 0, 0, 0, 0, -charge.reserve })
tell(book, ARGV[6], ARGV[3])
return 1
