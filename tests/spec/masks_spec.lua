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

-- ---- aliases, locks, sizes, arrays -------------------------------------------------------------------------

-- What an alias does by a word that is not its target's own.
local alias_words = { "ro", "rw", "wo", "rc", "rs", "w1c", "w1s", "w1t", "w0c", "w0s", "w0t" }

-- A random map of whole registers, some of them arrays, some with `sizes`, with aliases and locks, and the oracle's
-- side of it: elements in order of place, { reg =, oracle =, words =, from =, to =, sizes =, lock = element }.
local function random_map(random)
  local rows, elements, offset, targets = {}, {}, 0, {}
  for n = 1, random(3, 9) do
    local width = ({ 8, 16, 32, 64 })[random(4)]
    local size, count = width / 8, random(3) == 1 and random(2, 4) or 1
    local stride = size + random(0, 2)
    local word, alias, lock = all_words[random(#all_words)], nil, nil
    local reset = word == "rsvd" and 0 or random(0, 255)
    local options = { ("width = %d"):format(width) }
    local like = targets[random(math.max(#targets, 1))]
    offset = offset + random(0, 3)
    if like and random(3) == 1 then
      alias, width, size, count = like, like.width, like.width / 8, like.count
      stride = size + random(0, 2)
      options = { ("width = %d"):format(width) }
      word = alias_words[random(#alias_words)]
    end
    if random(4) == 1 then
      options[#options + 1] = "sizes = {" .. size .. (size > 1 and random(2) == 1 and ", 1" or "") .. "}"
    end
    local lockers = {}
    for _, t in ipairs(targets) do
      if t.count == 1 or t.count == count then lockers[#lockers + 1] = t end
    end
    if #lockers > 0 and random(3) == 1 then
      lock = lockers[random(#lockers)]
      options[#options + 1] = ("lock = %q"):format(lock.name)
    end
    if count > 1 then options[#options + 1] = ("array = {%d, stride = %d}"):format(count, stride) end
    local reg = { name = "r" .. n, width = width, count = count, oracles = {},
      sizes = options[2] and options[2]:match "sizes = {(.*)}" }
    rows[n] = ("%s = { 0x%x, %s%s, %s },"):format(reg.name, offset, word,
      alias and (" %q"):format(alias.name) or (", 0x%x"):format(reset), table.concat(options, ", "))
    for i = 0, count - 1 do
      reg.oracles[i] = alias and alias.oracles[i] or Oracle.new(width, uniform(width, word), reset)
      elements[#elements + 1] = { name = reg.name .. (count > 1 and "[" .. i .. "]" or ""), o = reg.oracles[i],
        reg = reg, words = uniform(width, word), from = offset + i * stride, to = offset + i * stride + size,
        lock = lock and lock.oracles[lock.count == 1 and 0 or i] }
    end
    if not alias and word ~= "const" and word ~= "rsvd" and word ~= "once" then targets[#targets + 1] = reg end
    offset = offset + (count - 1) * stride + size
  end
  return rows, elements, offset
end

local function takes(reg, size)
  return not reg.sizes or reg.sizes:find(tostring(size), 1, true) ~= nil
end

-- One access of the oracle: in order of place, each register its bytes.
local function oracle_access(elements, from, size, value)
  local answer = bit.bnot(0ULL)
  for _, e in ipairs(elements) do
    local a, b = math.max(from, e.from), math.min(from + size, e.to)
    if a < b and takes(e.reg, size) then
      local nbits, at, pos = 8 * (b - a), 8 * (a - e.from), 8 * (a - from)
      local mask = bit.lshift(bit.rshift(bit.bnot(0ULL), 64 - nbits), pos)
      local own = e.o.words
      e.o.words = e.words               -- an alias does what its own word says
      if not value then
        answer = bit.bor(bit.band(answer, bit.bnot(mask)), bit.lshift(e.o:read(at, nbits), pos))
      elseif not e.lock or e.lock:value() == 0ULL then
        e.o:write(at, nbits, bit.rshift(bit.band(value, mask), pos))
      end
      e.o.words = own
    end
  end
  return bit.band(answer, bit.rshift(bit.bnot(0ULL), 64 - 8 * size))
end

describe("aliases, locks, sizes and arrays", function()
  after_each(function() support.take_said() support.free_all() end)

  it("meet a slow oracle on random maps and accesses", function()
    local seed = tonumber(os.getenv "SEED") or os.time()
    math.randomseed(seed)
    local random = math.random
    for round = 1, 60 do
      local rows, elements, bytes = random_map(random)
      local dev, t = support.device(table.concat(rows, "\n"))
      for step = 1, 100 do
        local size, from, value = ({ 1, 2, 4, 8 })[random(4)], random(0, bytes + 2), nil
        if random(3) > 1 then
          value = bit.bor(bit.lshift(0ULL + random(0, 2 ^ 31 - 1), 33), 0ULL + random(0, 2 ^ 31 - 1) * 4 + random(0, 3))
          if random(3) == 1 then value = 0ULL end       -- opens locks
          value = bit.band(value, bit.rshift(bit.bnot(0ULL), 64 - 8 * size))
        end
        local context = ("SEED=%d round %d step %d: %d bytes at 0x%x, %s\n%s"):format(seed, round, step, size, from,
          value and "write 0x" .. hex(value) or "read", table.concat(rows, "\n"))
        local answer = oracle_access(elements, from, size, value)
        if value then t:bus_write(0, from, size, value)
        else assert.equals(hex(answer), hex(t:bus_read(0, from, size)), context) end
        for _, e in ipairs(elements) do
          assert.equals(hex(e.o:value()), hex(dev:peek(e.name)), e.name .. " after " .. context)
        end
      end
      dev:free()
      support.take_said()
    end
  end)
end)

describe("a constant field", function()
  after_each(function() support.take_said() support.free_all() end)

  it("stays what it is, whoever writes the register, and reserved bits stay 0", function()
    local dev, t = support.device [[
      r = { 0, { a = rw(3, 0), k = const(7, 4), b = rw(15, 8) }, reset = 0x50 },
      alias = { 4, rw "r" }, clear = { 8, w1c "r" }, set = { 12, rs "r" },
      h = { 16, { a = rw(3, 0), k = const(7, 4) }, reset = 0x30, write = function(dev, v) return bnot(0) end }, ]]
    t.r = 0xffff
    t.alias = 0xf0f
    assert.equals(0xf5f, dev:peek "r")
    t.clear = 0xff
    assert.equals(0xf50, t:read "r")
    assert.equals(0xf50, t:read "set")
    assert.equals(0xff5f, dev:peek "r")
    dev.model.r = 0
    assert.equals(0x50, dev:peek "r")
    dev:poke("r", 0xffffffff)
    assert.equals(0xff5f, dev:peek "r")
    t.h = 0
    assert.same({ 0x3f, 0x3f }, { dev:peek "h", t:read "h" })
    assert.has_error(function() dev:poke("r.k", 1) end)
    assert.has_error(function() dev.model.r.k = 1 end)
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
