-- What each plain operation means; the same decisions as `eval` in model/op.rs, which the tests compare with it.
-- Each takes its arguments from ARGV at `at` and returns a status and where the next operation begins:
-- 1 applied, 0 unchanged, below 0 the refusal.

local EXISTS, MISSING, REVISION, VALUE, BOUNDS, NUMBER, NO_LIST, NO_SET, TOO_LARGE = -1, -2, -3, -4, -5, -6, -7, -8, -9

-- 0, or why the condition refuses a write to what is there.
local function refusal(condition, argument, revision, value)
  if condition == '' then return 0 end
  if condition == 'A' then return revision and EXISTS or 0 end
  if not revision then return MISSING end
  if condition == 'R' then return string.format('%.0f', revision) == argument and 0 or REVISION end
  if condition == 'V' then return value == argument and 0 or VALUE end
  return 0
end

local function deadline_of(ttl) return ttl == '' and 0 or now + tonumber(ttl) end

local ops = {}

function ops.S(at)
  local key, value, ttl = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  local revision, _, _, current = nil, nil, nil, nil
  if ARGV[at + 3] ~= '' then revision, _, _, current = live(key) end
  local status = refusal(ARGV[at + 3], ARGV[at + 4], revision, current)
  if status == 0 then
    put(key, value, PLAIN, deadline_of(ttl))
    status = 1
  end
  return status, at + 5
end

function ops.D(at)
  local key = ARGV[at]
  local revision, _, _, current = live(key)
  local status = refusal(ARGV[at + 1], ARGV[at + 2], revision, current)
  if status == 0 and revision then
    drop(key, 'D')
    status = 1
  end
  return status, at + 3
end

function ops.T(at)
  local key, deadline = ARGV[at], deadline_of(ARGV[at + 1])
  local revision, _, shape, value = live(key)
  if not revision then return 0, at + 2 end
  store(key, value, shape, deadline)
  effect('T', key, struct.pack('>I8', deadline))
  return 1, at + 2
end

function ops.X(at)
  local key = ARGV[at]
  local stored = field(key)
  local deadline = stored and struct.unpack('>I8', stored, 9) or 0
  if deadline == 0 or deadline > now then return 0, at + 1 end
  drop(key, 'E')
  return 1, at + 1
end

local function size()
  local count = cleared and 0 or redis.call('HLEN', hash) - (meta and 1 or 0) - before_segments
  for key, stored in pairs(entries) do
    if string.byte(key) ~= 255 then
      local held = not cleared and redis.call('HEXISTS', hash, key) == 1
      if stored and not held then count = count + 1 end
      if not stored and held then count = count - 1 end
    end
  end
  return count
end

function ops.C(at)
  if size() == 0 then return 0, at end
  entries, cleared, segments = {}, true, 0
  effects[#effects + 1] = 'C'
  return 1, at
end
