-- Decides a batch of writes to one map, each on the state that those before it leave.

--BEGIN
--STATE
--OPS
-- The rest is made only when it is needed: making a dozen functions takes the server as long as a set.
local rare = {}
local PART = { I = 'numbers', F = 'numbers', A = 'items', M = 'items', t = 'txn' }

local function op(code)
  if not ops[code] then rare[PART[code]]() end
  return ops[code]
end

function rare.numbers()
--NUMBERS
end

function rare.items()
--ITEMS
end

function rare.txn()
--TXN
end

function rare.retry()
--RETRY
  return find
end

local UNKNOWN = -100
local find
local statuses, at = {}, 7
for index = 1, tonumber(ARGV[6]) do
  local head = ARGV[at]
  local code, id = string.sub(head, 1, 1), string.sub(head, 2)
  local done, matched = nil, true
  at = at + 1
  if code == 'r' then
    code = ARGV[at + 2]
    find = find or rare.retry()
    done, matched = find(id, tonumber(ARGV[at]), tonumber(ARGV[at + 1]))
    if done == nil then done = UNKNOWN end
    at = at + 3
  end
  if done then
    local before = savepoint()
    local _; _, at = op(code)(at)
    restore(before)
    if matched == nil then matched = true end
  else
    local held
    done, at, held = op(code)(at)
    matched = held ~= false
    if done > 0 then done = accept(id, matched) end
  end
  statuses[index] = matched and done or tostring(done)
end
