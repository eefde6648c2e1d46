-- SPDX-License-Identifier: MIT
-- numbers.lua: the two kinds of number a register knows. Values to 32 bits are Lua numbers, wider
-- ones uint64_t, and LuaJIT's bit operations are signed; what bridges the three is here.
--
-- Try it:  ./moonbar -e 'print(require("moonbar.numbers").hex(0xfeULL, 64))'
local ffi = require "ffi"
local bit = require "bit"
local band, lshift, rshift = bit.band, bit.lshift, bit.rshift

local M = {}

local u64_t = ffi.typeof("uint64_t")
local i64_t = ffi.typeof("int64_t")

-- Any number or 64-bit integer as uint64_t; a negative one in two's complement.
function M.u64(v)
  if type(v) == "number" then
    if v < 0 then return ffi.cast(u64_t, ffi.cast(i64_t, v)) end
    return ffi.cast(u64_t, v)
  end
  return ffi.cast(u64_t, v)
end

function M.is_u64(v)
  return type(v) == "cdata" and (ffi.istype(u64_t, v) or ffi.istype(i64_t, v))
end

-- A number or a 64-bit integer?
function M.is_integer(v)
  if type(v) == "number" then return v == math.floor(v) and v > -2 ^ 63 and v < 2 ^ 64 end
  return M.is_u64(v)
end

-- The bits hi to lo as uint64_t.
function M.mask(lo, hi)
  return lshift(rshift(bit.bnot(0ULL), 63 - (hi - lo)), lo)
end

function M.width_mask(width)
  return M.mask(0, width - 1)
end

-- uint64_t to the kind that a register of this width has.
function M.shrink(v, width)
  if width <= 32 then return tonumber(v) end
  return v
end

-- "0x" and at least as many digits as width bits need.
function M.hex(v, width)
  v = M.u64(v)
  local hi, lo = tonumber(rshift(v, 32)), tonumber(band(v, 0xffffffffULL))
  local digits = width and math.ceil(width / 4) or 1
  if hi == 0 then return string.format("0x%0" .. math.min(digits, 8) .. "x", lo) end
  return string.format("0x%x%08x", hi, lo)
end

local suffixes = { [""] = 1, k = 2 ^ 10, m = 2 ^ 20, g = 2 ^ 30, t = 2 ^ 40 }

-- "4G", "0x100", "512k" as a number, or nil.
function M.parse(text)
  local plain = tonumber(text)
  if plain then return plain end
  local digits, suffix = text:match("^(%d+%.?%d*)([kKmMgGtT])i?[bB]?$")
  if not digits then return nil end
  return tonumber(digits) * suffixes[suffix:lower()]
end

function M.is_power_of_two(n)
  if n < 1 or n ~= math.floor(n) then return false end
  while n > 1 do
    if n % 2 ~= 0 then return false end
    n = n / 2
  end
  return true
end

-- 4096 as "4 KiB".
function M.size_text(n)
  for _, unit in ipairs { { 2 ^ 30, "GiB" }, { 2 ^ 20, "MiB" }, { 2 ^ 10, "KiB" } } do
    if n >= unit[1] and n % unit[1] == 0 then return string.format("%d %s", n / unit[1], unit[2]) end
  end
  return string.format("%d bytes", n)
end

return M
