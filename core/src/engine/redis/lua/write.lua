-- Applies a batch of writes to one map: each atomically and in order, all in one call.
--
-- ARGV, after those of every write: the number of writes, then each write: its code and 16-byte id in one string, and
-- the arguments of the operation.
-- Everything is decided on copies, so a refusal leaves nothing half done.
-- Returns the message that was published ('' if nothing changed), the generation, and a status for each write:
-- its revision, 0 for no change, below 0 a refusal; in a string if a transaction's conditions did not hold.

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

if #records == 1 then return { '', generation, unpack(statuses) } end

--LOG
if cleared then redis.call('DEL', hash) end
local fields, gone = { '', struct.pack('>I8I8c16I4I4', generation, revision, last, mean, segments) .. ARGV[2] }, {}
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
