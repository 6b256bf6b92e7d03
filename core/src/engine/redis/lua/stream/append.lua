-- Appends events without conditions, ids or delays, which come ready made: most publishes are such.
--
-- ARGV, after those of every publish: how many events, how many bytes they have, and the events with their lengths.
-- Returns the generation and the first number, or 0 and the refusal.

--BEGIN
--STORE
local count, bytes = tonumber(ARGV[7]), tonumber(ARGV[8])
if is_full(count, bytes) then return { 0, 3 } end
local failed = append(count, bytes, ARGV[9])
if failed then return failed end
return { generation, last - count + 1 }
