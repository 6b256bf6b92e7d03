-- Makes a consumer a member of a group; creates the group, and the stream, if they are not there.
--
-- KEYS, after those of every publish: the group, its consumers. ARGV, after those of every publish: the group's name,
-- its settings, the consumer, how long a membership lasts, where a new group begins ('first', 'end', 'last' or
-- 'behind') and a number for that, the number of lanes, a version for what is written.
-- Returns 0 and the settings if the group has others; else 1, the generation, the fields of the group, and its
-- consumers with the end of their time.
-- A field of the group is 'o' (settings), 'g' (generation), or a part: 'l' and a lane, 'm' and a consumer; a part
-- begins with its version.

--BEGIN
--STORE
local group, leases, name, settings, consumer = KEYS[7], KEYS[8], ARGV[7], ARGV[8], ARGV[9]
if not meta then
  create()
  write_meta()
end
local version = ARGV[14]
if redis.call('HGET', group, 'g') ~= string.format('%.0f', generation) then
  redis.call('UNLINK', group, leases)
  local first = last + 1
  local oldest = redis.call('XRANGE', log, '-', '+', 'COUNT', 1)[1]
  if oldest then
    local _, number = struct.unpack('>I8I8', oldest[2][2], 2)
    first = number
  end
  local number, after = tonumber(ARGV[12]), last
  if ARGV[11] == 'first' then after = first - 1 end
  if ARGV[11] == 'last' then after = math.max(first - 1, last - number) end
  if ARGV[11] == 'behind' then after = math.min(math.max(number, first - 1), last) end
  local lane = version .. struct.pack('>I8I8I4', after, 0, 0)
  for index = 0, tonumber(ARGV[13]) - 1 do redis.call('HSET', group, 'l' .. index, lane) end
  redis.call('HSET', group, 'o', settings, 'g', string.format('%.0f', generation))
  redis.call('HSET', info, name, string.format('%.0f', after))
end
local theirs = redis.call('HGET', group, 'o')
if theirs ~= settings then return { 0, theirs } end
redis.call('HSET', group, 'm' .. consumer, version .. struct.pack('>I2', 0))
redis.call('ZADD', leases, now + tonumber(ARGV[10]), consumer)
redis.call('PUBLISH', ARGV[1], 'g' .. name)
local fields, consumers = redis.call('HGETALL', group), redis.call('ZRANGE', leases, 0, -1, 'WITHSCORES')
return { 1, generation, fields, consumers }
