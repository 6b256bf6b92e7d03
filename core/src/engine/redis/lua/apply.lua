-- Does what was decided, and tells it.

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
