-- SPDX-License-Identifier: MIT
-- DMA that takes time: on.dma returns how many ns, and the code that asked for the transfer waits for them on the
-- session's clock, while the device does other things.
--
-- Try it:  tests/spec/run tests/spec/dma_spec.lua
local support = dofile "tests/spec/support.lua"
local device = support.device

local seen = support.seen(before_each, after_each)

local head = [[
  local seen = require "seen"
  local buf = buffer(64):set "by the moon"
  function on.dma(dev, r)
    if seen.refuse and r.bus >= dev.at + 32 then return "not there" end
    return seen.answer or r.len * 10
  end
  function event.copy(dev, n)
    seen[#seen + 1] = "begins " .. n
    local ok, why = dma_write(dev.at, buf:at(0, n))
    seen[#seen + 1] = ("ends %d %s"):format(n, why or tostring(ok))
    raise(0)
  end
]]
local rows = [[
  at   = { 0, rw, width = 64 },
  go   = { 8, doorbell = function(dev, n) after(0, "copy", n) end },
  bell = { 0xc, array = {2}, doorbell = function(dev, n, i)
           dma_write(dev.at + 32 * i, buf:at(0, n))
           seen[#seen + 1] = ("bell %d %d"):format(i, n)
         end },
  cmd  = { 0x20, { run = rw(0), n = rw(15, 8), busy = ro(1) }, write = function(dev, v, access)
           dev.cmd.busy = 1
           dma_write(dev.at, buf:at(0, v.n))
           seen[#seen + 1] = ("cmd %d"):format(v.n)
           dev.cmd.busy = 0
           if v.n == 9 then return v end
         end },
  list = { 0x24, doorbell = function(dev, n)
           l:write(dev.at, buf:at(0, n))
           l:write(dev.at + 32, buf:at(0, n))
           local ok, why, which = l:go(0)
           seen[#seen + 1] = ok and "list" or ("%s %d"):format(why, which)
           l:clear()
         end },
  now  = { 0x28, rw, sync = true, write = function(dev, n) dma_write(dev.at, buf:at(0, n)) end },
  get  = { 0x2c, ro, 7, read = function(dev) dma_write(dev.at, buf:at(0, 4)) end },
  other = { 0x30, rw, write = function(dev, v) seen[#seen + 1] = "other" end },
]]

local function start()
  local dev, t = device(rows, head .. "local l = dma_list()\n")
  local page = t:dma_alloc(64)
  t.at = page.bus
  return dev, t, page
end

describe("DMA that takes time", function()
  it("suspends the event that asked for it", function()
    local _, t, page = start()
    t:enable "msi"
    t.go = 11
    t:step(0)
    assert.same({ "begins 11" }, seen)
    t.other = 1                         -- meanwhile
    t:step(109)
    assert.same({ "begins 11", "other" }, seen)
    assert.equals(0, page:u8(0))
    assert.equals(0, t:irq_take(0))
    t:step(1)
    assert.equals("ends 11 true", seen[3])
    assert.equals("by the moon", page:string(11))
    assert.equals(1, t:irq_take(0))
  end)

  it("runs side by side with other DMA", function()
    local _, t, page = start()
    t.bell[0] = 11
    t.bell[1] = 2
    t.go = 5
    t:step(20)
    assert.same({ "begins 5", "bell 1 2" }, seen)
    t:step(40)
    assert.same({ "begins 5", "bell 1 2", "ends 5 true" }, seen)
    t:step(50)
    assert.equals("bell 0 11", seen[4])
    assert.same({ "by the moon", "by", 0 }, { page:string(11), page:at(32):string(2), page:u8(34) })
  end)

  it("suspends a write hook, whose value stays its own", function()
    local _, t, page = start()
    t.cmd = { n = 11 }
    assert.equals(1, t.cmd.busy)
    t.cmd = { n = 3 }                   -- another access while the first waits
    t:step(30)
    assert.same({ "cmd 3" }, seen)
    t:step(80)
    assert.same({ "cmd 3", "cmd 11" }, seen)
    assert.equals(0, t.cmd.busy)
    assert.equals("by the moon", page:string(11))
  end)

  it("is too late for a write hook's answer", function()
    local _, t = start()
    t.cmd = { n = 9 }
    t:step(90)
    assert.matches("^t: cmd, write hook: .*:%d+: the hook returned a value after its DMA had taken time",
      support.take_said())
  end)

  it("is the sum of its pieces for a list, and those before a refused one are carried out", function()
    local _, t, page = start()
    t:enable "msi"
    t.list = 4
    t:step(79)
    assert.same({}, seen)
    t.list = 2
    assert.matches("list, doorbell hook: .*: read, write: the list is under way, since on.dma gave it time",
      support.take_said())
    t:step(1)
    assert.same({ "list" }, seen)
    assert.same({ 1, "by t", "by t" }, { t:irq_take(0), page:string(4), page:at(32):string(4) })
  end)

  it("refuses a piece of a list after the time of those before it", function()
    local _, t, page = start()
    seen.refuse = true
    t.list = 4
    t:step(39)
    assert.equals(0, page:u8(0))
    t:step(1)
    assert.same({ "not there 2", refuse = true }, seen)
    assert.same({ "by t", 0 }, { page:string(4), page:u8(32) })
  end)

  it("is forgotten by a reset", function()
    local _, t, page = start()
    t.go = 11
    t.list = 4
    t:step(10)
    t:reset "flr"
    t:step(1e6)
    assert.same({ "begins 11" }, seen)
    assert.equals(0, page:u8(0))
    t.at = page.bus
    t.list = 4                          -- the list is free again
    t:step(1000)
    assert.equals("list", seen[2])
  end)

  it("fails when the driver takes the memory away meanwhile", function()
    local _, t, page = start()
    t.go = 4
    t:step(1)
    t:dma_unmap(page)
    t:step(100)
    assert.same({ "begins 4", "ends 4 after unmap" }, seen)
  end)

  it("is not for code that a driver waits for", function()
    local _, t = start()
    t.now = 4
    assert.matches("now, write hook: .*: this DMA takes time, as on.dma says, and this code cannot wait: a driver",
      support.take_said())
    assert.equals(7, t.get)
    assert.matches("get, read hook: .*: this DMA takes time", support.take_said())
    seen.answer = 0
    t.now = 4
    assert.equals("", support.take_said())
  end)

  it("is told where it goes wrong, once it went on", function()
    local _, t = start()
    t.go = 65                           -- more than the buffer has: before it waits
    t:step(1)
    assert.matches("guest error: event copy: 65 bytes", support.take_said())
    t.at = 5
    t.go = 4
    t:step(100)
    assert.equals("ends 4 never mapped by the driver", seen[3])
    for answer, text in pairs { [-1] = "-1", ["0/0"] = "nan", t = "a table" } do
      seen.answer = answer == "t" and {} or answer == "0/0" and 0 / 0 or answer
      t.bell[0] = 4
      assert.matches("on.dma returns false or a reason to refuse, the ns that the transfer takes, or nothing; this one "
        .. "returned %-?" .. text:gsub("%-", ""), support.take_said())
    end
  end)
end)
