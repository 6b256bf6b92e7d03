-- Takes an event out: its number goes to those that were removed, which whoever reads leaves out.
--
-- KEYS: info, log, removed. ARGV: channel, generation, number. Returns whether it was there.

local meta = redis.call('HGET', KEYS[1], '')
local generation, number = tonumber(ARGV[2]), tonumber(ARGV[3])
if not meta or struct.unpack('>I8', meta) ~= generation then return 0 end
local oldest = redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', 1)[1]
if oldest then
  local _, first = struct.unpack('>I8I8', oldest[2][2], 2)
  redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', first - 1)
end
local id = string.format('%.0f-%.0f', generation, number)
local found = redis.call('XRANGE', KEYS[2], id, '+', 'COUNT', 1)[1]
if not found then return 0 end
local _, first = struct.unpack('>I8I8', found[2][2], 2)
if first > number or redis.call('ZADD', KEYS[3], 'NX', number, ARGV[3]) == 0 then return 0 end
redis.call('PUBLISH', ARGV[1], 'x' .. struct.pack('>I8I8', generation, number))
return 1
