-- Looks for the record of a request, and claims it when there is none, or when whoever had claimed it is dead. A claim that is sent twice is one.
-- KEYS: record, relays   ARGV: clock, fingerprint, claim (its relay before the last dot), seconds after which a claim is void in any case, lease in ms
local record = redis.call('HMGET', KEYS[1], 'f', 'a', 'o')
local function relay_of(claim) return string.match(claim, '^(.*)%.[^.]*$') end
if record[1] then
  if record[2] then
    if record[1] == ARGV[2] then return { 'answered', record[2] } end
    return { 'mismatch' }
  end
  if record[1] == ARGV[2] and record[3] == ARGV[3] then return { 'claimed' } end
  local until_ms = record[3] and redis.call('ZSCORE', KEYS[2], relay_of(record[3]))
  if until_ms and tonumber(until_ms) * 1000 > clock(ARGV[1]) then
    return { record[1] == ARGV[2] and 'in-flight' or 'mismatch' }
  end
end
redis.call('HSET', KEYS[1], 'f', ARGV[2], 'o', ARGV[3])
redis.call('EXPIRE', KEYS[1], ARGV[4])
redis.call('ZADD', KEYS[2], 'GT', math.floor(clock(ARGV[1]) / 1000) + tonumber(ARGV[5]), relay_of(ARGV[3]))
return { 'claimed' }
