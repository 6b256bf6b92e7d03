-- Does things to several objects of a scope, or nothing: every part is decided before the first is done.
--
-- ARGV: the number of parts, then each: its kind, the numbers of its keys and of its arguments, its arguments, as the
-- script of its kind has them. KEYS: those of each part.
-- Returns 0 and what each part's script says; or the number of the part that refuses, and why.

local kinds = {}

function kinds.group(KEYS, ARGV)
--CELLS
  return nil, function()
    commit()
    return 1
  end
end

function kinds.stream(KEYS, ARGV)
--PUBLISH
  for _, status in ipairs(statuses) do
    if type(status) == 'number' then return status end
  end
  return nil, function()
--COMMIT
  end
end

function kinds.map(KEYS, ARGV)
--DECIDE
  local status = statuses[1]
  if type(status) == 'string' or status < 0 then return status end
  return nil, function()
--APPLY
  end
end

local commits, answers, key, at = {}, { 0 }, 0, 2
for index = 1, tonumber(ARGV[1]) do
  local kind, keys, arguments = kinds[ARGV[at]], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  local names, values = {}, {}
  for place = 1, keys do names[place] = KEYS[key + place] end
  for place = 1, arguments do values[place] = ARGV[at + 2 + place] end
  key, at = key + keys, at + 3 + arguments
  local refused, commit = kind(names, values)
  if type(refused) == 'table' and refused.err then return refused end
  if refused then return { index, refused } end
  commits[index] = commit
end
for index, commit in ipairs(commits) do answers[index + 1] = commit() end
return answers
