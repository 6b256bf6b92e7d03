-- Changes parts of a group if they are as whoever changes them believes.
--
-- KEYS: info, the group, its consumers. ARGV: channel, name, generation, up to which event all is settled, whether to
-- tell the others, a consumer that goes and whether it must be dead, the number of parts, then each: its field and the
-- version it must have; then the new values, '' for none.
-- Returns 1; -1 if the group is gone; 2 if who should be dead lives; else 0, the fields of the group and its consumers.

local info, group, leases = KEYS[1], KEYS[2], KEYS[3]
if redis.call('HGET', group, 'g') ~= ARGV[3] then return { -1 } end
local goes, parts = ARGV[6], tonumber(ARGV[8])
if ARGV[7] == '1' then
  local clock = redis.call('TIME')
  local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
  local alive = redis.call('ZSCORE', leases, goes)
  if alive and tonumber(alive) > now then return { 2 } end
end
for index = 1, parts do
  local stored = redis.call('HGET', group, ARGV[7 + 2 * index])
  local version = stored and string.sub(stored, 1, 8) or ''
  if version ~= ARGV[8 + 2 * index] then
    return { 0, redis.call('HGETALL', group), redis.call('ZRANGE', leases, 0, -1, 'WITHSCORES') }
  end
end

local function commit()
  for index = 1, parts do
    local field, value = ARGV[7 + 2 * index], ARGV[8 + 2 * parts + index]
    if value == '' then
      redis.call('HDEL', group, field)
    else
      redis.call('HSET', group, field, value)
    end
  end
  if goes ~= '' then redis.call('ZREM', leases, goes) end
  redis.call('HSET', info, ARGV[2], ARGV[4])
  if ARGV[5] == '1' then redis.call('PUBLISH', ARGV[1], 'g' .. ARGV[2]) end
end
