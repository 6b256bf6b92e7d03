-- The first part of every publish: what the stream is now.
--
-- KEYS: info, log, delayed events, ids seen in this window, ids seen in the one before, marks.
-- ARGV: channel, codec, most events, most bytes, oldest age (0: any), what about groups that are behind.
-- The field of info with an empty name is for the stream itself: generation, last number, bytes ever appended, the
-- number below which all is trimmed, bytes before it (or fewer), when this window of ids began, bytes before the last
-- mark, its time; codec. The others are for the groups: up to which event each has settled everything.
-- An entry of the log is one call: 'e', generation, first number, time, bytes before it, number of events; for each
-- its length and the event. Its id is the generation and the number of its last event.
-- A mark is the first number of an entry, the bytes before it, its time: there is one for each part of the log.

local info, log, marks = KEYS[1], KEYS[2], KEYS[6]
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local max_len, max_bytes, max_age = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
-- How many times as long as wanted the log may grow for a group that is behind; 0: groups do not count.
local slack = ({ keep = 4, reject = 1, skip = 0 })[ARGV[6]]

local META = '>I8I8I8I8I8I8I8I8'
local meta = redis.call('HGET', info, '')
local generation, last, total, cut, base, window, mark_bytes, mark_time = 0, 0, 0, 1, 0, 0, 0, 0
if meta then
  generation, last, total, cut, base, window, mark_bytes, mark_time = struct.unpack(META, meta)
  local codec = string.sub(meta, 65)
  if codec ~= ARGV[2] then return redis.error_reply('PONOSCODEC ' .. codec) end
end
