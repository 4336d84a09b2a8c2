-- Takes one request, and what it may cost, from a key's limits, if all of them allow it; and one of its key's places, if one is free.
-- KEYS: counters, totals, relays, usage of the day, keys with usage of the day, last uses, keys with open charges
-- ARGV: clock, id, day reckoned with, member, key id, row, model, reserve, per minute, per day, all keys per day, places, budget or '', lease in ms
local now = clock(ARGV[1])
local book = open(KEYS[1], KEYS[2], KEYS[3], now)
local per_minute, budget, reserve, places = tonumber(ARGV[9]), tonumber(ARGV[13]), tonumber(ARGV[8]), tonumber(ARGV[12])
local known = book.charges[ARGV[2]]
if known then
  -- Given back before it came: it overtook. Or charged already, by a command that was sent twice.
  return standing(book, known.state == 'g' and 'void' or 'charged', per_minute, known.state == '1' and 1 or 0)
end
if tonumber(ARGV[3]) ~= book.day then
  -- The names of the usage are made of the day, and names are given, not made here: to be sent again with this one.
  return standing(book, 'day', per_minute, 0)
end
if book.in_minute >= per_minute
  or book.requests >= tonumber(ARGV[10])
  or (budget and book.cost >= budget)
  or book.total >= tonumber(ARGV[11])
  or (budget and book.reserved > 0 and book.cost + book.reserved + reserve > budget) then
  return standing(book, 'refused', per_minute, 0)
end
if not alive(book, ARGV[2]) then
  -- Its first charge after a time in which it could not be heard.
  redis.call('ZADD', KEYS[3], math.floor(now / 1000) + tonumber(ARGV[14]), string.match(ARGV[2], '^(.*)%.[^.]*$'))
end
local has_place = book.running < places
if has_place then book.running = book.running + 1 end
book.requests = book.requests + 1
book.reserved = book.reserved + reserve
add_second(book, book.second, 1)
add_total(book, 1)
put(book, ARGV[2], { day = book.day, second = book.second, reserve = reserve, model = ARGV[7], state = has_place and '1' or '0' })
save(book)
add_usage(KEYS[4], KEYS[5], ARGV[5], ARGV[6], { 1, 0, 0, 0, 0, reserve })
redis.call('HSET', KEYS[6], ARGV[5], whole(book.second))
redis.call('SADD', KEYS[7], ARGV[4])
return standing(book, 'charged', per_minute, has_place and 1 or 0)
