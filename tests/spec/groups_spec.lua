-- SPDX-License-Identifier: MIT
-- Registers that come in sets: group(offset, { n, stride = }) { rows }; and interrupts of arrays: a vector for
-- each element, one enable register for several vectors.
--
-- Try it:  luajit /usr/bin/busted tests/spec/groups_spec.lua
local support = dofile "tests/spec/support.lua"
local mb = support.mb
local device = support.device

local seen = support.seen(before_each, after_each)

local head = 'local seen = require "seen"\n'

describe("a group", function()
  local rows = [[
    global = { 0, rw },
    ch = group(0x100, { 4, stride = 0x20 }) {
      ctrl  = { 0x00, { go = rw(0), busy = ro(1), irq = rw(2) },
                write = function(dev, v, access, i) seen[#seen + 1] = ("ch%d=%d %s"):format(i, v.go, access.name)
                  dev.ch[i].ctrl.busy = v.go end },
      len   = { 0x04, rw, 7, lock = "ctrl.busy" },
      ack   = { 0x08, w1c "state" },
      state = { 0x0c, ro, 0xff },
      bell  = { 0x10, doorbell = function(dev, v, i) dev.ch[i].len = v end },
    },
    one = group(0x400, "not an array") { a = { 0, rw, 5 }, b = { 4, rw, 6, lock = "global" } },
  ]]

  it("is dev.group[i].register for model and driver", function()
    local dev, t = device(rows, head)
    local m = dev.model
    assert.equals(4, m.ch.count)
    t.ch[2].len = 9
    assert.equals(9, m.ch[2].len)
    assert.equals(7, m.ch[1].len)
    m.ch[3].len = 11
    assert.equals(11, t.ch[3].len)
    assert.equals(11, t:bus_read(0, 0x164, 4))
    t.ch[1].bell = 0x55
    assert.equals(0x55, t.ch[1].len)
    assert.equals(5, t.one.a)
    t.one.b = 8
    assert.equals(8, m.one.b)
    m.one.a = 3
    assert.equals(3, t.one.a)
  end)

  it("gives its hooks the index", function()
    local _, t = device(rows, head)
    t.ch[3].ctrl = { go = 1 }
    t.ch[0].ctrl.go = 0
    assert.same({ "ch3=1 ch.ctrl", "ch0=0 ch.ctrl" }, seen)
    assert.equals(1, t.ch[3].ctrl.busy)
  end)

  it("means its own registers first in locks and aliases", function()
    local dev, t = device(rows, head)
    t.ch[1].ctrl = { go = 1 }
    t.ch[1].len, t.ch[2].len = 1, 2
    assert.same({ 7, 2 }, { t.ch[1].len, t.ch[2].len })
    assert.matches("write of 0x1 to ch[1].len while ctrl.busy is not 0", support.take_said(), 1, true)
    t.ch[2].ack = 0x0f
    assert.equals(0xf0, t.ch[2].state)
    assert.equals(0xff, t.ch[1].state)
    t.global = 1
    t.one.b = 9
    assert.equals(6, dev.model.one.b)
  end)

  it("is found by path", function()
    local dev, t = device(rows, head)
    dev:poke("ch[2].ctrl.irq", 1)
    assert.equals(4, dev:peek "ch[2].ctrl")
    assert.equals(1, dev:peek "ch.ctrl[2].irq")
    assert.equals(1, t:read "ch[2].ctrl.irq")
    t:write("ch[3].len", 3)
    assert.equals(3, dev:peek "ch[3].len")
    assert.equals(5, dev:peek "one.a")
  end)

  it("helps with names", function()
    local dev, t = device(rows, head)
    local m = dev.model
    local function message(f) return select(2, pcall(f)) end
    for text, f in pairs {
      ["ch[1] has no register 'lne'; did you mean 'len'?"] = function() return m.ch[1].lne end,
      ["ch[4]: the array has 4 elements, 0 to 3"] = function() return m.ch[4].len end,
      ["ch is a group of registers; right would be ch[0].ctrl = …"] = function() m.ch = 5 end,
      ["ch[1] is a group of registers; right would be ch[1].ctrl = …"] = function() m.ch[1] = 5 end,
      ["t has no register 'chh'; did you mean 'ch'?"] = function() return m.chh end,
      ["ch has no register 'lne'; did you mean 'len'?"] = function() return t.ch[0].lne end,
      ["ch.len is an array; right would be ch[0].len"] = function() return dev:peek "ch.len" end,
      ["one is a group of registers; right would be one.a = …"] = function() t.one = 5 end,
      ["ch is a group of registers; right would be ch[0].ctrl"] = function() return dev:peek "ch" end,
    } do
      assert.is_truthy(message(f):find(text, 1, true), text .. " <> " .. message(f))
    end
  end)

  it("keeps values by name through a reload to another layout", function()
    local path = os.tmpname()
    local function write(stride)
      local f = assert(io.open(path, "w"))
      f:write('device "t" { id = "1234:5678" }\nbar(0, 4096) { g = group(0, { 2, stride = ', stride,
        ' }) { a = { 0, rw }, b = { 4, rw } } }')
      f:close()
    end
    write(8)
    local dev, t = support.start(assert(mb.load(path)))
    t.g[1].b = 77
    write(64)
    assert.is_true(dev:reload())
    assert.equals(77, t.g[1].b)
    assert.equals(77, t:bus_read(0, 68, 4))
    os.remove(path)
  end)
end)

describe("an array inside a group", function()
  local rows = [[
    ch = group(0x100, { 3, stride = 0x40 }) {
      ctrl = { 0x00, { go = rw(0) } },
      slot = { 0x08, { a = rw(3, 0), b = rw(7, 4) }, reset = 0x12, array = {4, stride = 8}, lock = "ctrl.go",
               write = function(dev, v, access, i, k)
                 seen[#seen + 1] = ("%d %d %s %d"):format(i, k, access.name, access.index) end },
      hi   = { 0x0c, rw, array = {4, stride = 8}, width = 16 },
      lo   = { 0x0e, w1c "hi", array = {4, stride = 8}, width = 16 },
      bell = { 0x2c, array = 2, doorbell = function(dev, v, i, access, k)
               seen[#seen + 1] = ("bell %d %d %d"):format(i, k, v) end },
    },
    one = group(0x400) { tab = { 0x10, rw, array = 3, write = function(dev, v, access, i, k)
            seen[#seen + 1] = ("one %d %s"):format(i, tostring(k)) end } },
    st = group(0x600, { 2, stride = 0x20 }) {
      en = { 0, rw }, status = { 4, w1c, array = 2, vector = { 0, 1, 2, 3 }, enable = "en" },
    },
  ]]

  it("is dev.group[i].register[k] for model and driver", function()
    local dev, t = device(rows, head)
    local m = dev.model
    assert.equals(0x12, m.ch[2].slot[3].value)
    t.ch[2].slot[3] = 0x34
    assert.equals(0x34, m.ch[2].slot[3].value)
    assert.equals(0x34, t:bus_read(0, 0x1a0, 4))
    assert.equals(3, t.ch[2].slot[3].b)
    m.ch[1].slot[0].a = 7
    assert.equals(7, t.ch[1].slot[0].a)
    assert.equals(4, m.ch[1].slot.count)
    m.ch[0].hi[1] = 0xff0f
    t.ch[0].lo[1] = 0xf000
    assert.equals(0x0f0f, t.ch[0].hi[1])
    t.one.tab[2] = 5
    assert.equals(5, t:bus_read(0, 0x418, 4))
    assert.equals(5, m.one.tab[2])
    t.ch[2].bell[1] = 77
    assert.same({ "2 3 ch.slot 2", "one 2 nil", "bell 2 1 77" }, seen)
  end)

  it("is locked by its own group, and has vectors and enables", function()
    local dev, t = device(rows, head)
    t.ch[1].ctrl.go = 1
    t.ch[1].slot[2], t.ch[0].slot[2] = 0, 0
    assert.same({ 0x12, 0 }, { t:read "ch[1].slot[2]", t:read "ch[0].slot[2]" })
    assert.matches("write of 0x0 to ch[1].slot[2] while ctrl.go is not 0", support.take_said(), 1, true)
    t:enable("msi", 4)
    t.st[1].en = 1
    dev:raise "st[1].status[1]"
    dev:raise "st[0].status[1]"
    dev.model.st[1].status[0] = 2
    assert.same({ 0, 0, 0, 1 }, { t:irq_take(0), t:irq_take(1), t:irq_take(2), t:irq_take(3) })
  end)

  it("is found by path", function()
    local dev, t = device(rows, head)
    dev:poke("ch[2].slot[1].b", 5)
    assert.equals(0x52, dev:peek "ch[2].slot[1]")
    assert.equals(0x52, dev:peek "ch.slot[9]")
    assert.equals(5, t:read "ch[2].slot[1].b")
    t:write("one.tab[1]", 9)
    assert.equals(9, dev:peek "one.tab[1]")
  end)

  it("helps with names", function()
    local dev, t = device(rows, head)
    local m = dev.model
    for text, f in pairs {
      ["ch[1].slot[4]: the array has 4 elements, 0 to 3"] = function() return m.ch[1].slot[4] end,
      ["ch.slot[4]: the array has 4 elements, 0 to 3"] = function() return t.ch[1].slot[4] end,
      ["ch[1].slot is an array; right would be ch[1].slot[0] = …"] = function() m.ch[1].slot = 5 end,
      ["ch.slot is an array; right would be ch[1].slot[0] = …"] = function() t.ch[1].slot = 5 end,
      ["ch[1].slot is an array; right would be ch[0].slot[0]"] = function() return dev:peek "ch[1].slot" end,
      ["ch.slot has 4 elements, 0 to 3"] = function() return dev:peek "ch[1].slot[4]" end,
      ["ch.slot has 12 elements, 0 to 11"] = function() return dev:peek "ch[3].slot[0]" end,
    } do
      local message = select(2, pcall(f))
      assert.is_truthy(message:find(text, 1, true), text .. " <> " .. message)
    end
  end)

  it("keeps values by name through a reload, and passes its own tests", function()
    local path = os.tmpname()
    local function write(n)
      local f = assert(io.open(path, "w"))
      f:write('device "t" { id = "1234:5678" }\nbar(0, 4096) { g = group(0, { 2, stride = 64 }) {',
        'a = { 0, rw, array = ', n, ', lock = "b" }, b = { 0x20, ro } } }')
      f:close()
    end
    write(2)
    local dev, t = support.start(assert(mb.load(path)))
    t.g[1].a[1] = 77
    write(3)
    assert.is_true(dev:reload())
    assert.equals(77, t.g[1].a[1])
    assert.equals(77, t:bus_read(0, 68, 4))
    dev:free()
    local results = require("moonbar.selftest").run(assert(mb.load(path)))
    assert.equals(0, results.failed)
    os.remove(path)
  end)
end)

describe("interrupts of arrays", function()
  it("have a vector for each element", function()
    local _, t = device([[ st = { 0, w1s, array = 3, vector = { 0, 2, 3 } }, ]])
    t:enable("msi", 4)
    t.st[1] = 1
    assert.same({ 0, 0, 1, 0 }, { t:irq_take(0), t:irq_take(1), t:irq_take(2), t:irq_take(3) })
    t.st[2] = 1
    assert.same({ 0, 0, 0, 1 }, { t:irq_take(0), t:irq_take(1), t:irq_take(2), t:irq_take(3) })
  end)

  local rows = [[ en = { 0, { a = rw(0), b = rw(1) } }, en_set = { 4, w1s "en" }, en_clear = { 8, w1c "en" },
    a = { 0x10, w1c, { a = w1c(0) }, vector = 1, enable = "en" },
    b = { 0x14, { b = w1c(1) }, vector = 2, enable = "en" },
    poke = { 0x20, rw, write = function(dev, v) dev.en = v end }, ]]

  for _, how in ipairs { "en", "en_set", "poke" } do
    it("follow one enable register of several vectors, written as " .. how, function()
      local dev, t = device(rows)
      t:enable("msi", 4)
      dev.model.a, dev.model.b = 1, 2
      assert.same({ 0, 0 }, { t:irq_take(1), t:irq_take(2) })
      t:write(how, 3)
      assert.same({ 0, 1, 1, 0 }, { t:irq_take(0), t:irq_take(1), t:irq_take(2), t:irq_take(3) })
      t.en_clear = 2
      t:write(how, how == "poke" and 3 or 2)
      assert.equals(1, t:irq_take(2))
    end)
  end

  it("do so by INTx as well", function()
    local dev, t = device(rows)
    dev.model.b = 2
    assert.equals(0, t:irq_take(0))
    t.en = 2
    assert.equals(1, t:irq_take(0))
    t.en = 1
    assert.equals(0, t:irq_take(0))
  end)
end)
