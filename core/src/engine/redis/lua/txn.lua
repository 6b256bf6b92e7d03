-- Transactions: conditions, and what to do if they hold or not.

-- How many arguments each operation has.
local WIDTH = { S = 5, D = 3, I = 4, F = 4, A = 4, M = 3, T = 2, X = 1 }

-- Reads the operations of a branch; does them if `wanted`. The first refusal ends it.
local function branch(at, wanted)
  local count, status = tonumber(ARGV[at]), 0
  at = at + 1
  for _ = 1, count do
    local code, done = ARGV[at], nil
    if wanted and status >= 0 then
      done, at = op(code)(at + 1)
      if done ~= 0 then status = done end
    else
      at = at + 1 + WIDTH[code]
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
