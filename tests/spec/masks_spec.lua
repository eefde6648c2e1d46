-- SPDX-License-Identifier: MIT
-- What every access word does, and random maps and accesses against a slow oracle: one bit at a time, as
-- the words are explained to people. If masks in C and sentences in Lua disagree, one of them is wrong.
--
-- Try it:  luajit /usr/bin/busted tests/spec/masks_spec.lua
local bit = require "bit"
local support = dofile "tests/spec/support.lua"
local mb = support.mb
local access = require "moonbar.access"

-- ---- the oracle: a bit's story ----------------------------------------------------------------------------

-- word → function(old, written, first) → new; nil: a write changes nothing
local on_write = {
  rw = function(_, w) return w end,
  wo = function(_, w) return w end,
  w1c = function(old, w) if w == 1 then return 0 end return old end,
  w1s = function(old, w) if w == 1 then return 1 end return old end,
  w1t = function(old, w) if w == 1 then return 1 - old end return old end,
  w0c = function(old, w) if w == 0 then return 0 end return old end,
  w0s = function(old, w) if w == 0 then return 1 end return old end,
  w0t = function(old, w) if w == 0 then return 1 - old end return old end,
  once = function(old, w, first) if first then return w end return old end,
}
local on_read = { rc = 0, rs = 1 }
local reads_as_zero = { wo = true, rsvd = true }

local function bits_of(v, n)
  local t = {}
  v = 0ULL + v
  for i = 0, n - 1 do t[i] = tonumber(bit.band(bit.rshift(v, i), 1ULL)) end
  return t
end

local function value_of(t, n)
  local v = 0ULL
  for i = 0, n - 1 do v = bit.bor(v, bit.lshift(0ULL + t[i], i)) end
  return v
end

-- A register of the oracle: words[bit], state, first[bit].
local Oracle = {}
Oracle.__index = Oracle

function Oracle.new(width, words, reset)
  local o = setmetatable({ width = width, words = words, state = bits_of(reset, width), first = {} }, Oracle)
  for i = 0, width - 1 do o.first[i] = true end
  return o
end

function Oracle:write(at, nbits, v)
  local w = bits_of(v, nbits)
  for i = 0, nbits - 1 do
    local b = at + i
    local f = on_write[self.words[b]]
    if f then
      self.state[b] = f(self.state[b], w[i], self.first[b])
      self.first[b] = false
    end
  end
end

-- A read of any byte reads the whole register: rc and rs act on all of its bits.
function Oracle:read(at, nbits)
  local t = {}
  for i = 0, nbits - 1 do
    local b = at + i
    t[i] = reads_as_zero[self.words[b]] and 0 or self.state[b]
  end
  for b = 0, self.width - 1 do
    local after = on_read[self.words[b]]
    if after then self.state[b] = after end
  end
  return value_of(t, nbits)
end

function Oracle:value() return value_of(self.state, self.width) end

-- ---- tests -------------------------------------------------------------------------------------------------

local all_words = {}
for word in pairs(access.words) do all_words[#all_words + 1] = word end
table.sort(all_words)

local function uniform(width, word)
  local words = {}
  for i = 0, width - 1 do words[i] = word end
  return words
end

local patterns = { 0, 1, 2, 0x55, 0xaa, 0xff }

local function hex(v) return bit.tohex(0ULL + v) end

describe("access words", function()
  after_each(function() support.take_said() support.free_all() end)

  for _, word in ipairs(all_words) do
    it(word .. " for a whole register", function()
      local reset = word == "rsvd" and 0 or 0x5a
      local _, t = support.device(("r = { 0x10, %s, 0x%x, width = 8 },"):format(word, reset))
      local o = Oracle.new(8, uniform(8, word), reset)
      for _, v in ipairs(patterns) do
        assert.equals(hex(o:read(0, 8)), hex(t:read "r"))
        t:write("r", v)
        o:write(0, 8, v)
        assert.equals(hex(o:read(0, 8)), hex(t:read "r"))
      end
    end)

    it(word .. " for a field, with other bits beside it", function()
      local reset = word == "rsvd" and 0x1 or 0x3d
      local dev, t = support.device(("r = { 0x10, { f = %s(5, 2), a = rw(0), b = ro(7) }, reset = 0x%x, width = 8 },")
        :format(word, reset))
      local words = { [0] = "rw", "rsvd", word, word, word, word, "rsvd", "ro" }
      local o = Oracle.new(8, words, reset)
      for _, v in ipairs(patterns) do
        t:write("r", v)
        o:write(0, 8, v)
        assert.equals(hex(o:value()), hex(dev:peek "r"))
        assert.equals(hex(o:read(0, 8)), hex(t:read "r"))
        assert.equals(hex(o:value()), hex(dev:peek "r"))
      end
    end)

    if word ~= "const" and word ~= "rsvd" then
      it(word .. " as an alias", function()
        local dev, t = support.device(("r = { 0x10, rw, 0xa5, width = 8 }, a = { 0x20, %s 'r', width = 8 },")
          :format(word))
        local o = Oracle.new(8, uniform(8, word), 0xa5)
        for _, v in ipairs(patterns) do
          t:write("a", v)
          o:write(0, 8, v)
          assert.equals(hex(o:value()), hex(dev:peek "r"))
          assert.equals(hex(o:value()), hex(dev:peek "a"))
          assert.equals(hex(o:read(0, 8)), hex(t:read "a"))
        end
      end)
    end
  end

  it("meets a slow oracle on random maps and accesses", function()
    local seed = tonumber(os.getenv "SEED") or os.time()
    math.randomseed(seed)
    local random = math.random
    for round = 1, 40 do
      local rows, oracles, offset = {}, {}, 0
      for n = 1, random(1, 12) do
        local width = ({ 8, 16, 32, 64 })[random(4)]
        offset = offset + random(0, 3)
        local words, fields, at, reset = uniform(width, "rsvd"), {}, 0, 0ULL
        while at < width do
          local len = math.min(random(1, 9), width - at)
          if random(5) > 1 then
            local word = all_words[random(#all_words)]
            fields[#fields + 1] = ("f%d = %s(%d, %d)"):format(at, word, at + len - 1, at)
            for i = at, at + len - 1 do
              words[i] = word
              if word ~= "rsvd" and random(2) == 1 then reset = bit.bor(reset, bit.lshift(1ULL, i)) end
            end
          end
          at = at + len
        end
        if #fields == 0 then fields[1] = "none = rsvd(0)" end
        rows[n] = ("r%d = { 0x%x, { %s }, reset = 0x%sULL, width = %d },"):format(n, offset,
          table.concat(fields, ", "), bit.tohex(reset), width)
        oracles[n] = { o = Oracle.new(width, words, reset), from = offset, to = offset + width / 8 }
        offset = offset + width / 8
      end
      local dev, t = support.device(table.concat(rows, "\n"))
      for step = 1, 150 do
        local size = ({ 1, 2, 4, 8 })[random(4)]
        local from = random(0, offset + 2)
        local write = random(2) == 1
        local value = bit.bor(bit.lshift(0ULL + random(0, 2 ^ 31 - 1), 33),
          0ULL + random(0, 2 ^ 31 - 1) * 4 + random(0, 3))
        if random(4) == 1 then value = bit.bnot(0ULL) end
        local expect = bit.bnot(0ULL)                   -- what no register answers reads as ones
        for _, x in ipairs(oracles) do
          local a, b = math.max(from, x.from), math.min(from + size, x.to)
          if a < b then
            local nbits, at, pos = 8 * (b - a), 8 * (a - x.from), 8 * (a - from)
            local mask = bit.lshift(bit.rshift(bit.bnot(0ULL), 64 - nbits), pos)
            if write then
              x.o:write(at, nbits, bit.rshift(bit.band(value, mask), pos))
            else
              expect = bit.bor(bit.band(expect, bit.bnot(mask)), bit.lshift(x.o:read(at, nbits), pos))
            end
          end
        end
        local context = ("SEED=%d round %d step %d: %d bytes at 0x%x, %s\n%s"):format(seed, round, step, size, from,
          write and "write 0x" .. hex(value) or "read", table.concat(rows, "\n"))
        if write then
          t:bus_write(0, from, size, size == 8 and value or bit.band(value, 2ULL ^ (8 * size) - 1))
        else
          expect = bit.band(expect, bit.rshift(bit.bnot(0ULL), 64 - 8 * size))
          assert.equals(hex(expect), hex(t:bus_read(0, from, size)), context)
        end
        for n, x in ipairs(oracles) do
          assert.equals(hex(x.o:value()), hex(dev:peek("r" .. n)), "r" .. n .. " after " .. context)
        end
      end
      dev:free()
      support.take_said()
    end
  end)
end)

describe("peek", function()
  after_each(support.free_all)
  it("changes nothing, not even read-to-clear", function()
    local dev, t = support.device "r = { 0, rc, 7 }, s = { 4, rs, 0 },"
    assert.equals(7, dev:peek "r")
    assert.equals(7, dev:peek "r")
    assert.equals(0, dev:peek "s")
    assert.equals(7, t.r)
    assert.equals(0, t.r)
    assert.equals(0, t.s)
    assert.equals(0xffffffff, dev:peek "s")
    assert.equals("", support.take_said())
    assert.is_truthy(mb.devices.t)
  end)
end)
