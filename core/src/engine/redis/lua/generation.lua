-- A generation that is higher than any that the log has seen, and than the time.

local function new_generation()
  local known = redis.pcall('XINFO', 'STREAM', log)
  if known.err then return now end
  for index = 1, #known, 2 do
    if known[index] == 'last-generated-id' then
      local older = tonumber(string.match(known[index + 1], '^%d+'))
      return math.max(now, older + 1)
    end
  end
end
