-- Lists and sets: items behind their lengths; the same rules as model/items.rs.

-- Calls `visit(item, frame)` for each item until it returns true.
local function each_item(framed, visit)
  local at = 1
  while at <= #framed do
    local length = struct.unpack('<I4', framed, at)
    local stop = at + 4 + length
    if visit(string.sub(framed, at + 4, stop - 1), string.sub(framed, at, stop - 1)) then return end
    at = stop
  end
end

local function item_set(framed)
  local set = {}
  each_item(framed, function(item) set[item] = true end)
  return set
end

-- Those of `wanted` that `held` lacks, each once. A frame that does not occur as bytes is surely no item,
-- so the usual case needs no walk over what is held.
local function fresh_items(held, wanted)
  local set, more, taken = nil, {}, {}
  each_item(wanted, function(item, frame)
    if taken[item] then return end
    if not set and string.find(held, frame, 1, true) then set = item_set(held) end
    if not (set and set[item]) then
      taken[item] = true
      more[#more + 1] = frame
    end
  end)
  return table.concat(more)
end

local function without_items(held, gone)
  local set, left = item_set(gone), {}
  each_item(held, function(item, frame)
    if not set[item] then left[#left + 1] = frame end
  end)
  return table.concat(left)
end

local WRONG = { [LIST] = NO_LIST, [SET] = NO_SET }
-- How long a list may be without segments, and a segment that more is appended to: the server takes about 1 ns for
-- each byte of a string that a script touches.
local SEGMENT = math.min(512, math.floor(max_value / 8))

local function framed(items) return struct.pack('>I4', #items) .. items end

local function edit(kind, key, items, value, shape, deadline)
  store(key, value, shape, deadline)
  effect(kind, key, framed(items))
end

local function store_long(key, deadline, count, bytes)
  entries[key] = struct.pack('>I8I8BI4I4', revision + 1, deadline, LIST + LONG, count, bytes)
end

-- Appends to a list that has segments: its status, or nil if it has none (or has expired).
local function append_long(key, items)
  local stored = segments > 0 and field(key)
  if segments_of(stored) == 0 then return nil end
  local _, deadline, _, count, bytes = struct.unpack('>I8I8BI4I4', stored)
  if deadline ~= 0 and deadline <= now then return nil end
  if bytes + #items > max_value then return TOO_LARGE end
  local newest = field(segment(key, count))
  if #newest + #items > SEGMENT then newest, count, segments = '', count + 1, segments + 1 end
  entries[segment(key, count)] = newest .. items
  store_long(key, deadline, count, bytes + #items)
  effect('A', key, framed(items))
  return 1
end

local function become_long(key, held, items, deadline)
  entries[segment(key, 1)], entries[segment(key, 2)] = held, items
  segments = segments + 2
  store_long(key, deadline, 2, #held + #items)
  effect('A', key, framed(items))
end

function ops.A(at)
  local key, shape, unique, wanted = ARGV[at], tonumber(ARGV[at + 1]), ARGV[at + 2] == '1', ARGV[at + 3]
  if shape == LIST and not unique then
    local status = append_long(key, wanted)
    if status then return status, at + 4 end
  end
  local revision, deadline, held_shape, held = live(key)
  if revision and held_shape ~= shape then return WRONG[shape], at + 4 end
  held = held or ''
  local more = unique and fresh_items(held, wanted) or wanted
  if more == '' then return 0, at + 4 end
  if #held + #more > max_value then return TOO_LARGE, at + 4 end
  if revision and shape == LIST and #held >= SEGMENT then
    if not append_long(key, more) then become_long(key, held, more, deadline) end
  elseif revision then
    edit('A', key, more, held .. more, shape, deadline)
  else
    put(key, more, shape, 0)
  end
  return 1, at + 4
end

function ops.M(at)
  local key, shape, gone = ARGV[at], tonumber(ARGV[at + 1]), ARGV[at + 2]
  local revision, deadline, held_shape, held = live(key)
  if not revision then return 0, at + 3 end
  if held_shape ~= shape then return WRONG[shape], at + 3 end
  local left = without_items(held, gone)
  if #left == #held then return 0, at + 3 end
  if left == '' then
    drop(key, 'D')
  else
    edit('R', key, gone, left, shape, deadline)
  end
  return 1, at + 3
end
