-- Removes a map and its history. The empty log stays for an hour, so that the next generation is higher even if
-- the clock is set back.
--
-- KEYS: the hash, the log. ARGV, after those of every write: id, and for a retry the generation that was meant.
-- Returns the message, the generation and the status, like write.lua.

local hash, log = KEYS[1], KEYS[2]
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local meta = redis.call('HGET', hash, '')
if not meta then return { '', 0, 0 } end
local generation, revision = struct.unpack('>I8I8', meta)
if ARGV[7] and tonumber(ARGV[7]) ~= generation then return { '', generation, 0 } end
local empty = redis.call('HLEN', hash) == 1
redis.call('DEL', hash)
if redis.call('EXISTS', log) == 1 then
  redis.call('XTRIM', log, 'MAXLEN', 0)
  redis.call('PEXPIRE', log, 3600000)
end
if empty then return { '', generation, 0 } end
local record = struct.pack('>I4c16BI2', 20, ARGV[6], 1, 1) .. 'C'
local message = struct.pack('>I8I8I8I4', generation, now, revision + 1, 1) .. record
redis.call('PUBLISH', ARGV[1], message)
return { message, generation, revision + 1 }
