-- Counters as decimal text; the same rules as model/number.rs.

local I64_MAX, I64_MIN = '9223372036854775807', '-9223372036854775808'

-- Whether the integer `a` is smaller than `b`; both canonical decimal text.
local function less(a, b)
  local a_negative, b_negative = string.byte(a) == 45, string.byte(b) == 45
  if a_negative ~= b_negative then return a_negative end
  if #a ~= #b then return (#a < #b) ~= a_negative end
  if a_negative then return b < a end
  return a < b
end

local function outside(n, min, max) return less(n, min) or less(max, n) end

local function is_integer(text)
  if text == '0' then return true end
  if #text > 20 or not string.match(text, '^%-?[1-9]%d*$') then return false end
  return #text < 19 or not outside(text, I64_MIN, I64_MAX)
end

-- Splits into two limbs of ten digits that both carry the sign: doubles hold each exactly.
local function limbs(text)
  local sign, digits = 1, text
  if string.byte(text) == 45 then sign, digits = -1, string.sub(text, 2) end
  if #digits <= 10 then return 0, sign * tonumber(digits) end
  return sign * tonumber(string.sub(digits, 1, -11)), sign * tonumber(string.sub(digits, -10))
end

-- The sum of two integers of 64 bits, which may have 65.
local function sum_integer(a, b)
  local a_high, a_low = limbs(a)
  local b_high, b_low = limbs(b)
  local high, low = a_high + b_high, a_low + b_low
  if low >= 1e10 then high, low = high + 1, low - 1e10 end
  if low <= -1e10 then high, low = high - 1, low + 1e10 end
  if high > 0 and low < 0 then high, low = high - 1, low + 1e10 end
  if high < 0 and low > 0 then high, low = high + 1, low - 1e10 end
  local sign = (high < 0 or low < 0) and '-' or ''
  if high == 0 then return sign .. string.format('%.0f', math.abs(low)) end
  return sign .. string.format('%.0f%010.0f', math.abs(high), math.abs(low))
end

-- The number in `text`, or nil: only what JSON-like grammars call a number, and only finite ones.
local function parse_float(text)
  local rest = #text <= 64 and string.match(text, '^%-?%d+(.*)$')
  if not rest then return nil end
  rest = string.match(rest, '^%.%d+(.*)$') or rest
  if rest ~= '' and not string.match(rest, '^[eE][%+%-]?%d+$') then return nil end
  local number = tonumber(text)
  if not number or math.abs(number) == math.huge then return nil end
  return number
end

local function format_float(number)
  for precision = 15, 16 do
    local text = string.format('%.' .. precision .. 'g', number)
    if tonumber(text) == number then return text end
  end
  return string.format('%.17g', number)
end

local function counted(key, sum, deadline)
  put(key, sum, PLAIN, deadline or 0)
  return 1
end

function ops.I(at)
  local key, by, min, max = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
  local revision, deadline, shape, value = live(key)
  if not revision then value, shape = '0', PLAIN end
  if shape ~= PLAIN or not is_integer(value) then return NUMBER, at + 4 end
  local sum = sum_integer(value, by)
  if outside(sum, min, max) then return BOUNDS, at + 4 end
  return counted(key, sum, deadline), at + 4
end

function ops.F(at)
  local key, by, min, max = ARGV[at], tonumber(ARGV[at + 1]), ARGV[at + 2], ARGV[at + 3]
  local revision, deadline, shape, value = live(key)
  if not revision then value, shape = '0', PLAIN end
  local number = shape == PLAIN and parse_float(value)
  if not number then return NUMBER, at + 4 end
  local sum = number + by
  local fits = math.abs(sum) ~= math.huge
  fits = fits and (min == '' or tonumber(min) <= sum) and (max == '' or sum <= tonumber(max))
  if not fits then return BOUNDS, at + 4 end
  return counted(key, format_float(sum), deadline), at + 4
end
