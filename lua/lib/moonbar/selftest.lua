-- SPDX-License-Identifier: MIT
-- selftest.lua: the tests that a register map gives for free (`moonbar test FILE`): what the rows say is done
-- to the device on the simulated bus, and what comes back is held against a second reading of the same words,
-- written for this purpose. Hooks are run with values of all kinds and may not raise.
--
-- A row opts out with exclude = "reason", which is shown. volatile = true says that two reads may differ: then only
-- what holds all the same is looked at. A hook may do what it likes with bits that exist and change.
--
-- Try it:  ./moonbar test lua/devices/edu.lua
local bit = require "bit"
local driver = require "moonbar.driver"
local map = require "moonbar.map"
local model = require "moonbar.model"
local numbers = require "moonbar.numbers"
local rows = require "moonbar.rows"
local space = require "moonbar.selftest_space"
local band, bor, bnot, bxor, lshift, rshift = bit.band, bit.bor, bit.bnot, bit.bxor, bit.lshift, bit.rshift
local methods = driver.methods          -- a register may have the name of one
local u64, hex, place = numbers.u64, numbers.hex, rows.place

local M = {}

local ONES = bnot(0ULL)
local BUSY = 1e8                -- instructions after which a hook counts as one that does not return

-- ---- what the words mean, once more --------------------------------------------------------------------

-- bits[word] = mask of the register's bits of that kind; bits nobody named are reserved.
local function bits_by_word(reg)
  local bits = setmetatable({}, { __index = function() return 0ULL end })
  if reg.doorbell then return bits end
  if reg.fields and not reg.alias then
    for _, f in ipairs(reg.fields) do bits[f.access] = bor(bits[f.access], f.mask) end
  else
    bits[reg.access] = reg.exists
  end
  return bits
end

local function visible(reg, bits)
  return band(reg.exists, bnot(bor(bits.wo, bits.rsvd)))
end

-- The value after a write of @data to the bits @be, of a register that held @old. @first: bits of `once`
-- that were not written yet.
local function written(bits, old, data, be, first)
  local one, zero = band(data, be), band(bnot(data), be)
  local take = band(be, bor(bits.rw, bits.wo, band(bits.once, first)))
  local v = bor(band(old, bnot(take)), band(data, take))
  v = band(v, bnot(band(one, bits.w1c)), bnot(band(zero, bits.w0c)))
  v = bor(v, band(one, bits.w1s), band(zero, bits.w0s))
  return bxor(v, band(one, bits.w1t), band(zero, bits.w0t))
end

local function after_read(bits, old)
  return bor(band(old, bnot(bits.rc)), bits.rs)
end

-- ---- one run ----------------------------------------------------------------------------------------------

local Run = {}
Run.__index = Run

function Run:result(ok, name, why, skip)
  self.results[#self.results + 1] = { ok = ok, name = name, why = why, skip = skip }
end

-- test(name, f): f raises or returns a sentence when it fails.
function Run:test(name, f)
  self.raised = nil
  local ok, why = pcall(f)
  if ok then why = why or self.raised end
  self:result(ok and not why, name, why and tostring(why))
end

function Run:skip(name, reason) self:result(true, name, nil, reason) end

-- Every access gets as much time as a hook may need, and no more; what is pending then is forgotten, so that an
-- event that asks for itself again ends too.
local cancel_all
local function guarded(f, ...)
  debug.sethook(function()
    cancel_all()
    error("a hook does not return", 0)
  end, "", BUSY)
  local v = f(...)
  debug.sethook()
  return v
end

-- A second of the device's time in small steps, but not more than a quarter of ours.
function Run:let_time_pass()
  local until_then = os.clock() + 0.25
  for _ = 1, 100 do
    guarded(methods.step, self.driver, 1e7)
    if os.clock() > until_then then return end
  end
end

function Run:read(reg, offset, size)
  return u64(guarded(driver.read_at, self.driver, reg, offset, size))
end

function Run:write(reg, offset, size, v)
  guarded(driver.write_at, self.driver, reg, offset, size, band(v, numbers.width_mask(8 * size)))
end

function Run:stored(reg, i) return model.stored(self.ctx, reg, i) end

function Run:poke(reg, i, v)
  local target = reg.target or reg
  self.C.mb_poke(self.ctx.ptr, target.rows[i], ONES, v, false)
end

local function sizes_of(reg)
  local list = {}
  for _, n in ipairs(reg.sizes or { 1, 2, 4, 8 }) do
    if n <= reg.size and not (reg.bar.is_config and n > 4) then list[#list + 1] = n end
  end
  return list
end

-- The elements that are tested of an array: the first two and the last.
local function some_elements(reg)
  local list = { 0 }
  if reg.count > 1 then list[2] = 1 end
  if reg.count > 2 then list[3] = reg.count - 1 end
  return list
end

local function expect(reg, i, what, got, wanted)
  if got ~= wanted then
    error(("%s %s is %s; right would be %s"):format(map.element_name(reg, i), what, hex(got, reg.width),
      hex(wanted, reg.width)), 0)
  end
end

-- A register whose lock is itself, or is set, takes no write.
function Run:is_locked(reg, i)
  if not reg.lock_reg then return false end
  local j = map.index_in(reg.lock_reg, reg, i)
  return band(self:stored(reg.lock_reg, j), reg.lock_mask) ~= 0
end

function Run:set_lock(reg, i, bits)
  local j = map.index_in(reg.lock_reg, reg, i)
  self.C.mb_poke(self.ctx.ptr, reg.lock_reg.rows[j], reg.lock_mask, bits, false)
end

-- ---- reset values -----------------------------------------------------------------------------------------------

local function is_stored(reg) return not reg.alias and not reg.doorbell end

local function sticky_bits(reg)
  local bits = reg.sticky and reg.exists or 0ULL
  for _, f in ipairs(reg.fields or {}) do
    if f.sticky then bits = bor(bits, f.mask) end
  end
  return bits
end

local set_elsewhere = "; if on.start or on.reset sets it, the row says volatile = true"

function Run:resets()
  local kinds = { { "started" }, { "cold", "after a cold reset" }, { "flr", "after a reset" } }
  for _, kind in ipairs(kinds) do
    if kind[2] then
      for _, reg in ipairs(self.def.regs) do
        for _, i in ipairs(is_stored(reg) and some_elements(reg) or {}) do
          self:poke(reg, i, reg.access == "const" and reg.reset or ONES)
        end
      end
      guarded(methods.reset, self.driver, kind[1])
    end
    for _, reg in ipairs(self.def.regs) do
      for _, i in ipairs(is_stored(reg) and some_elements(reg) or {}) do
        local wanted = reg.reset
        if kind[1] == "flr" and reg.access ~= "const" then
          local keeps = sticky_bits(reg)
          wanted = bor(band(wanted, bnot(keeps)), keeps)
        end
        self.after_reset[#self.after_reset + 1] = { reg = reg, i = i, what = kind[2] or "when started",
          kind = kind[1], got = self:stored(reg, i), wanted = wanted }
      end
    end
  end
  guarded(methods.reset, self.driver, "cold")
end

function Run:reset_value(reg)
  for _, r in ipairs(self.after_reset) do
    if r.reg == reg and r.got ~= r.wanted then
      return ("%s is %s %s; its row says %s%s"):format(map.element_name(reg, r.i), hex(r.got, reg.width), r.what,
        hex(r.wanted, reg.width), set_elsewhere)
    end
  end
end

-- What on.start and on.reset make of it is the same.
function Run:starts_alike(reg)
  local started = {}
  for _, r in ipairs(self.after_reset) do
    if r.reg == reg and r.kind == "started" then started[r.i] = r.got end
    if r.reg == reg and r.kind == "cold" and r.got ~= started[r.i] then
      return ("%s is %s when started and %s after a cold reset; if that is right, the row says exclude = \"why\"")
        :format(map.element_name(reg, r.i), hex(started[r.i], reg.width), hex(r.got, reg.width))
    end
  end
end

-- ---- peek, reads and sizes ----------------------------------------------------------------------------------------

local patterns = { 0ULL, ONES, 0x5555555555555555ULL, 0xaaaaaaaaaaaaaaaaULL, 0x0123456789abcdefULL }

function Run:peeks(reg)
  for _, i in ipairs(some_elements(reg)) do
    local path = map.element_name(reg, i)
    self:poke(reg, i, 0x5555555555555555ULL)
    local before = self:stored(reg, i)
    for _ = 1, 2 do expect(reg, i, "by peek", u64(self.dev:peek(path)), band(before, numbers.width_mask(reg.width))) end
    expect(reg, i, "after a peek", self:stored(reg, i), before)
  end
end

function Run:reads(reg)
  local bits = bits_by_word(reg)
  for _, i in ipairs(some_elements(reg)) do
    for _, p in ipairs(patterns) do
      for _, size in ipairs(sizes_of(reg)) do
        for at = 0, reg.size - size, size do
          if reg.access ~= "const" then self:poke(reg, i, p) end
          local old = self:stored(reg, i)
          local wanted = band(rshift(band(old, visible(reg, bits)), 8 * at), numbers.width_mask(8 * size))
          expect(reg, i, ("read by %d bytes at +%d"):format(size, at), self:read(reg, place(reg, i) + at, size), wanted)
          expect(reg, i, "after that read", self:stored(reg, i), after_read(bits, old))
        end
      end
    end
  end
end

-- What a read hook answers is the same for all sizes, and the second time. What it raises is told by hooks().
function Run:answers(reg)
  local sizes = sizes_of(reg)
  local most = sizes[#sizes] or error("it takes no access that fits into it", 0)
  for _, i in ipairs(some_elements(reg)) do
    local held = self:stored(reg, i)
    for from = 0, reg.size - most, most do
      local whole = self:read(reg, place(reg, i) + from, most)
      for _, size in ipairs(sizes) do
        for at = 0, most - size, size do
          self:poke(reg, i, held)           -- rc and rs
          local got = self:read(reg, place(reg, i) + from + at, size)
          local wanted = band(rshift(whole, 8 * at), numbers.width_mask(8 * size))
          if got ~= wanted then
            error(("%s read again by %d bytes at +%d is %s, before it was %s; if two reads may differ, the row says "
              .. "volatile = true"):format(map.element_name(reg, i), size, from + at, hex(got, 8 * size),
              hex(wanted, 8 * size)), 0)
          end
        end
      end
    end
  end
  self.raised = nil
end

-- An access of a size that the register does not take reads ones and writes nothing.
function Run:other_sizes(reg)
  local takes = {}
  for _, n in ipairs(reg.sizes) do takes[n] = true end
  for _, i in ipairs(some_elements(reg)) do
    for _, size in ipairs { 1, 2, 4, 8 } do
      if not takes[size] and size <= reg.size then
        local before = self:stored(reg, i)
        expect(reg, i, ("read by %d bytes, which it does not take,"):format(size),
          self:read(reg, place(reg, i), size), numbers.width_mask(8 * size))
        self:write(reg, place(reg, i), size, bnot(before))
        expect(reg, i, ("after a write of %d bytes, which it does not take,"):format(size), self:stored(reg, i), before)
      end
    end
  end
end

-- ---- bit bash -----------------------------------------------------------------------------------------------------

function Run:write_once(reg, i, bits, first, at, size, data)
  local be = lshift(numbers.width_mask(8 * size), 8 * at)
  local old = self:stored(reg, i)
  local wanted = self:is_locked(reg, i) and old or written(bits, old, data, be, first)
  self:write(reg, place(reg, i) + at, size, rshift(data, 8 * at))
  expect(reg, i, ("(%s before) after a write of %s by %d bytes at +%d"):format(hex(old, reg.width),
    hex(band(data, be), reg.width), size, at), self:stored(reg, i), wanted)
  return band(first, bnot(be))
end

function Run:bash(reg)
  local bits = bits_by_word(reg)
  for _, i in ipairs(some_elements(reg)) do
    guarded(methods.reset, self.driver, "cold")
    local first = ONES
    if reg.lock_reg then self:set_lock(reg, i, 0ULL) end
    local data = {}
    for n, p in ipairs(patterns) do data[n] = p end
    for n = 0, reg.width - 1 do data[#data + 1] = lshift(1ULL, n) end
    for _, size in ipairs(sizes_of(reg)) do
      for at = 0, reg.size - size, size do
        for _, d in ipairs(data) do
          for _, from in ipairs { 0ULL, ONES } do
            if reg.access ~= "const" then self:poke(reg, i, from) end
            first = self:write_once(reg, i, bits, first, at, size, d)
          end
        end
      end
    end
  end
end

function Run:locks(reg)
  for _, i in ipairs(some_elements(reg)) do
    guarded(methods.reset, self.driver, "cold")
    local sizes = sizes_of(reg)
    local size = sizes[#sizes]
    for n = 0, reg.lock_reg.width - 1 do
      local locking = band(reg.lock_mask, lshift(1ULL, n))
      self:set_lock(reg, i, locking)
      local before = self:stored(reg, i)
      for _, d in ipairs(locking ~= 0 and patterns or {}) do
        for at = 0, reg.size - size, size do self:write(reg, place(reg, i) + at, size, d) end
        expect(reg, i, ("while %s is %s, after a write of %s,"):format(reg.lock, hex(locking), hex(d)),
          self:stored(reg, i), before)
      end
    end
  end
  guarded(methods.reset, self.driver, "cold")
end

-- ---- hooks -----------------------------------------------------------------------------------------

-- Values a driver might write; whatever they are, a hook ends without an error.
local function hook_values(reg)
  local list = {}
  for n, p in ipairs(patterns) do list[n] = p end
  for n = 0, reg.width - 1 do list[#list + 1] = lshift(1ULL, n) end
  return list
end

-- Bits that no write changes, whatever its hook returns: reserved and constant ones.
local function fixed_bits(reg)
  return band(bor(bnot(reg.exists), reg.constant or 0ULL), numbers.width_mask(reg.width))
end

function Run:keeps(reg)
  local sizes, fixed = sizes_of(reg), fixed_bits(reg)
  local most = sizes[#sizes] or error("it takes no access that fits into it", 0)
  for _, i in ipairs(some_elements(reg)) do
    guarded(methods.reset, self.driver, "cold")
    local before = band(self:stored(reg, i), fixed)
    for _, v in ipairs(hook_values(reg)) do
      for at = 0, reg.size - most, most do
        self:write(reg, place(reg, i) + at, most, rshift(v, 8 * at))
        expect(reg, i, ("after a write of %s, in its reserved and constant bits,"):format(hex(v, reg.width)),
          band(self:stored(reg, i), fixed), before)
      end
    end
  end
  guarded(methods.reset, self.driver, "cold")
end

function Run:hooks(reg)
  local sizes = sizes_of(reg)
  local size = sizes[#sizes]
  if not size then return "it takes no access that fits into it" end
  for _, i in ipairs(some_elements(reg)) do
    guarded(methods.reset, self.driver, "cold")
    for _, v in ipairs((reg.write or reg.doorbell) and hook_values(reg) or { 0ULL }) do
      for at = 0, reg.size - size, size do
        if reg.write or reg.doorbell then self:write(reg, place(reg, i) + at, size, rshift(v, 8 * at)) end
        if reg.read then self:read(reg, place(reg, i) + at, size) end
        guarded(methods.step, self.driver, 1e6)
        if self.raised then
          return ("%s, after %s of %s: %s"):format(map.element_name(reg, i),
            (reg.write or reg.doorbell) and "a write" or "a read", hex(band(v, numbers.width_mask(reg.width)),
            reg.width), self.raised)
        end
      end
    end
    self:let_time_pass()
    if self.raised then return ("later, after writes to %s: %s"):format(map.element_name(reg, i), self.raised) end
  end
  guarded(methods.reset, self.driver, "cold")
end

-- ---- a register, and all of them --------------------------------------------------------------------

-- Each register keeps a value of its own while all others change.
function Run:storage()
  local n, values = 0, {}
  for _, reg in ipairs(self.def.regs) do
    for i = 0, is_stored(reg) and reg.access ~= "const" and reg.count - 1 or -1 do
      n = n + 1
      local v = band(reg.exists, u64(n) * 0x0101010101010101ULL)
      self:poke(reg, i, v)
      values[#values + 1] = { reg, i, bor(v, band(self:stored(reg, i), bnot(reg.exists))) }
    end
  end
  for _, x in ipairs(values) do expect(x[1], x[2], "after other registers changed", self:stored(x[1], x[2]), x[3]) end
  guarded(methods.reset, self.driver, "cold")
end

local function hook_name(reg)
  return reg.write and "its write hook" or reg.read and "its read hook" or "its doorbell"
end

function Run:register(reg)
  local name = reg.name
  if reg.exclude then return self:skip(name, reg.exclude) end
  if is_stored(reg) and reg.volatile then
    self:test(name .. ": after a cold reset as when started", function() return self:starts_alike(reg) end)
  elseif is_stored(reg) then
    self:test(name .. ": reset value", function() return self:reset_value(reg) end)
  end
  self:test(name .. ": peek changes nothing", function() return self:peeks(reg) end)
  if not reg.read then
    self:test(name .. ": reads, by every size", function() return self:reads(reg) end)
  elseif not reg.volatile then
    self:test(name .. ": its read hook answers every size alike", function() return self:answers(reg) end)
  end
  if reg.sizes and not reg.bar.is_config then
    self:test(name .. ": other sizes are refused", function() return self:other_sizes(reg) end)
  end
  if reg.write and fixed_bits(reg) ~= 0 then
    self:test(name .. ": its write hook leaves reserved and constant bits", function() return self:keeps(reg) end)
  elseif not reg.write and not reg.doorbell then
    self:test(("%s: bits, as %s says"):format(name, reg.fields and not reg.alias and "each field" or reg.access),
      function() return self:bash(reg) end)
  end
  if reg.lock_reg then self:test(name .. ": is locked by " .. reg.lock, function() return self:locks(reg) end) end
  if reg.write or reg.read or reg.doorbell then
    self:test(name .. ": " .. hook_name(reg) .. " takes any value", function() return self:hooks(reg) end)
  end
end

function Run:all()
  self.after_reset = {}
  self:resets()
  for _, reg in ipairs(self.def.regs) do self:register(reg) end
  self:test("every register keeps its own value", function() return self:storage() end)
  space.run(self, guarded)
end

-- Run all tests of a device object that is on no bus yet. { passed =, failed =, skipped =, … of
-- { ok =, name =, why =, skip = reason } }.
function M.run(dev)
  assert(dev:attach "sim:stepped")
  assert(dev:start())
  local ctx = dev.ctx
  local run = setmetatable({ dev = dev, ctx = ctx, def = ctx.def, driver = driver.of(dev), results = {},
    C = require("moonbar.lib").C }, Run)
  cancel_all = ctx.cancel_all
  local log = ctx.log
  ctx.log = function() end              -- the driver misprograms on purpose
  ctx.hook_failed = function(text) run.raised = run.raised or text end
  jit.off()                             -- only so a hook that does not return can be stopped
  jit.flush()
  local ok, why = pcall(run.all, run)
  debug.sethook()
  jit.on()
  ctx.log, ctx.hook_failed = log, nil
  if not ok then error(why, 0) end
  local counts = { passed = 0, failed = 0, skipped = 0 }
  for _, r in ipairs(run.results) do
    local kind = r.skip and "skipped" or r.ok and "passed" or "failed"
    counts[kind] = counts[kind] + 1
  end
  run.results.passed, run.results.failed, run.results.skipped = counts.passed, counts.failed, counts.skipped
  return run.results
end

-- One line of TAP for result @n.
function M.tap(n, prefix, r)
  local line = ("%s %d - %s: %s"):format(r.ok and "ok" or "not ok", n, prefix, r.name)
  if r.skip then line = line .. " # SKIP " .. r.skip end
  if r.why then line = line .. "\n# " .. r.why:gsub("\n", "\n# ") end
  return line
end

return M
