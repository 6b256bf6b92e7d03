-- Publishes what has conditions, ids or delays; the same decisions as model/log.rs, which the tests compare with it.
--
-- ARGV, after those of every publish: the number of requests, then each: its head (flags, the last number it expects,
-- the event after which it may have been done before, the number of its events) and for each event its id, its delay
-- and the event.
-- Everything is decided first, so a refusal leaves nothing half done; `commit` then does it.
-- Returns the generation and a status for each request: the refusal, or for each event its number, 0 if it is delayed,
-- below 0 if it was there before: -1 less the number.

--BEGIN
--STORE
local LAST_DIFFERS, MISSING, FULL, UNKNOWN = 1, 2, 3, 4
local EXPECTS, EXISTS, RETRIES = 1, 2, 4
local WINDOW, IDS = 120000, 100000

local appended, count, bytes, delayed, ids = {}, 0, 0, {}, {}
local created = meta ~= false

local function seen(id)
  if ids[id] then return ids[id] end
  if not meta or now >= window + 2 * WINDOW then return nil end
  return tonumber(redis.call('HGET', KEYS[4], id) or (now < window + WINDOW and redis.call('HGET', KEYS[5], id)) or nil)
end

-- The numbers of the events behind one, by whose they are, and whether these are all: the log may not reach back.
local function published(after_generation, after)
  if not meta then return {}, after_generation == 0 end
  if after_generation == 0 then after_generation, after = generation, 0 end
  if after_generation ~= generation then return {}, false end
  local found, wanted, whole = {}, after + 1, true
  while wanted <= last do
    local page = redis.call('XRANGE', log, id_of(wanted), '+', 'COUNT', 20)
    if #page == 0 then return found, false end
    for _, entry in ipairs(page) do
      local message = entry[2][2]
      local _, first, _, _, number, at = struct.unpack('>I8I8I8I8I4', message, 2)
      whole = whole and first <= wanted
      for seq = first, first + number - 1 do
        local length = struct.unpack('>I4', message, at)
        found[string.sub(message, at + 4, at + 19)] = seq
        at = at + 4 + length
      end
      wanted = first + number
    end
  end
  return found, whole
end

local function done_before(at, items, found)
  local fates = {}
  for index = 1, items do
    local id, delay, event = ARGV[at], tonumber(ARGV[at + 1]), ARGV[at + 2]
    local seq = found[string.sub(event, 1, 16)]
    local known = id ~= '' and delay == 0 and seen(id)
    fates[index] = seq or (known and -1 - known) or 0
    at = at + 3
  end
  return fates
end

local function late(id, event) return struct.pack('>I2', #id) .. id .. event end

local function was_done(at, items, found)
  for index = at, at + 3 * items - 1, 3 do
    local id, delay, event = ARGV[index], ARGV[index + 1], ARGV[index + 2]
    if found[string.sub(event, 1, 16)] then return true end
    if delay ~= '0' and redis.call('ZSCORE', KEYS[3], late(id, event)) then return true end
  end
  return false
end

local function accept(at)
  local id, delay, event = ARGV[at], tonumber(ARGV[at + 1]), ARGV[at + 2]
  local known = id ~= '' and seen(id)
  if known then return -1 - known end
  if delay > 0 then
    if id ~= '' then ids[id] = 0 end
    delayed[#delayed + 1] = { now + delay, late(id, event) }
    return 0
  end
  count, bytes = count + 1, bytes + #event
  appended[#appended + 1] = struct.pack('>I4', #event) .. event
  if id ~= '' then ids[id] = last + count end
  return last + count
end

local function decide(at)
  local flags, expected, after_generation, after, items = struct.unpack('>BI8I8I8I4', ARGV[at])
  local from, stop = at + 1, at + 1 + 3 * items
  local function has(flag) return math.floor(flags / flag) % 2 == 1 end
  if has(EXISTS) and not created then return MISSING, stop end
  if has(RETRIES) then
    local found, whole = published(after_generation, after)
    if was_done(from, items, found) then return done_before(from, items, found), stop end
    if not whole then return UNKNOWN, stop end
  end
  if has(EXPECTS) and expected ~= last + count then return LAST_DIFFERS, stop end
  local size = 0
  for index = from, stop - 1, 3 do size = size + #ARGV[index + 2] end
  if is_full(count + items, bytes + size) then return FULL, stop end
  created = true
  local fates = {}
  for index = 1, items do fates[index] = accept(from + 3 * (index - 1)) end
  return fates, stop
end

local function turn_window()
  if now < window + WINDOW and redis.call('HLEN', KEYS[4]) < IDS then return end
  redis.call('UNLINK', KEYS[5])
  if now < window + 2 * WINDOW and redis.call('EXISTS', KEYS[4]) == 1 then
    redis.call('RENAME', KEYS[4], KEYS[5])
  else
    redis.call('UNLINK', KEYS[4])
  end
  window = now
end

local statuses, at = {}, 8
for index = 1, tonumber(ARGV[7]) do statuses[index], at = decide(at) end

local function commit()
  if created and not meta then create() end
  if next(ids) then
    turn_window()
    for id, seq in pairs(ids) do redis.call('HSET', KEYS[4], id, seq) end
  end
  for _, event in ipairs(delayed) do redis.call('ZADD', KEYS[3], event[1], event[2]) end
  if count > 0 then
    local failed = append(count, bytes, table.concat(appended))
    if failed then return failed end
  elseif created then
    write_meta()
  end
  if #delayed > 0 then
    local due = redis.call('ZRANGE', KEYS[3], 0, 0, 'WITHSCORES')[2]
    redis.call('PUBLISH', ARGV[1], 'z' .. struct.pack('>I8', tonumber(due)))
  end
end
