-- The middle part of every write: what was changed goes to the log, before anything else, so that an error leaves
-- nothing half done. `records` has its first place free, for the head of the message.

--GENERATION
if not meta then generation = new_generation() end
records[1] = struct.pack('>I8I8I8I4', generation, now, first, revision - first + 1)
local message = table.concat(records)
mean = mean == 0 and #message or math.ceil(mean * 0.95 + #message * 0.05)
local length = math.max(16, math.min(tonumber(ARGV[3]), math.floor(tonumber(ARGV[4]) / mean)))
local id = string.format('%.0f-%.0f', generation, revision)
local added = redis.pcall('XADD', log, 'MAXLEN', '~', length, id, 'd', message)
if type(added) == 'table' and added.err then
  if not string.find(added.err, 'equal or smaller', 1, true) then return added end
  redis.call('DEL', log) -- a log that is ahead of its hash is of another history
  redis.call('XADD', log, 'MAXLEN', '~', length, id, 'd', message)
end
if not meta then redis.call('PERSIST', log) end
