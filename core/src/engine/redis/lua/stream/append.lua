-- Appends events without conditions, ids or delays, which come ready made: most publishes are such.
--
-- ARGV, after those of every publish: how many events, how many bytes they have, and the events with their lengths.
-- Returns the generation and the first number, or 0 and the refusal.

--BEGIN
local count, bytes = tonumber(ARGV[7]), tonumber(ARGV[8])
-- Most create nothing, let nothing go and begin no part of the log: they do without the functions of the others, whose
-- making would take a third of their time. What they do is what `append` does, without its ifs.
local roomy = last + count - cut < max_len and total + bytes - base <= max_bytes and max_age == 0
if roomy and last > 0 and total - mark_bytes < max_bytes / 256 then
  local message = struct.pack('>c1I8I8I8I8I4', 'e', generation, last + 1, now, total, count) .. ARGV[9]
  local id = string.format('%.0f-%.0f', generation, last + count)
  -- It fails if the log is ahead of its info, which is for the others to mend.
  if type(redis.pcall('XADD', log, id, 'e', message)) == 'string' then
    local first = last + 1
    last, total = last + count, total + bytes
    local packed = struct.pack(META, generation, last, total, cut, base, window, mark_bytes, mark_time)
    redis.call('HSET', info, '', packed .. ARGV[2])
    redis.call('PUBLISH', ARGV[1], message)
    return { generation, first }
  end
end
--STORE
if is_full(count, bytes) then return { 0, 3 } end
local failed = append(count, bytes, ARGV[9])
if failed then return failed end
return { generation, last - count + 1 }
