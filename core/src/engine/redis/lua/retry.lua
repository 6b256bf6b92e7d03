-- Writes that may have been applied before: their ids are looked for in the log.

-- Looks for the change that `id` made after a position: its revision and whether its conditions held, false if
-- there surely is none, or nil if the log cannot tell.
local function find(id, after_generation, after_revision)
  if not meta then
    if after_generation == 0 then return false end
    return nil
  end
  if after_generation == 0 then after_generation, after_revision = generation, 0 end
  if after_generation ~= generation then return nil end
  local wanted = after_revision + 1
  while wanted <= revision do
    local from, to = string.format('%.0f-%.0f', generation, wanted), string.format('%.0f', generation)
    local page = redis.call('XRANGE', log, from, to, 'COUNT', 100)
    if #page == 0 then return nil end
    for _, item in ipairs(page) do
      local message = item[2][2]
      local _, _, number, count, at = struct.unpack('>I8I8I8I4', message)
      if number > wanted then return nil end
      for _ = 1, count do
        local length, made_by, matched = struct.unpack('>I4c16B', message, at)
        if made_by == id then return number, matched == 1 end
        at, number = at + 4 + length, number + 1
      end
      wanted = number
    end
  end
  return false
end
