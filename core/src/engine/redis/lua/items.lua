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
