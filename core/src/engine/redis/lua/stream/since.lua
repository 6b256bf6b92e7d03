-- The number of the first event that was appended at a time or later, or of the next one: a search by halves.
--
-- KEYS: info, log. ARGV: the time.

local meta = redis.call('HGET', KEYS[1], '')
if not meta then return 1 end
local generation, last = struct.unpack('>I8I8', meta)
local function entry_at(number)
  local id = string.format('%.0f-%.0f', generation, number)
  local found = redis.call('XRANGE', KEYS[2], id, '+', 'COUNT', 1)[1]
  if not found then return nil end
  local _, first, at, _, count = struct.unpack('>I8I8I8I8I4', found[2][2], 2)
  return first, at, first + count
end

local wanted, low, high = tonumber(ARGV[1]), 1, last + 1
while low < high do
  local middle = math.floor((low + high) / 2)
  local first, at, behind = entry_at(middle)
  if not first then
    high = middle
  elseif at < wanted then
    low = behind
  else
    high = math.max(low, math.min(first, middle))
    if first <= low then break end
  end
end
return low
