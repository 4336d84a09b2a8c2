-- Gives a charge that waits one of its key's places, if one is free. 1 when it has it, 0 when none is free, -1 when there is no such charge.
-- KEYS: counters, totals, relays   ARGV: clock, id, places
local book = open(KEYS[1], KEYS[2], KEYS[3], clock(ARGV[1]))
local charge = book.charges[ARGV[2]]
if not charge or charge.state == 'g' or charge.state == 'x' then return -1 end
if charge.state == '1' then return 1 end
if book.running >= tonumber(ARGV[3]) then return 0 end
charge.state = '1'
put(book, ARGV[2], charge)
save(book)
return 1
