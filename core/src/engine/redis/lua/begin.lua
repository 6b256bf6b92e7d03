-- The first part of every write: what the map is now.
--
-- KEYS: the hash of entries, the log. ARGV: channel, codec, log length, log bytes, largest value.
-- The hash has a field with an empty name for the map itself: generation, revision, id of the last change,
-- mean size of a log entry, number of segments, codec. An entry is revision, deadline, shape, value.
-- A long list has 128 added to its shape, and behind it the number of its segments and of their bytes; each segment is
-- a field of its own, named with a byte that no key begins with, its number and the key.

local hash, log = KEYS[1], KEYS[2]
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local meta = redis.call('HGET', hash, '')
local generation, revision, last, mean, segments = 0, 0, string.rep('\0', 16), 0, 0
if meta then
  generation, revision, last, mean, segments = struct.unpack('>I8I8c16I4I4', meta)
  local codec = string.sub(meta, 41)
  if codec ~= ARGV[2] then return redis.error_reply('PONOSCODEC ' .. codec) end
end
local first = revision + 1

-- How a list looks that has segments.
local LONG = 128

local function segment(key, number) return '\255' .. struct.pack('>I4', number) .. key end

-- How many segments the entry has that is stored so.
local function segments_of(stored)
  return stored and string.byte(stored, 17) >= LONG and struct.unpack('>I4', stored, 18) or 0
end
