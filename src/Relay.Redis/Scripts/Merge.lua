-- Copies the usage of one key in one bucket on one day: of two counts the larger stays. Answers how many rows grew.
-- KEYS: counters, totals, relays, usage of the day, keys with usage of the day   ARGV: clock, day, key id, write or '', then row and six numbers of each
local names, grew, requests, cost = { 'q', 'i', 'o', 'w', 'd', 'c' }, 0, 0, 0
for i = 5, #ARGV, 7 do
  local grown = false
  for n = 1, 6 do
    local field, theirs = ARGV[i] .. names[n], tonumber(ARGV[i + n])
    local ours = tonumber(redis.call('HGET', KEYS[4], field) or '0')
    if theirs > ours then
      grown = true
      ours = theirs
      if ARGV[4] ~= '' then redis.call('HSET', KEYS[4], field, whole(theirs)) end
    end
    if n == 1 then requests = requests + ours end
    if n == 6 then cost = cost + ours end
  end
  if grown then grew = grew + 1 end
end
if ARGV[4] ~= '' and grew > 0 then
  redis.call('EXPIRE', KEYS[4], USAGE_DAYS * DAY)
  redis.call('SADD', KEYS[5], ARGV[3])
  redis.call('EXPIRE', KEYS[5], USAGE_DAYS * DAY)
  local book = open(KEYS[1], KEYS[2], KEYS[3], clock(ARGV[1]))
  if tonumber(ARGV[2]) == book.day then
    local more = math.max(0, requests - book.requests)
    book.requests = book.requests + more
    book.cost = math.max(book.cost, cost - book.reserved)
    if more > 0 then add_total(book, more) end
    save(book)
  end
end
return grew
