-- SPDX-License-Identifier: MIT
-- selftest_space.lua: tests for free of what is around the registers: memory, addresses where nothing is, and
-- configuration space.
--
-- Try it:  ./moonbar test lua/devices/edu.lua
local bit = require "bit"
local ffi = require "ffi"
local numbers = require "moonbar.numbers"
local methods = require("moonbar.driver").methods       -- a register may have the name of one
local hex = numbers.hex

local M = {}

-- What of a BAR is taken, as sorted { from, to } pieces: registers, memory, MSI-X structures.
local function taken(def, n)
  local list = {}
  local function add(from, size) list[#list + 1] = { from, from + size } end
  for _, e in ipairs(def.elements) do
    if e.reg.bar.n == n then add(e.offset, e.reg.size) end
  end
  for _, ram in ipairs(def.rams) do
    if ram.bar == n then add(ram.offset, ram.size) end
  end
  for _, c in ipairs(def.caps) do
    if c.kind == "msix" and c.bar == n then
      add(c.table, 16 * c.vectors)
      add(c.pba, 8 * math.ceil(c.vectors / 64))
    end
  end
  table.sort(list, function(a, b) return a[1] < b[1] end)
  return list
end

local function gaps(def, n)
  local list, at = {}, 0
  local pieces = taken(def, n)
  pieces[#pieces + 1] = { def.bars[n].size }
  for _, piece in ipairs(pieces) do
    if piece[1] > at then list[#list + 1] = { at, piece[1] } end
    at = math.max(at, piece[2] or 0)
  end
  return list
end

local function all_state(run)
  local n = run.def.nrows * ffi.sizeof("struct mb_reg_state")
  local config = run.def.nrows - run.def.first_config
  return ffi.string(run.ctx.s64, n - config * ffi.sizeof("struct mb_reg_state"))
end

local function nothing_there(run, guarded, n)
  local before = all_state(run)
  for _, gap in ipairs(gaps(run.def, n)) do
    for _, size in ipairs { 1, 2, 4, 8 } do
      for _, at in ipairs { gap[1], gap[2] - size } do
        if at >= gap[1] and at + size <= gap[2] then
          local v = guarded(methods.bus_read, run.driver, n, at, size)
          if v ~= numbers.shrink(numbers.width_mask(8 * size), 8 * size) then
            return ("%d bytes at BAR %d + %s, where nothing is, read as %s; right would be ones"):format(size, n,
              hex(at), hex(v))
          end
          guarded(methods.bus_write, run.driver, n, at, size, 0x5aULL)
          if all_state(run) ~= before then
            return ("a write to BAR %d + %s, where nothing is, changed a register"):format(n, hex(at))
          end
        end
      end
    end
  end
end

local function memory(run, ram)
  local bytes = { [0] = 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88 }
  local width = math.min(8, ram.size)
  for _, from in ipairs { ram.offset, ram.offset + ram.size - width } do
    for at = 0, width - 1 do methods.bus_write(run.driver, ram.bar, from + at, 1, bytes[at]) end
    for _, size in ipairs { 1, 2, 4, 8 } do
      for at = 0, width - size do
        local wanted = 0ULL
        for k = size - 1, 0, -1 do wanted = wanted * 256 + bytes[at + k] end
        local got = numbers.u64(methods.bus_read(run.driver, ram.bar, from + at, size))
        if got ~= wanted then
          return ("%d bytes of memory at %s read as %s; right would be %s"):format(size, hex(from + at), hex(got),
            hex(wanted))
        end
      end
    end
    local mine = ram:at(from, width)
    if mine:u8(0) ~= 0x11 then return ("the model sees %s at %s"):format(hex(mine:u8(0)), hex(from)) end
    mine:fill(0)
  end
end

-- PCIe 6.0 §7.5.1.2.1: all-ones written to a BAR read back as its size
local function bar_size(run, n)
  local d, at, bar = run.driver, 0x10 + 4 * n, run.def.bars[n]
  local low, high = methods.config_read(d, at, 4), bar.is64 and methods.config_read(d, at + 4, 4)
  methods.config_write(d, at, 4, 0xffffffff)
  if high then methods.config_write(d, at + 4, 4, 0xffffffff) end
  local mask = numbers.u64(bit.band(methods.config_read(d, at, 4), 0xfffffff0)) % 2ULL ^ 32
  mask = mask + (high and numbers.u64(methods.config_read(d, at + 4, 4)) or 0xffffffffULL) * 2ULL ^ 32
  methods.config_write(d, at, 4, low)
  if high then methods.config_write(d, at + 4, 4, high) end
  if tonumber(-mask) ~= bar.size then
    return ("sized, BAR %d is %s; right would be %s"):format(n, hex(-mask), hex(bar.size))
  end
end

local function identity(run)
  local d, def = run.driver, run.def
  for offset, v in pairs { [0] = def.vendor, [2] = def.device } do
    methods.config_write(d, offset, 2, bit.bnot(v) % 2 ^ 16)
    local got = methods.config_read(d, offset, 2)
    if got ~= v then return ("configuration space + %d is %s; right would be %s"):format(offset, hex(got), hex(v)) end
  end
  local class = methods.config_read(d, 8, 4)
  if class ~= def.class * 256 + def.rev then
    return ("class and revision are %s; right would be %s"):format(hex(class), hex(def.class * 256 + def.rev))
  end
end

-- Into @run, a Run of selftest.lua. @guarded(f, …): call f, but not for ever.
function M.run(run, guarded)
  for n = 0, 5 do
    if run.def.bars[n] then
      run:test(("BAR %d: nothing answers where nothing is"):format(n), function()
        return nothing_there(run, guarded, n)
      end)
      run:test(("BAR %d: can be sized"):format(n), function() return bar_size(run, n) end)
    end
  end
  for _, ram in ipairs(run.def.rams) do
    run:test(("ram at %s of BAR %d: is memory"):format(hex(ram.offset), ram.bar), function()
      return memory(run, ram)
    end)
  end
  run:test("identity: is read-only", function() return identity(run) end)
end

return M
