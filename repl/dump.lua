-- SPDX-License-Identifier: MIT
-- dump.lua: memory as bytes: a range of a BAR, registers and ram alike, or the driver's memory. Looking is
-- peeking: no hook runs and nothing changes.
-- Try it:  printf 'md edu bar0+0x40000 32\nmd edu bar0 16\n' | ./moonbar run lua/devices/edu.lua

local bit = require "bit"
local ffi = require "ffi"
local lib = require "moonbar.lib"
local map = require "moonbar.map"
local memory = require "moonbar.memory"
local model = require "moonbar.model"
local numbers = require "moonbar.numbers"
local rows = require "moonbar.rows"
local show = require "repl.show"
local C = lib.C

local M = {}

local LENGTH, MOST = 64, 65536

local function fail(fmt, ...) error(string.format(fmt, ...), 0) end

-- ---- where ---------------------------------------------------------------------------------------------

local function number(text, what)
  local n = type(text) == "number" and text or numbers.parse(tostring(text))
  if not n or n < 0 or n ~= math.floor(n) then
    fail("md: %s %s; right would be a number, as 0x40000 or 4K", what, show.value(text))
  end
  return n
end

-- "bar0+0x100", "dma+0x100000", "0x100" (of BAR 0), or a register's name, as kind, BAR, offset.
local function place(dev, where)
  if type(where) == "number" then return "bar", 0, where end
  where = tostring(where)
  local n, offset = where:match "^bar(%d)%+?(.*)$"
  if n then return "bar", tonumber(n), offset == "" and 0 or number(offset, "offset") end
  offset = where:match "^dma%+(.+)$"
  if offset then return "dma", nil, number(offset, "bus address") end
  if numbers.parse(where) then return "bar", 0, number(where, "offset") end
  local reg, _, element = map.find(dev.ctx.def, where)
  if reg and not reg.bar.is_config then return "bar", reg.bar.n, rows.place(reg, element or 0) end
  fail("md: where is '%s'? right would be bar0+0x100, dma+0x100000 (a bus address), or a register's name", where)
end

local function length(given)
  local n = given == nil and LENGTH or number(given, "length")
  if n < 1 or n > MOST then fail("md: a length of %d; right would be 1 to %d", n, MOST) end
  return n
end

-- ---- bytes -----------------------------------------------------------------------------------------------

-- bytes: { [i] = byte or nil if there is none, from 0 on }
local function from_pointer(ptr, bytes, at, len)
  for i = 0, len - 1 do bytes[at + i] = ptr[i] end
end

local function bar_bytes(dev, bar, from, len)
  local def, bytes = dev.ctx.def, {}
  for _, ram in ipairs(def.rams) do
    local first, last = math.max(from, ram.offset), math.min(from + len, ram.offset + ram.size)
    if ram.bar == bar and first < last then
      local span = C.mb_ram(dev.ctx.ptr, bar, first, last - first)
      if span.ptr ~= nil then from_pointer(span.ptr, bytes, first - from, last - first) end
    end
  end
  for _, e in ipairs(def.elements) do
    local reg = e.reg
    if reg.bar.n == bar and not reg.doorbell and e.offset < from + len and from < e.offset + reg.size then
      local value = model.stored(dev.ctx, reg, e.i)
      for i = 0, reg.size - 1 do
        bytes[e.offset + i - from] = tonumber(bit.band(bit.rshift(value, 8 * i), 0xffULL))
      end
    end
  end
  return bytes
end

-- Through the driver's mappings where the bus tells them, else by a DMA read.
local function dma_bytes(dev, from, len)
  local mapping, bytes, i = ffi.new "struct mb_dma_mapping[1]", {}, 0
  local ret = C.mb_dma_mapping(dev.ctx.ptr, i, mapping)
  if ret < 0 then
    local buf = ffi.new("uint8_t[?]", len)
    local piece = ffi.new "struct mb_dma_piece[1]"
    piece[0].bus, piece[0].user, piece[0].length = from, ffi.cast("uintptr_t", buf), len
    piece[0].flags = 1
    local why = C.mb_dma(dev.ctx.ptr, piece, 1, lib.none, nil)
    if why ~= 0 then fail("md: DMA from 0x%x refused: %s", from, ffi.string(C.mb_dma_why_text(why))) end
    from_pointer(buf, bytes, 0, len)
  end
  while ret > 0 do
    local bus, size = tonumber(mapping[0].bus), tonumber(mapping[0].size)
    local first, last = math.max(from, bus), math.min(from + len, bus + size)
    if first < last then from_pointer(mapping[0].ptr + (first - bus), bytes, first - from, last - first) end
    i = i + 1
    ret = C.mb_dma_mapping(dev.ctx.ptr, i, mapping)
  end
  if next(bytes) == nil then
    fail("md: the driver of %s has mapped nothing at bus address 0x%x; `dma %s` shows its mappings", dev.name, from,
      dev.name)
  end
  return bytes
end

-- ---- lines -------------------------------------------------------------------------------------------------

local function line(address, bytes, at, n)
  local hex, text = {}, {}
  for i = 0, 15 do
    local b = i < n and bytes[at + i]
    hex[#hex + 1] = (i == 8 and " " or "") .. (i >= n and "  " or b and string.format("%02x", b) or "--")
    if i < n then text[#text + 1] = b and b >= 32 and b < 127 and string.char(b) or b and "." or " " end
  end
  return string.format("%08x  %s  |%s|", address, table.concat(hex, " "), table.concat(text))
end

-- lines(address, bytes, len): 16 bytes a line, `--` for those nobody has; equal lines in a row as one `*`.
local function lines(address, bytes, len)
  local list, last, starred = {}, nil, false
  for at = 0, len - 1, 16 do
    local n = math.min(16, len - at)
    local text = line(address + at, bytes, at, n)
    local same = last and text:sub(9) == last:sub(9) and at + 16 < len
    if not same then list[#list + 1] = text
    elseif not starred then list[#list + 1] = "*" end
    last, starred = text, same
  end
  return list
end

local function is_memory(v) return memory.is_span(v) or type(v) == "table" and rawget(v, "span") ~= nil end

-- show(prompt, dev, where, len): dev is not needed if where is a span or a page.
function M.show(prompt, dev, where, len)
  if is_memory(where) then
    local span = memory.is_span(where) and where or rawget(where, "span")
    local bytes, n = {}, math.min(length(len), tonumber(span.len))
    from_pointer(span.ptr, bytes, 0, n)
    for _, text in ipairs(lines(type(where) == "table" and where.bus or 0, bytes, n)) do prompt:print(text) end
    return
  end
  local kind, bar, from = place(dev, where)
  local n = length(len)
  if kind == "bar" then
    local b = dev.ctx.def.bars[bar]
    if not b then fail("md: %s has no BAR %d", dev.name, bar) end
    if from >= b.size then
      fail("md: 0x%x is beyond the end of BAR %d, which is %s", from, bar, numbers.size_text(b.size))
    end
    n = math.min(n, b.size - from)
  end
  local bytes = kind == "bar" and bar_bytes(dev, bar, from, n) or dma_bytes(dev, from, n)
  for _, text in ipairs(lines(from, bytes, n)) do prompt:print(text) end
end

M.is_memory = is_memory

return M
