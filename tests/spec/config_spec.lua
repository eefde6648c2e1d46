-- SPDX-License-Identifier: MIT
-- Registers in configuration space (config { … }), what a device hears of it (on.power, on.config_write), and
-- resets with what they leave alone.
--
-- Try it:  luajit /usr/bin/busted tests/spec/config_spec.lua
local support = dofile "tests/spec/support.lua"
local mb = support.mb

local seen = support.seen(before_each, after_each)

local function load(text)
  local head = 'device "t" { id = "1234:5678", intx = true }\nlocal seen = require "seen"\n'
  local dev, mistakes = support.load(head .. text)
  assert(dev, mistakes and mb.mistakes_text(mistakes))
  return support.start(dev)
end

describe("configuration rows", function()
  it("take the access words", function()
    local dev, t = load [[config {
      plain = { 0x60, rw, 0x1234, width = 16 },
      byte  = { 0x62, rw, 0x56, width = 8 },
      fixed = { 0x63, const, 0x78, width = 8 },
      mixed = { 0x64, { a = rw(3, 0), b = w1c(7, 4), c = ro(11, 8), d = w1s(15, 12), e = wo(19, 16) },
                reset = 0xff5a5 },
      count = { 0x68, rc, 7, width = 8 },
      alias = { 0x6c, w1c "target" }, target = { 0x70, rw, 0xff },
      wide  = { 0x200, rw },
    }]]
    assert.equals(0x78561234, t:config_read(0x60, 4))
    t:config_write(0x60, 4, 0xffffffff)
    assert.equals(0x78ffffff, t:config_read(0x60, 4))
    t:config_write(0x61, 1, 0x11)
    assert.equals(0x11ff, t.plain)
    assert.equals(0x11ff, dev:peek "plain")
    assert.equals(0x0f5a5, t:config_read(0x64, 4))
    t.mixed = 0x5af5f
    assert.equals(0xf5af, t:read "mixed")
    assert.equals(5, dev.model.mixed.e)
    assert.equals(7, t.count)
    assert.equals(0, t.count)
    t.alias = 0x0f
    assert.equals(0xf0, t.target)
    t.wide = 0x87654321
    assert.equals(0x8765, t:config_read(0x202, 2))
  end)

  it("are read and set by the model", function()
    local dev, t = load [[config { lock = { 0x68, { en = rw(0), mode = rw(2, 1, { [0] = 'wdt', 'free' }) },
      width = 8 } }]]
    dev.model.lock.mode = "free"
    assert.equals(2, t:config_read(0x68, 1))
    t.lock.en = 1
    assert.equals(1, dev.model.lock.en)
    dev:poke("lock", 4)
    assert.equals(4, dev:peek "lock")
    assert.equals(2, t.lock.mode)
  end)

  it("have hooks, locks and doorbells", function()
    local _, t = load [[config {
      ctrl = { 0x60, { go = rw(0), lk = rw(1) },
               write = function(dev, v, access)
                 seen.go, seen.old = v.go, access.old
                 if v.go == 1 then v.go = 0; return v end
               end },
      dbl  = { 0x64, rw, lock = "ctrl.lk", write = function(dev, v) return v * 2 end },
      now  = { 0x68, ro, read = function(dev, stored) return 0xabcd end, width = 16 },
      bell = { 0x6a, width = 16, doorbell = function(dev, v) seen.bell = v end },
    }
    bar(0, 16) { main = { 0, rw, write = function(dev, v) seen.main = v; dev.dbl = v end } }]]
    t.ctrl = 1
    assert.same({ go = 1, old = 0 }, seen)
    assert.equals(0, t:read "ctrl")
    t.dbl = 21
    assert.equals(42, t.dbl)
    t.ctrl = 2
    t.dbl = 5
    assert.equals(42, t.dbl)
    assert.matches("write of 0x5 to dbl while ctrl.lk is not 0: ignored", support.take_said(), 1, true)
    assert.equals(0xabcd, t.now)
    assert.equals(0xabcd, t:config_read(0x68, 4))
    t.bell = 9
    assert.equals(9, seen.bell)
    t.main = 77
    assert.equals(77, seen.main)
    assert.equals(77, t.dbl)
  end)

  it("tell of reserved bits, and of what does not take writes", function()
    local _, t = load "config { x = { 0x60, { a = rw(0) } },\n y = { 0x64, ro } }"
    t.x = 3
    assert.matches("write of 0x3 to x: reserved bits 0x2 %(/.-:3%)", support.take_said())
    t.y = 3
    assert.matches("write of 0x3 to y, which is ro .*: ignored %(/.-:4%)", support.take_said())
  end)

  it("may lie in a vendor-specific capability, but not on its first bytes", function()
    local _, t = load [[cap.vendor { bytes = "\1\2\3\4\5\6\7\8\9" }
      config { x = { 0x44, rw, 0x99 } }]]
    assert.equals(0x40, t:find_cap(0x09))
    assert.equals(0x010c0009, t:config_read(0x40, 4))
    assert.equals(0x99, t:config_read(0x44, 4))
    assert.equals(0x09080706, t:config_read(0x48, 4))
    local _, list = support.load [[device "t" { id = "1234:5678" }
cap.vendor { bytes = "\1\2" }
config { x = { 0x40, rw } }]]
    assert.matches(":3: x: 0x40 is in the vendor%-specific capability %(line 2%)", mb.mistakes_text(list))
  end)

  it("stay by name through a reload", function()
    local path = os.tmpname()
    local function write(text)
      local f = assert(io.open(path, "w"))
      f:write('device "t" { id = "1234:5678" }\n', text)
      f:close()
    end
    write "config { a = { 0x60, rw, write = function(dev, v) return v + 1 end } } bar(0, 16) { m = { 0, rw } }"
    local dev, t = support.start(assert(mb.load(path)))
    t.a, t.m = 5, 8
    write "config { a = { 0x60, rw, write = function(dev, v) return v + 2 end } } bar(0, 16) { m = { 0, rw } }"
    assert.is_true(dev:reload())
    assert.equals(6, t.a)
    t.a = 5
    assert.equals(7, t.a)
    write "config { a = { 0x64, rw }, b = { 0x60, rw, 3 } } bar(0, 16) { n = { 4, rw }, m = { 0, rw } }"
    assert.is_true(dev:reload())
    assert.same({ 7, 3, 8, 0 }, { t.a, t.b, t.m, t.n })
    os.remove(path)
  end)

  it("that want to see a driver's reads are refused on the kernel's bus, by name", function()
    local function refusal(rows)
      local dev = assert(support.load('device "t" { id = "1234:5678" }\n' .. rows))
      local ok, why = dev:attach "pciem:/no/such/node"
      assert.is_nil(ok)
      dev:free()
      return why
    end
    assert.matches("^t: b %(/.-:2%): a read hook in configuration space: not supported on the kernel's bus$",
      refusal "config { a = { 0x60, rw }, b = { 0x64, rw, read = function() end } }")
    assert.matches("rc %(y%) in configuration space", refusal "config { a = { 0x60, { x = rw(0), y = rc(1) } } }")
    assert.matches("a %(/.-%): rs in configuration space", refusal "config { a = { 0x60, rs } }")
    -- everything else gets as far as the node
    assert.matches("/no/such/node is not there", refusal [[
      function on.power() end
      function on.config_write() end
      config { a = { 0x60, rw, lock = "b", write = function() end }, b = { 0x64, { x = once(0), y = w1t(1) } },
               c = { 0x68, w1s "a" }, d = { 0x6c, doorbell = function() end } }]])
  end)
end)

describe("handlers of configuration space", function()
  it("hear of every write, after it", function()
    local _, t = load [[function on.config_write(dev, offset, size, value)
        seen[#seen + 1] = ("%x/%d=%x"):format(offset, size, value); seen.a = dev.a end
      config { a = { 0x60, rw } }]]
    seen[1] = nil               -- what start() wrote
    t:config_write(0x61, 1, 0x1ff)
    t:config_write(0x3c, 1, 5)
    t:config_write(0x61, 2, 5)          -- unaligned: nobody answers
    assert.same({ "61/1=ff", "3c/1=5", a = 0xff00 }, seen)
  end)

  it("hear of the power state when it changes", function()
    local _, t = load [[cap.pm {}
      function on.power(dev, state) seen[#seen + 1] = state end
      bar(0, 16) {}]]
    local pm = t:find_cap(1)
    t:config_write(pm + 4, 2, 3)
    t:config_write(pm + 4, 2, 3)
    t:config_write(pm + 4, 2, 1)          -- D1, which the function has not
    t:config_write(pm + 4, 2, 0)
    assert.same({ 3, 0 }, seen)
  end)
end)

describe("a reset", function()
  local text = [[function event.late(dev) seen.late = true end
      function on.reset(dev, kind) seen[#seen + 1] = kind; seen.a = dev.a end
      bar(0, 64) { a = { 0, rw, 1 }, keep = { 4, rw, 2, sticky = true }, lock = { 8, once, 0 },
        part = { 12, { x = rw(3, 0, { sticky = true }), y = rw(7, 4) }, reset = 0x55 },
        st = { 16, w1c, vector = 0 },
        go = { 20, rw, write = function() after(10, "late"); raise "st" end } }
      config { c = { 0x60, rw, 3 } }]]

  it("puts registers back, but for sticky bits; those only a cold one", function()
    local _, t = load(text)
    for i, kind in ipairs { "flr", "bus", "d0", "cold" } do
      t.a, t.keep, t.lock, t.part, t.c, t.go = 9, 9, 9, 0x99, 9, 9
      assert.equals(1, t:irq_take(0))
      t.lock = 5
      assert.equals(9, t.lock)
      t:reset(kind)
      local cold = kind == "cold"
      assert.same({ 1, cold and 2 or 9, 0, cold and 0x55 or 0x59, 3, 0 },
        { t.a, t.keep, t.lock, t:read "part", t.c, t.st })
      assert.equals(0, t:irq_take(0))
      assert.equals(kind, seen[i])
      assert.equals(1, seen.a)
      t:step(20)
      assert.is_nil(seen.late)
      t.lock = 6
      assert.equals(6, t.lock)
      t:reset()
      assert.equals("flr", table.remove(seen))
    end
    assert.equals("", support.take_said())
  end)

  it("by the driver's own Function Level Reset", function()
    local _, t = load("cap.express { flr = true }\ncap.msi { vectors = 1 }\n" .. text:gsub("0x60", "0xa0"))
    local express, msi = t:find_cap(0x10), t:find_cap(5)
    t:config_write(msi + 2, 2, 1)
    t.a, t.keep, t.c = 9, 9, 9
    t:config_write(express + 8, 2, 0xa810)
    assert.equals("flr", seen[1])
    assert.equals(0x2810, t:config_read(express + 8, 2))
    assert.same({ 0, 0, 3 }, { t:config_read(4, 2), t:config_read(msi + 2, 2) % 2, t:config_read(0xa0, 4) })
    assert.equals(0xffffffff, t:bus_read(0, 0, 4))      -- memory decoding is off
    t:config_write(4, 2, 6)
    assert.same({ 1, 9 }, { t.a, t.keep })
    assert.same({ "flr" }, { seen[1], seen[2] })
  end)

  it("is not begun where the capability does not offer it", function()
    local _, t = load("cap.express {}\n" .. text:gsub("0x60", "0xa0"))
    t.a = 9
    t:config_write(t:find_cap(0x10) + 8, 2, 0xa810)
    assert.same({ 9, nil }, { t.a, seen[1] })
  end)

  it("of a kind that there is not is refused", function()
    local _, t = load(text)
    assert.has_error(function() t:reset "warm" end)
  end)
end)

describe("extended capabilities", function()
  local text = [[
    cap.express {}
    cap.aer {}
    cap.serial { number = 0x1122334455667788ULL }
    cap.ltr { snoop = 0x0c01 }
    cap.vsec { id = 0xabcd, rev = 2, bytes = "\1\2\3\4", wmask = "\255" }
    cap.dvsec { vendor = 0x1234, id = 7, rev = 1, bytes = { 9, 8 } }
    cap.extended { id = 0xfffe, version = 3, bytes = "\240", w1c = "\255" }
    config {
      uncorrectable = { 0x104, { timeout = w1c(14), unsupported = w1c(20) },
                        write = function(dev, v) seen[#seen + 1] = v.timeout end },
      twelve = { 0x200, rw, 12 },
    } ]]

  it("are a list from 0x100 on, which a driver walks", function()
    local _, t = load(text)
    local at = {}
    for i, id in ipairs { 0x0001, 0x0003, 0x0018, 0x000b, 0x0023, 0xfffe } do at[i] = t:find_ext_cap(id) end
    assert.same({ 0x100, 0x12c, 0x138, 0x140, 0x14c, 0x158 }, at)
    assert.is_nil(t:find_ext_cap(0x0010))
    assert.equals(0x12c20001, t:config_read(0x100, 4))
    assert.same({ 0x55667788, 0x11223344 }, { t:config_read(0x130, 4), t:config_read(0x134, 4) })
    assert.equals(0x0c01, t:config_read(0x13c, 2))
    t:config_write(0x13c, 4, 0xffffffff)
    assert.equals(0x1fff1fff, t:config_read(0x13c, 4))
    assert.equals(0x00c2abcd, t:config_read(0x144, 4))
    t:config_write(0x148, 4, 0xffffffff)
    assert.equals(0x040302ff, t:config_read(0x148, 4))
    assert.equals(0x00c11234, t:config_read(0x150, 4))
    assert.equals(0x08090007, t:config_read(0x154, 4))
    assert.equals(0x0003fffe, t:config_read(0x158, 4))
    t:config_write(0x15c, 1, 0x3c)
    assert.equals(0xc0, t:config_read(0x15c, 1))
    assert.equals(12, t.twelve)
  end)

  it("report errors as AER does: status is W1C, masks and severity are the driver's", function()
    local dev, t = load(text)
    assert.same({ 0x00400000, 0x00462030, 0xe000 },
      { t:config_read(0x108, 4), t:config_read(0x10c, 4), t:config_read(0x114, 4) })
    t:config_write(0x108, 4, 0)
    t:config_write(0x10c, 4, 0xffffffff)
    assert.same({ 0, 0x005ff030 }, { t:config_read(0x108, 4), t:config_read(0x10c, 4) })
    dev.model.uncorrectable.timeout = 1           -- a row on the capability's bytes
    assert.equals(0x4000, t:config_read(0x104, 4))
    t.uncorrectable = { timeout = 1 }
    assert.equals(0, t:config_read(0x104, 4))
    assert.same({ 0 }, seen)
  end)
end)
