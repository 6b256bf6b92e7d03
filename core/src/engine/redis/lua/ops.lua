-- What each operation means; the same decisions as `eval` in model/op.rs, which the tests compare with it.
-- Each takes its arguments from ARGV at `at` and returns a status and where the next operation begins:
-- 1 applied, 0 unchanged, below 0 the refusal.

local PLAIN, LIST, SET = 0, 1, 2
local EXISTS, MISSING, REVISION, VALUE, BOUNDS, NUMBER, NO_LIST, NO_SET, TOO_LARGE = -1, -2, -3, -4, -5, -6, -7, -8, -9
local WRONG = { [LIST] = NO_LIST, [SET] = NO_SET }

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

local function counted(key, sum, deadline)
  put(key, sum, PLAIN, deadline or 0)
  return 1
end

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

function ops.I(at)
  local key, by, min, max = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
  local revision, deadline, shape, value = live(key)
  if not revision then value, shape = '0', PLAIN end
  if shape ~= PLAIN or not is_integer(value) then return NUMBER, at + 4 end
  local sum = sum_integer(value, by)
  if outside(sum, min, max) then return BOUNDS, at + 4 end
  return counted(key, sum, deadline), at + 4
end

function ops.F(at)
  local key, by, min, max = ARGV[at], tonumber(ARGV[at + 1]), ARGV[at + 2], ARGV[at + 3]
  local revision, deadline, shape, value = live(key)
  if not revision then value, shape = '0', PLAIN end
  local number = shape == PLAIN and parse_float(value)
  if not number then return NUMBER, at + 4 end
  local sum = number + by
  local fits = math.abs(sum) ~= math.huge
  fits = fits and (min == '' or tonumber(min) <= sum) and (max == '' or sum <= tonumber(max))
  if not fits then return BOUNDS, at + 4 end
  return counted(key, format_float(sum), deadline), at + 4
end

function ops.A(at)
  local key, shape, unique, wanted = ARGV[at], tonumber(ARGV[at + 1]), ARGV[at + 2] == '1', ARGV[at + 3]
  if shape == LIST and not unique then
    local status = append_to_tail(key, wanted)
    if status then return status, at + 4 end
  end
  local revision, deadline, held_shape, held = live(key)
  if revision and held_shape ~= shape then return WRONG[shape], at + 4 end
  held = held or ''
  local more = unique and fresh_items(held, wanted) or wanted
  if more == '' then return 0, at + 4 end
  if #held + #more > max_value then return TOO_LARGE, at + 4 end
  if revision and shape == LIST and #held >= LONG then
    append_long(key, held, more, deadline)
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

function ops.T(at)
  local key, deadline = ARGV[at], deadline_of(ARGV[at + 1])
  local revision, _, shape, value = live(key)
  if not revision then return 0, at + 2 end
  touch(key, value, shape, deadline)
  return 1, at + 2
end

function ops.X(at)
  local key = ARGV[at]
  local revision, deadline = entry(key)
  if not revision or deadline == 0 or deadline > now then return 0, at + 1 end
  drop(key, 'E')
  return 1, at + 1
end

function ops.C(at)
  if size() == 0 then return 0, at end
  clear()
  return 1, at
end

-- Reads the operations of a branch; does them if `wanted`. The first refusal ends it.
local function branch(at, wanted)
  local count, status = tonumber(ARGV[at]), 0
  at = at + 1
  for _ = 1, count do
    local code, done = ARGV[at], nil
    if wanted and status >= 0 then
      done, at = ops[code](at + 1)
      if done ~= 0 then status = done end
    else
      at = skip(code, at + 1)
    end
  end
  return status, at
end

function ops.t(at)
  local matched = true
  local count = tonumber(ARGV[at])
  at = at + 1
  for _ = 1, count do
    local revision, _, _, value = live(ARGV[at])
    if refusal(ARGV[at + 1], ARGV[at + 2], revision, value) < 0 then matched = false end
    at = at + 3
  end
  local before = savepoint()
  local status, other
  status, at = branch(at, matched)
  other, at = branch(at, not matched)
  if not matched then status = other end
  if status < 0 then restore(before) end
  return status, at, matched
end
