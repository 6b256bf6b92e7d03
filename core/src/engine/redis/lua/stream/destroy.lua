-- Ends the life of a stream. The empty log stays for an hour, so that the next generation is higher even if the clock
-- is set back.
--
-- KEYS: info, log, then all others. ARGV: channel. Returns whether there was one.

local was = redis.call('EXISTS', KEYS[1])
redis.call('UNLINK', KEYS[1], unpack(KEYS, 3))
if redis.call('EXISTS', KEYS[2]) == 1 then
  redis.call('XTRIM', KEYS[2], 'MAXLEN', 0)
  redis.call('PEXPIRE', KEYS[2], 3600000)
end
if was == 1 then redis.call('PUBLISH', ARGV[1], 'd') end
return was
