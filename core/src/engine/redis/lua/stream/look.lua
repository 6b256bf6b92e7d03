-- Where streams are, and that consumers live.
--
-- ARGV: the time a membership lasts, the number of streams, then a consumer for each group.
-- KEYS: for each stream its info, its log and its delayed events; for each group its consumers.
-- Returns the time, then for each stream its own field of info, the head of its first entry and when the next event is
-- due; for each group 0 if the consumer is no member any more, 2 if another's time is over, else 1.

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local answer, streams = { now }, tonumber(ARGV[2])
for index = 0, streams - 1 do
  local info, log, delayed = KEYS[3 * index + 1], KEYS[3 * index + 2], KEYS[3 * index + 3]
  local meta = redis.call('HGET', info, '')
  if meta then
    local first = redis.call('XRANGE', log, '-', '+', 'COUNT', 1)[1]
    local due = redis.call('ZRANGE', delayed, 0, 0, 'WITHSCORES')[2]
    answer[#answer + 1] = { meta, first and string.sub(first[2][2], 1, 37) or '', due or '' }
  else
    answer[#answer + 1] = {}
  end
end
for index = 1, #KEYS - 3 * streams do
  local leases, consumer = KEYS[3 * streams + index], ARGV[2 + index]
  local status = 0
  if redis.call('ZSCORE', leases, consumer) then
    redis.call('ZADD', leases, now + tonumber(ARGV[1]), consumer)
    status = redis.call('ZCOUNT', leases, '-inf', now) > 0 and 2 or 1
  end
  answer[#answer + 1] = status
end
return answer
