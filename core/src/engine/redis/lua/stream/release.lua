-- Appends the delayed events that are due, at most 500.

--BEGIN
--STORE
if not meta then return 0 end
local due = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', now, 'LIMIT', 0, 500)
if #due > 0 then
  local packed, bytes = {}, 0
  for index, member in ipairs(due) do
    local length = struct.unpack('>I2', member)
    local id, event = string.sub(member, 3, 2 + length), string.sub(member, 3 + length)
    for _, window_of in ipairs({ KEYS[4], KEYS[5] }) do
      if id ~= '' and redis.call('HEXISTS', window_of, id) == 1 then
        redis.call('HSET', window_of, id, last + index)
        break
      end
    end
    packed[index] = struct.pack('>I4', #event) .. event
    bytes = bytes + #event
  end
  redis.call('ZREM', KEYS[3], unpack(due))
  local failed = append(#due, bytes, table.concat(packed))
  if failed then return failed end
end
local next_due = redis.call('ZRANGE', KEYS[3], 0, 0, 'WITHSCORES')[2]
if next_due then redis.call('PUBLISH', ARGV[1], 'z' .. struct.pack('>I8', tonumber(next_due))) end
return #due
