-- What the scripts of counters share; it goes before each of them. USAGE_DAYS comes from the relay.
--
-- All of a key's counters in one bucket are one hash, read and written as a whole:
--   d         the UTC day they are of, in days since 1970
--   n c r     requests, cost and reservations of that day; money in millionths of a US dollar
--   pd pn pc  the day that was counted before it, its requests and its cost: a clock that was ahead for a moment comes back to them
--   s<second> requests of one second of the last minute
--   l<second> the last of them, in microseconds after the second's begin
--   o<id>     a charge that is not settled: "<day> <second> <reserve> <model> <state>"
-- An id begins with the relay it is of, before the last dot. States: 1 runs, 0 waits for a place of its key,
-- x its relay is dead and its reservation has become cost, g it was given back before it was charged.
local DAY, WINDOW, MICRO = 86400, 61, 1000000
local TWO_DAYS, FORGET_VOID = 172800, 600

-- The server's own clock. Only tests give another.
local function clock(given)
  if given ~= '' then return tonumber(given) end
  local time = redis.call('TIME')
  return time[1] * MICRO + time[2]
end

local function whole(number) return string.format('%.0f', number) end

local function alive(book, id)
  local relay = string.match(id, '^(.*)%.[^.]*$')
  if book.relays[relay] == nil then
    local until_ms = redis.call('ZSCORE', book.relays_key, relay)
    book.relays[relay] = until_ms and tonumber(until_ms) * 1000 > book.now or false
  end
  return book.relays[relay]
end

-- Which of two counted days is taken up: a day further ahead than tomorrow was counted by a clock that was wrong, and binds nobody.
local function pick(today, day, before)
  if day and day >= today and day <= today + 1 then return day, false end
  if before and before >= today and before <= today + 1 and day and day > today + 1 then return before, true end
  return today, false
end

-- Reads a key's counters as they are now: a new day begins at nothing, old seconds are over, and what a dead relay
-- ran counts as spent.
local function open(counters, totals, relays, now)
  local second = math.floor(now / MICRO)
  local total = redis.call('HMGET', totals, 'd', 'n', 'pd', 'pn')
  local today = math.floor(second / DAY)
  -- The day only goes forwards: a clock that is set back over midnight gives nothing back.
  local counted, is_back = pick(today, tonumber(total[1]), tonumber(total[3]))
  local book = {
    counters = counters, totals = totals, relays_key = relays, relays = {}, now = now, second = second,
    day = counted,
    requests = 0, cost = 0, reserved = 0, minute = {}, last = {}, in_minute = 0, running = 0, waiting = 0, charges = {}, gone = {}, written = {},
  }
  book.is_new_total = tonumber(total[1]) ~= book.day
  book.total = tonumber(is_back and total[4] or not book.is_new_total and total[2] or 0)
  book.day_before, book.total_before = total[3], total[4]
  if book.is_new_total and total[1] then book.day_before, book.total_before = total[1], total[2] end
  local day, before, lasts = nil, {}, {}
  local fields = redis.call('HGETALL', counters)
  for i = 1, #fields, 2 do
    local name, value = fields[i], fields[i + 1]
    local kind = string.sub(name, 1, 1)
    if kind == 's' then
      local at = tonumber(string.sub(name, 2))
      if at <= second - WINDOW then
        book.gone[#book.gone + 1] = name
      else
        if at > second then
          -- Of a clock that was ahead: it must not shut the key until that time comes.
          book.gone[#book.gone + 1] = name
          at = second
          book.moved = true
        end
        local requests = tonumber(value)
        book.minute[at] = (book.minute[at] or 0) + requests
        book.in_minute = book.in_minute + requests
      end
    elseif kind == 'l' then
      lasts[tonumber(string.sub(name, 2))] = tonumber(value)
    elseif kind == 'p' then before[name] = tonumber(value)
    elseif kind == 'o' then
      local on, at, reserve, model, state = string.match(value, '^(%d+) (%d+) (%d+) (%S+) (%S)$')
      local charge = { day = tonumber(on), second = tonumber(at), reserve = tonumber(reserve), model = model, state = state }
      if state == 'g' and charge.second < second - FORGET_VOID or charge.day < math.floor(second / DAY) - 1 and (state == 'x' or state == 'g') then
        book.gone[#book.gone + 1] = name
      else
        book.charges[string.sub(name, 2)] = charge
      end
    elseif name == 'd' then day = tonumber(value)
    elseif name == 'n' then book.requests = tonumber(value)
    elseif name == 'c' then book.cost = tonumber(value)
    elseif name == 'r' then book.reserved = tonumber(value)
    end
  end
  for at, last in pairs(lasts) do
    if at <= second - WINDOW or at > second then
      book.gone[#book.gone + 1] = 'l' .. whole(at)
    elseif book.minute[at] then
      book.last[at] = last
    end
  end
  if book.moved then book.last[second] = now - second * MICRO end
  -- The oldest second is over sixty seconds after its last request, within the newest.
  local oldest = second - WINDOW + 1
  if book.minute[oldest] and book.last[oldest] and oldest * MICRO + book.last[oldest] + 60 * MICRO <= now then
    book.in_minute = book.in_minute - book.minute[oldest]
    book.minute[oldest] = nil
    book.gone[#book.gone + 1] = 's' .. whole(oldest)
    book.gone[#book.gone + 1] = 'l' .. whole(oldest)
  end
  book.is_new = day ~= book.day
  if book.is_new then
    local is_before = before.pd == book.day
    local kept = { pd = day, pn = book.requests, pc = book.cost }
    book.requests, book.cost, book.reserved = is_before and before.pn or 0, is_before and before.pc or 0, 0
    for _, charge in pairs(book.charges) do
      if charge.day == book.day and (charge.state == '1' or charge.state == '0') then book.reserved = book.reserved + charge.reserve end
    end
    if day then book.before = kept end
  end
  for id, charge in pairs(book.charges) do
    if (charge.state == '1' or charge.state == '0') and not alive(book, id) then
      charge.state = 'x'
      book.written[id] = true
      if charge.day == book.day then
        book.cost = book.cost + charge.reserve
        book.reserved = book.reserved - charge.reserve
      end
    end
    if charge.state == '1' then book.running = book.running + 1 end
    if charge.state == '0' then book.waiting = book.waiting + 1 end
  end
  return book
end

local function put(book, id, charge)
  book.charges[id] = charge
  book.written[id] = true
end

local function drop(book, id)
  book.charges[id] = nil
  book.written[id] = nil
  book.gone[#book.gone + 1] = 'o' .. id
end

local function add_second(book, second, requests)
  if second > book.second - WINDOW then
    second = math.min(second, book.second)
    -- What is given back was counted once: never less than none.
    local change = math.max(requests, -(book.minute[second] or 0))
    book.minute[second] = (book.minute[second] or 0) + change
    book.in_minute = book.in_minute + change
    book.touched = second
    if requests > 0 then book.last[second] = math.max(book.last[second] or 0, math.min(book.now - second * MICRO, MICRO)) end
  end
end

local function add_total(book, requests)
  book.total = book.total + requests
  redis.call('HSET', book.totals, 'd', book.day, 'n', book.total)
  if book.is_new_total then
    if book.day_before then redis.call('HSET', book.totals, 'pd', book.day_before, 'pn', book.total_before) end
    redis.call('EXPIRE', book.totals, TWO_DAYS)
  end
end

-- Calls with as many arguments as one call takes, as often as that takes.
local function in_parts(arguments, call)
  for from = 1, #arguments, 1000 do call(unpack(arguments, from, math.min(from + 999, #arguments))) end
end

-- Writes what changed. Returns whether a charge is open still.
local function save(book)
  in_parts(book.gone, function(...) redis.call('HDEL', book.counters, ...) end)
  local fields = { 'd', book.day, 'n', book.requests, 'c', book.cost, 'r', book.reserved }
  local function set(name, value) fields[#fields + 1] = name; fields[#fields + 1] = value end
  if book.touched then
    set('s' .. whole(book.touched), book.minute[book.touched])
    if book.last[book.touched] then set('l' .. whole(book.touched), whole(book.last[book.touched])) end
  end
  if book.before then set('pd', book.before.pd); set('pn', book.before.pn); set('pc', book.before.pc) end
  if book.moved then
    set('s' .. whole(book.second), book.minute[book.second])
    set('l' .. whole(book.second), whole(book.last[book.second]))
  end
  for id in pairs(book.written) do
    local charge = book.charges[id]
    set('o' .. id, string.format('%.0f %.0f %.0f %s %s', charge.day, charge.second, charge.reserve, charge.model, charge.state))
  end
  in_parts(fields, function(...) redis.call('HSET', book.counters, ...) end)
  if book.is_new then redis.call('EXPIRE', book.counters, TWO_DAYS) end
  for _, charge in pairs(book.charges) do
    if charge.state == '1' or charge.state == '0' then return true end
  end
  return false
end

-- When a second is over: sixty seconds after its last request, where that is known.
local function end_of(book, second)
  return book.last[second] and second * MICRO + book.last[second] + 60 * MICRO or (second + WINDOW) * MICRO
end

-- How long until less than the limit is in the minute, in microseconds; 0 when it is so now.
local function until_below(book, limit)
  if book.in_minute < limit then return 0 end
  local left = book.in_minute
  for second = book.second - WINDOW + 1, book.second do
    local requests = book.minute[second]
    if requests then
      left = left - requests
      if left < limit then return end_of(book, second) - book.now end
    end
  end
  return 0
end

-- How long until one less is in it: the end of the oldest second that has any.
local function until_one_less(book)
  local oldest
  for second, requests in pairs(book.minute) do
    if requests > 0 and (not oldest or second < oldest) then oldest = second end
  end
  return oldest and end_of(book, oldest) - book.now or 0
end

-- The numbers of a decision, for the relay to put into words.
local function standing(book, verdict, per_minute, has_place)
  return { verdict, book.day, book.second, book.requests, book.total, book.cost, book.reserved, book.in_minute,
    until_below(book, per_minute), until_one_less(book), book.now, book.running, has_place }
end

-- Adds to a row of the usage of a day: six numbers, requests first, cost last.
local function add_usage(usage, keys_of_day, key_id, row, numbers)
  local names = { 'q', 'i', 'o', 'w', 'd', 'c' }
  for i = 1, 6 do
    local number = tonumber(numbers[i])
    if number ~= 0 then
      local now = redis.call('HINCRBY', usage, row .. names[i], whole(number))
      -- Requests that came to nothing leave no row.
      if now == 0 then redis.call('HDEL', usage, row .. names[i]) end
      if now == number and names[i] == 'q' then
        redis.call('EXPIRE', usage, USAGE_DAYS * DAY)
        redis.call('SADD', keys_of_day, key_id)
        redis.call('EXPIRE', keys_of_day, USAGE_DAYS * DAY)
      end
    end
  end
end

-- Tells those who wait that a place may be free.
local function tell(book, channel, member)
  if book.waiting > 0 then redis.call('PUBLISH', channel, 'place ' .. member) end
end
