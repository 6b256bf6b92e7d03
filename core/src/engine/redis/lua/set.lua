-- Sets keys whatever they hold, and nothing else: most writes are such, and take half the time that they would in
-- write.lua, because their changes come ready made.
--
-- ARGV, after those of every write: for each set its key, its change up to the value's length, and the rest of it:
-- deadline, shape and value, which with the revision in front is also the entry.
-- Returns the generation, the first revision and the time: the caller knows the rest of the message.

--BEGIN
local records, fields = { '' }, { '', '' }
for at = 6, #ARGV, 3 do
  revision = revision + 1
  local place = #fields
  fields[place + 1] = ARGV[at]
  fields[place + 2] = struct.pack('>I8', revision) .. ARGV[at + 2]
  records[place] = ARGV[at + 1]
  records[place + 1] = ARGV[at + 2]
end
last = string.sub(ARGV[#ARGV - 1], 5, 20)
--LOG
if segments > 0 then
  for place = 3, #fields, 2 do
    for number = 1, segments_of(redis.call('HGET', hash, fields[place])) do
      segments = segments - redis.call('HDEL', hash, segment(fields[place], number))
    end
  end
end
fields[2] = struct.pack('>I8I8c16I4I4', generation, revision, last, mean, segments) .. ARGV[2]
redis.call('HSET', hash, unpack(fields))
redis.call('PUBLISH', ARGV[1], message)
return { generation, first, now }
