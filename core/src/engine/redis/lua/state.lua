-- The state of a batch, as far as it is decided: what it will leave of each entry, and the effects for replicas.

local PLAIN, LIST, SET = 0, 1, 2
local max_value = tonumber(ARGV[5])
local before_segments = segments

-- Fields by name (false: gone), whether all older ones are gone, the records of changes, and the effects of the
-- change being made.
local entries, cleared, records, effects = {}, false, { '' }, {}

local function field(name)
  local stored = entries[name]
  if stored == nil and not cleared then stored = redis.call('HGET', hash, name) end
  return stored or nil
end

-- Revision, deadline, shape and value of an entry; nothing if it is absent or has expired.
local function live(key)
  local stored = field(key)
  if not stored then return nil end
  local at, deadline, shape = struct.unpack('>I8I8B', stored)
  if deadline ~= 0 and deadline <= now then return nil end
  if shape < LONG then return at, deadline, shape, string.sub(stored, 18) end
  local parts = {}
  for number = 1, segments_of(stored) do parts[number] = field(segment(key, number)) end
  return at, deadline, shape - LONG, table.concat(parts)
end

local function drop_segments(key)
  if segments == 0 then return end
  local count = segments_of(field(key))
  for number = 1, count do entries[segment(key, number)] = false end
  segments = segments - count
end

local function store(key, value, shape, deadline)
  drop_segments(key)
  entries[key] = struct.pack('>I8I8B', revision + 1, deadline, shape) .. value
end

local function effect(kind, key, rest)
  effects[#effects + 1] = struct.pack('>c1I4', kind, #key) .. key .. (rest or '')
end

local function put(key, value, shape, deadline)
  store(key, value, shape, deadline)
  effect('P', key, struct.pack('>I4I8B', #value, deadline, shape) .. value)
end

local function drop(key, kind)
  drop_segments(key)
  entries[key] = false
  effect(kind, key)
end

-- Ends the change being made: gives it the next revision.
local function accept(id, matched)
  revision, last = revision + 1, id
  local body = table.concat(effects)
  records[#records + 1] = struct.pack('>I4c16BI2', #body + 19, id, matched and 1 or 0, #effects) .. body
  effects = {}
  return revision
end

local function savepoint()
  local copy = {}
  for key, stored in pairs(entries) do copy[key] = stored end
  return { copy, cleared, segments }
end

local function restore(before) entries, cleared, segments, effects = before[1], before[2], before[3], {} end
