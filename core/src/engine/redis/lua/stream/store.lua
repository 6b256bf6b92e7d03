-- The last part of every publish: whether there is room, and appending `packed`, the events with their lengths, which
-- lets go of what is old.

local function write_meta()
  local packed = struct.pack(META, generation, last, total, cut, base, window, mark_bytes, mark_time)
  redis.call('HSET', info, '', packed .. ARGV[2])
end

local function id_of(number) return string.format('%.0f-%.0f', generation, number) end

-- The head of the first entry that reaches `number`: its first number, time, bytes before it.
local function entry_at(number)
  local found = redis.call('XRANGE', log, id_of(number), '+', 'COUNT', 1)[1]
  if not found then return nil end
  local _, first, at, before = struct.unpack('>I8I8I8I8', found[2][2], 2)
  return first, at, before
end

-- Up to which event all groups have settled everything; nil without groups.
local function floor()
  local lowest
  local fields = redis.call('HGETALL', info)
  for index = 1, #fields, 2 do
    local settled = fields[index] ~= '' and tonumber(fields[index + 1])
    if settled and (not lowest or settled < lowest) then lowest = settled end
  end
  return lowest
end

-- Whether only what groups have not settled could make room for so many events of so many bytes behind `pending`.
local function is_full(count, bytes)
  if slack == 0 or not meta then return false end
  local most, most_bytes = max_len * slack, max_bytes * slack
  if last + count - cut < most and total + bytes - base <= most_bytes then return false end
  local settled = floor()
  if not settled or settled >= last then return false end
  if last + count - math.max(settled, cut - 1) > most then return true end
  local _, _, before = entry_at(settled + 1)
  return before ~= nil and total + bytes - before > most_bytes
end

--GENERATION

local function create()
  if meta then return end
  generation, window = new_generation(), now
  redis.call('PERSIST', log)
  meta = true
end

local function trim()
  local settled = slack > 0 and floor()
  local most = settled and math.max(cut, settled + 1) or math.huge
  local target = math.max(cut, math.min(last - max_len + 1, most))
  local oldest = max_age > 0 and now - max_age or 0
  -- Marks whose part is over, at most so many in one call.
  for _ = 1, 64 do
    local mark = redis.call('LINDEX', marks, 1)
    if not mark then break end
    local first, before, at = struct.unpack('>I8I8I8', mark)
    local over = first <= target or total - base > max_bytes or at < oldest
    if not over or first > most then break end
    target, base = math.max(target, first), before
    redis.call('LPOP', marks)
  end
  if target > cut then
    cut = target
    redis.call('XTRIM', log, 'MINID', id_of(target))
  end
end

local function append(count, bytes, packed)
  create()
  local first, before = last + 1, total
  last, total = last + count, total + bytes
  local head = struct.pack('>c1I8I8I8I8I4', 'e', generation, first, now, before, count)
  local message = head .. packed
  local added = redis.pcall('XADD', log, id_of(last), 'e', message)
  if type(added) == 'table' and added.err then
    if not string.find(added.err, 'equal or smaller', 1, true) then return added end
    redis.call('DEL', log) -- a log that is ahead of its info is of another history
    redis.call('XADD', log, id_of(last), 'e', message)
  end
  local part = max_bytes / 256
  if first == 1 or before - mark_bytes >= part or (max_age > 0 and now - mark_time >= max_age / 64) then
    redis.call('RPUSH', marks, struct.pack('>I8I8I8', first, before, now))
    mark_bytes, mark_time = before, now
  end
  if last - cut >= max_len or total - base > max_bytes or max_age > 0 then trim() end
  write_meta()
  redis.call('PUBLISH', ARGV[1], message)
end
