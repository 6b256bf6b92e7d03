-- Applies a batch of writes to one map: each atomically and in order, all in one call.
--
-- KEYS: the hash of entries, the log. ARGV: channel, codec, log length, log bytes, largest value, number of
-- writes, then each write: its code and 16-byte id in one string, and the arguments of the operation.
-- The hash has a field with an empty name for the map itself: generation, revision, id of the last change,
-- mean size of a log entry, number of tails, codec. An entry is revision, deadline, shape, value.
-- A long list that is appended to grows in a second field, its tail (the key behind a byte that no key begins with):
-- revision, deadline, length of the rest, items. The rest then has 128 added to its shape, and is rewritten only
-- when the tail has grown long itself.
-- Everything is decided on copies; the log is written first, so an error leaves nothing half done.
-- Returns the message that was published ('' if nothing changed), the generation, and a status for each write:
-- its revision, 0 for no change, below 0 a refusal; in a string if a transaction's conditions did not hold.

local UNKNOWN = -100
local hash, log = KEYS[1], KEYS[2]
local max_value = tonumber(ARGV[5])
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local meta = redis.call('HGET', hash, '')
local generation, revision, last, mean, tails = 0, 0, string.rep('\0', 16), 0, 0
if meta then
  generation, revision, last, mean, tails = struct.unpack('>I8I8c16I4I4', meta)
  local codec = string.sub(meta, 41)
  if codec ~= ARGV[2] then return redis.error_reply('PONOSCODEC ' .. codec) end
end
local first = revision + 1

-- The batch so far: entries by key (false: gone), whether all older ones are gone, the records of changes,
-- and the effects of the change being made.
local entries, cleared, records, effects = {}, false, {}, {}

local function untail(key)
  local name = '\255' .. key
  local held = entries[name]
  if held == nil and not cleared then held = redis.call('HEXISTS', hash, name) == 1 end
  if held then
    entries[name] = false
    tails = tails - 1
  end
end

local function store(key, value, shape, deadline)
  if tails > 0 then untail(key) end
  entries[key] = struct.pack('>I8I8B', revision + 1, deadline, shape) .. value
end

local function put(key, value, shape, deadline)
  store(key, value, shape, deadline)
  effects[#effects + 1] = struct.pack('>c1I4', 'P', #key) .. key
    .. struct.pack('>I8BI4', deadline, shape, #value) .. value
end

-- Ends the change being made: gives it the next revision.
local function accept(id, matched)
  revision, last = revision + 1, id
  local body = table.concat(effects)
  records[#records + 1] = struct.pack('>I4c16BI2', #body + 19, id, matched and 1 or 0, #effects) .. body
  effects = {}
  return revision
end

-- What plain sets never need is only made when it is: making a dozen functions takes the server as long as a set.
local function load_rare()
  local TAILED = 128
  local before_tails = tails

  local function field(name)
    local stored = entries[name]
    if stored == nil and not cleared then stored = redis.call('HGET', hash, name) end
    return stored or nil
  end

  local function entry(key)
    local stored = field(key)
    if not stored then return nil end
    local at, deadline, shape = struct.unpack('>I8I8B', stored)
    local value = string.sub(stored, 18)
    if shape >= TAILED then
      local tail = field('\255' .. key)
      at, deadline = struct.unpack('>I8I8', tail)
      shape, value = shape - TAILED, value .. string.sub(tail, 21)
    end
    return at, deadline, shape, value
  end

  local function live(key)
    local at, deadline, shape, value = entry(key)
    if at and deadline ~= 0 and deadline <= now then return nil end
    return at, deadline, shape, value
  end

  local function size()
    local count = cleared and 0 or redis.call('HLEN', hash) - (meta and 1 or 0) - before_tails
    for key, stored in pairs(entries) do
      if string.byte(key) ~= 255 then
        local held = not cleared and redis.call('HEXISTS', hash, key) == 1
        if stored and not held then count = count + 1 end
        if not stored and held then count = count - 1 end
      end
    end
    return count
  end

  local function edit(kind, key, items, value, shape, deadline)
    store(key, value, shape, deadline)
    effects[#effects + 1] = struct.pack('>c1I4', kind, #key) .. key .. struct.pack('>I4', #items) .. items
  end

  -- From this length on a list has a tail; four times as much is a long tail.
  local LONG = math.min(2048, math.floor(max_value / 8))

  local function appended(key, items)
    effects[#effects + 1] = struct.pack('>c1I4', 'A', #key) .. key .. struct.pack('>I4', #items) .. items
  end

  local function with_tail(key, value, deadline, items, rewrite)
    if rewrite then entries[key] = struct.pack('>I8I8B', revision + 1, deadline, 1 + TAILED) .. value end
    entries['\255' .. key] = struct.pack('>I8I8I4', revision + 1, deadline, rewrite and #value or value) .. items
  end

  -- Appends to a list that has a tail: its status, or nil if it has none (or has expired).
  local function append_to_tail(key, items)
    local tail = tails > 0 and field('\255' .. key)
    if not tail then return nil end
    local _, deadline, rest = struct.unpack('>I8I8I4', tail)
    if deadline ~= 0 and deadline <= now then return nil end
    if rest + #tail - 20 + #items > max_value then return -9 end
    local held = string.sub(tail, 21)
    if #held + #items > 4 * LONG then
      with_tail(key, string.sub(field(key), 18) .. held .. items, deadline, '', true)
    else
      with_tail(key, rest, deadline, held .. items, false)
    end
    appended(key, items)
    return 1
  end

  local function append_long(key, value, items, deadline)
    untail(key)
    with_tail(key, value, deadline, items, true)
    tails = tails + 1
    appended(key, items)
  end

  local function touch(key, value, shape, deadline)
    store(key, value, shape, deadline)
    effects[#effects + 1] = struct.pack('>c1I4', 'T', #key) .. key .. struct.pack('>I8', deadline)
  end

  local function drop(key, kind)
    if tails > 0 then untail(key) end
    entries[key] = false
    effects[#effects + 1] = struct.pack('>c1I4', kind, #key) .. key
  end

  local function clear()
    entries, cleared, tails = {}, true, 0
    effects[#effects + 1] = 'C'
  end

  local function savepoint()
    local copy = {}
    for key, stored in pairs(entries) do copy[key] = stored end
    return { copy, cleared, tails }
  end

  local function restore(before) entries, cleared, tails, effects = before[1], before[2], before[3], {} end

  -- Where the operation after this one begins.
  local WIDTH = { S = 5, D = 3, I = 4, F = 4, A = 4, M = 3, T = 2, X = 1, C = 0 }
  local function skip(code, at)
    if code == 's' then return at + 2 end
    return at + WIDTH[code]
  end

--OPS

  -- Looks for the change that `id` made after a position: its revision and whether its conditions held, false if
  -- there surely is none, or nil if the log cannot tell.
  local function find(id, after_generation, after_revision)
    if not meta then
      if after_generation == 0 then return false end
      return nil
    end
    if after_generation == 0 then after_generation, after_revision = generation, 0 end
    if after_generation ~= generation then return nil end
    local wanted = after_revision + 1
    while wanted <= revision do
      local from, to = string.format('%.0f-%.0f', generation, wanted), string.format('%.0f', generation)
      local page = redis.call('XRANGE', log, from, to, 'COUNT', 100)
      if #page == 0 then return nil end
      for _, item in ipairs(page) do
        local message = item[2][2]
        local _, _, number, count, at = struct.unpack('>I8I8I8I4', message)
        if number > wanted then return nil end
        for _ = 1, count do
          local length, made_by, matched = struct.unpack('>I4c16B', message, at)
          if made_by == id then return number, matched == 1 end
          at, number = at + 4 + length, number + 1
        end
        wanted = number
      end
    end
    return false
  end

  return { ops = ops, skip = skip, find = find, savepoint = savepoint, restore = restore }
end

local statuses, at = {}, 7
local rare
for index = 1, tonumber(ARGV[6]) do
  local head = ARGV[at]
  local code, id = string.sub(head, 1, 1), string.sub(head, 2)
  local done, matched = nil, true
  at = at + 1
  if code == 'r' then
    code = ARGV[at + 2]
    rare = rare or load_rare()
    done, matched = rare.find(id, tonumber(ARGV[at]), tonumber(ARGV[at + 1]))
    if done == nil then done = UNKNOWN end
    at = at + 3
  end
  if done then
    if code == 's' then at = at + 2 else
      local before = rare.savepoint()
      local _; _, at = rare.ops[code](at)
      rare.restore(before)
    end
    if matched == nil then matched = true end
  elseif code == 's' then
    put(ARGV[at], ARGV[at + 1], 0, 0)
    done, matched, at = accept(id, true), true, at + 2
  else
    rare = rare or load_rare()
    local held
    done, at, held = rare.ops[code](at)
    matched = held ~= false
    if done > 0 then done = accept(id, matched) end
  end
  statuses[index] = matched and done or tostring(done)
end

if #records == 0 then return { '', generation, unpack(statuses) } end

if not meta then
  generation = now
  local known = redis.pcall('XINFO', 'STREAM', log)
  if not known.err then
    for index = 1, #known, 2 do
      if known[index] == 'last-generated-id' then
        local older = tonumber(string.match(known[index + 1], '^%d+'))
        generation = math.max(now, older + 1)
      end
    end
  end
end
local message = struct.pack('>I8I8I8I4', generation, now, first, #records) .. table.concat(records)
mean = mean == 0 and #message or math.ceil(mean * 0.95 + #message * 0.05)
local length = math.max(16, math.min(tonumber(ARGV[3]), math.floor(tonumber(ARGV[4]) / mean)))
local id = string.format('%.0f-%.0f', generation, revision)
local added = redis.pcall('XADD', log, 'MAXLEN', '~', length, id, 'd', message)
if type(added) == 'table' and added.err then
  if not string.find(added.err, 'equal or smaller', 1, true) then return added end
  redis.call('DEL', log) -- a log that is ahead of its hash is of another history
  redis.call('XADD', log, 'MAXLEN', '~', length, id, 'd', message)
end
if not meta then redis.call('PERSIST', log) end

if cleared then redis.call('DEL', hash) end
local fields, gone = { '', struct.pack('>I8I8c16I4I4', generation, revision, last, mean, tails) .. ARGV[2] }, {}
for key, stored in pairs(entries) do
  if stored then
    fields[#fields + 1] = key
    fields[#fields + 1] = stored
  else
    gone[#gone + 1] = key
  end
end
for from = 1, #gone, 1000 do
  redis.call('HDEL', hash, unpack(gone, from, math.min(#gone, from + 999)))
end
for from = 1, #fields, 1000 do
  redis.call('HSET', hash, unpack(fields, from, math.min(#fields, from + 999)))
end
redis.call('PUBLISH', ARGV[1], message)
return { message, generation, unpack(statuses) }
