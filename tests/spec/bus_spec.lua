-- SPDX-License-Identifier: MIT
-- What the bus promises (order, posted writes before a read, no lost bit), and the driver's side of the
-- simulated bus: accesses, configuration space, memory for DMA, interrupts, the clock.
--
-- Try it:  luajit /usr/bin/busted tests/spec/bus_spec.lua
local bit = require "bit"
local support = dofile "tests/spec/support.lua"
local mb = support.mb
local device = support.device

local seen = support.seen(before_each, after_each)

local head = 'local seen = require "seen"\n'

describe("the bus", function()
  it("shows a read the effect of the write before it", function()
    local _, t = device [[ cmd = { 0, rw, write = function(dev, v) dev.busy = v end }, busy = { 4, ro }, ]]
    for i = 1, 1000 do
      t.cmd = i
      assert.equals(i, t.busy)
    end
  end)

  it("keeps the order of writes across registers and drops none", function()
    local _, t = device([[ a = { 0, rw, array = {8},
        write = function(dev, v, access, i) seen[#seen + 1] = i * 1000 + v end },
      d = { 0x100, doorbell = function(dev, v) seen[#seen + 1] = 9000 + v end }, ]], head)
    local expect = {}
    for n = 0, 499 do
      local i = (n * 5) % 9
      if i == 8 then t.d = n else t.a[i] = n end
      expect[n + 1] = (i == 8 and 9 or i) * 1000 + n
    end
    assert.same(expect, seen)
  end)

  it("merges byte enables into registers of any width", function()
    local dev, t = device [[ a = { 0, rw, width = 64 }, b = { 8, rw, width = 16 }, c = { 10, rw, width = 8 }, ]]
    t:bus_write(0, 3, 2, 0xabcd)
    assert.is_true(dev:peek "a" == 0x000000abcd000000ULL)
    t:bus_write(0, 6, 4, 0x11223344)
    assert.is_true(dev:peek "a" == 0x334400abcd000000ULL)
    assert.equals(0x1122, dev:peek "b")
    t:bus_write(0, 9, 2, 0x5566)
    assert.equals(0x6622, dev:peek "b")
    assert.equals(0x55, dev:peek "c")
    assert.equals(0x55662233, bit.tobit(t:bus_read(0, 7, 4)))
    assert.equals("", support.take_said())
  end)

  it("splits an access that a register does not take whole", function()
    local dev, t = device [[ a = { 0, rw, width = 64, sizes = {4} }, b = { 8, rw, sizes = {1, 2} }, ]]
    t.a = 0x1122334455667788ULL
    assert.is_true(dev:peek "a" == 0x1122334455667788ULL)
    assert.is_true(t.a == 0x1122334455667788ULL)
    t.b = 0x89abcdef
    assert.equals(0x89abcdef, t.b)
    assert.equals("", support.take_said())
  end)

  it("answers with ones when memory decoding is off or the device is gone", function()
    local dev, t = device "a = { 0, rw, 5 },"
    t:config_write(4, 2, 0)
    assert.equals(0xffffffff, t.a)
    t:config_write(4, 2, 6)
    assert.equals(5, t.a)
    assert.is_true(dev:stop())
    assert.equals(0xffffffff, t.a)
  end)

  it("lets a hook use another device's driver side", function()
    local _, inner = support.start(assert(support.load [[device "inner" { id = "0001:0002" }
bar(0, 16) { a = { 0, rw, write = function(dev, v) return v * 2 end } }]]))
    seen.inner = inner
    local dev, t = device([[ a = { 0, rw, write = function(dev, v, access)
        seen.inner.a = v; local old = access.old; return seen.inner.a + old end }, ]], head)
    t.a = 5
    assert.equals(10, dev:peek "a")
    t.a = 6
    assert.equals(22, dev:peek "a")
  end)

  it("can be reached from inside a hook of the same device", function()
    local dev, t = device([[ a = { 0, rw, write = function(dev, v) local old = v
        seen.t.b = v + 1; return old + dev.b end },
      b = { 4, rw, write = function(dev, v) return v * 10 end }, ]], head)
    seen.t = t
    t.a = 3
    assert.equals(40, dev:peek "b")
    assert.equals(43, dev:peek "a")
  end)
end)

describe("a driver", function()
  it("finds and loads what comes with Moonbar, on the stepped bus", function()
    local edu = mb.driver "edu"
    assert.equals(0x010000ed, edu.id)
    assert.equals("sim:stepped", mb.devices.edu.bus)
    assert.equals(edu, mb.driver "edu")
    assert.has_error(function() mb.driver "ude" end)
  end)

  it("is helped with names", function()
    local _, t = device "status = { 0, { busy = rw(0) } }, a = { 8, rw, array = {2} },"
    local function message(f) return select(2, pcall(f)) end
    assert.matches("bus_spec.lua:%d+: t has no register 'stauts'; did you mean 'status'",
      message(function() return t.stauts end))
    assert.matches("has no field 'bsy'; did you mean 'busy'", message(function() return t.status.bsy end))
    assert.matches("a%[2%]: the array has 2 elements, 0 to 1", message(function() return t.a[2] end))
    assert.matches("a is an array; right would be a%[0%]", message(function() t.a = 1 end))
    assert.matches("there is no register 'nope'", message(function() t:read "nope" end))
  end)

  it("is told on its own line what a method wants", function()
    local _, t = device "a = { 0, rw, 5 }, st = { 4, w1c, vector = 3 },"
    local page = t:dma_alloc(64)
    for text, f in pairs {
      ["step is a method: right would be d:step(…), with a colon"] = function() t.step(5) end,
      ['step: the time is "x"; right would be a time in ns, as in 1*ms'] = function() t:step "x" end,
      ["step: the time is nil"] = function() t:step() end,
      ['wait_irq: the time is "x"'] = function() t:wait_irq(0, "x") end,
      ['enable "msii"; right would be d:enable "msi", "msix" or "intx"'] = function() t:enable "msii" end,
      ["enable nothing; right would be"] = function() t:enable() end,
      ["find_cap: the capability's id = \"pm\"; right would be a whole number"] = function() t:find_cap "pm" end,
      ["bus_read: the BAR = \"0\"; right would be a whole number from 0 to 5"] = function() t:bus_read("0", 0, 4) end,
      ["bus_read: the offset = 0.5; right would be"] = function() t:bus_read(0, 0.5, 4) end,
      ["bus_read: t has no BAR 2"] = function() t:bus_read(2, 0, 4) end,
      ["bus_read(bar, offset, size): the size is nil"] = function() t:bus_read(0, 0) end,
      ["a span has no 'nosuch'"] = function() return page.nosuch end,
      ["a span has no 'sett'; did you mean 'set'?"] = function() page.span.sett = 5 end,
      ["span[0]: right would be span:u8(0), or span:u8(0, value) to set it"] = function() return page.span[0] end,
      ["driver(nil); right would be driver \"NAME\""] = function() mb.driver() end,
      ['wait_irq: vector = "0"; right would be a whole number from 0 to 3'] = function() t:wait_irq "0" end,
      ["wait_irq: vector = 4; right would be a whole number from 0 to 3"] = function() t:wait_irq(4) end,
      ["wait(nil, nil); right would be d:wait(function()"] = function() t:wait() end,
      ["dma_alloc: size = nil; right would be a whole number from 1"] = function() t:dma_alloc() end,
      ['dma_alloc: size = "4K"'] = function() t:dma_alloc "4K" end,
      ["dma_alloc: size = -1"] = function() t:dma_alloc(-1) end,
      ["dma_map wants a span, as from buffer(4096); not a nil"] = function() t:dma_map() end,
      ["dma_unmap wants a page, or its bus address; not x"] = function() t:dma_unmap "x" end,
      ["span:set wants a string or a span, not a number"] = function() page:set(5) end,
      ["an offset is a number, not a string"] = function() page:u32 "x" end,
      ["the offset is missing"] = function() page:u32() end,
      ["4 bytes from byte 62 on are outside a span of 64 bytes"] = function() page:u32(62) end,
      ["config_read: offset = 4096; right would be a whole number from 0 to 4095"] = function() t:config_read(4096) end,
      ["config_write(offset, size, value): 3 bytes"] = function() t:config_write(0, 3, 5) end,
      ["config_write: value = nil"] = function() t:config_write(0, 4) end,
      ["bus_write(bar, offset, size, value): the value is missing; right would be a whole number"] =
        function() t:bus_write(0, 0, 4) end,
      ["the value is 1.5; right would be a whole number"] = function() t:bus_write(0, 0, 4, 1.5) end,
      ["t has no register 'stepp'; did you mean 'step'?"] = function() return t.stepp end,
    } do
      local ok, message = pcall(f)
      assert.is_false(ok, text)
      assert.matches("^[^:]*tests/spec/bus_spec.lua:%d+: ", message)
      assert.matches(text, message, 1, true)
    end
    assert.equals(64, page.size)
    assert.same({ nil, "no interrupt on vector 3 within 10 ns; INTx is enabled, which has no vector but 0: "
      .. "d:enable \"msi\"" }, { t:wait_irq(3, 10) })
  end)

  it("has its registers first, and its methods in driver", function()
    local _, t = device [[ step = { 0, rw, 5 }, read = { 4, { write = rw(0) } }, wait = { 8, rw },
      st = { 12, w1c, vector = 0 }, ]]
    assert.equals(5, t.step)
    t.read.write = 1
    assert.matches("read is a register here; right would be driver.read(d, …)",
      select(2, pcall(function() return t:read "step" end)), 1, true)
    assert.equals(1, mb.driver.read(t, "read"))
    mb.driver.step(t, 10)
    assert.is_nil((t:wait_irq(0, 10)))
  end)

  it("reads once for a value and its fields, writes once for a field", function()
    local _, t = device([[ r = { 0, { a = rw(3, 0), b = rw(7, 4) },
      read = function(dev, v) seen.reads = (seen.reads or 0) + 1 end,
      write = function(dev, v) seen.writes = (seen.writes or 0) + 1 end }, ]], head)
    local r = t.r
    assert.same({ 0, 0, 0 }, { r.a, r.b, r() })
    assert.equals(1, seen.reads)
    t.r.b = 5
    assert.same({ reads = 2, writes = 1 }, seen)
    assert.equals(0x50, t:read "r")
    t:write("r.a", 9)
    assert.equals(0x59, t:read "r")
    assert.equals("r 0x00000059 a=9 b=5", tostring(t.r))
  end)

  it("has memory for DMA, and may map its own", function()
    local dev, t = device([[ go = { 0, rw, write = function(dev, v)
        seen.ok, seen.why = (v == 1 and dma_read or dma_write)(dev.at, buf) end },
      at = { 8, rw, width = 64 }, ]], head .. "local buf = buffer(8):set '12345678'")
    local span = require("moonbar.memory").buffer(64)
    local page = assert(t:dma_map(span, "from_device"))
    t.at = page.bus + 8
    t.go = 2
    assert.is_true(seen.ok)
    assert.equals("12345678", span:at(8, 8):string())
    t.go = 1
    assert.same({ nil, "against the mapping's direction" }, { seen.ok, seen.why })
    assert.is_true(t:dma_unmap(page))
    t.go = 2
    assert.equals("after unmap", seen.why)
    assert.is_nil((t:dma_unmap(page)))
    t:config_write(4, 2, 2)
    t.go = 2
    assert.equals("bus mastering is off", seen.why)
    assert.is_truthy(dev)
  end)

  it("waits on the clock of its bus", function()
    local dev, t = device([[ go = { 0, rw, write = function(dev, v) after(v, "done") end },
      done = { 4, { f = ro(0) }, vector = 0 }, ]],
      "function event.done(dev) raise 'done.f' end")
    t.go = 3000
    assert.same({ nil, "no interrupt on vector 0 within 2 us" }, { t:wait_irq(0, 2000) })
    assert.equals(1, t:wait_irq(0, 2000))
    dev.model.done = 0
    t.go = 5000
    assert.is_true(t:wait(function() return t.done.f == 1 end))
    assert.is_nil((t:wait(function() return false end, 100)))
    local live = assert(support.load('device "live" { id = "0001:0002" }\nbar(0, 16) { a = { 0, rw } }'))
    assert(live:attach "sim")
    assert(live:start())
    assert.has_error(function() mb.driver(live):step(1) end)
  end)

  it("is told where a bus is not there", function()
    local dev = assert(support.load('device "x" { id = "0001:0002" }\nbar(0, 16) { a = { 0, rw } }'))
    local ok, why = dev:attach "sym"
    assert.is_nil(ok)
    assert.matches('no bus "sym"; right would be sim, sim:stepped, pciem or pciem:PATH', why)
    ok, why = dev:attach "pciem:/no/such/node"
    assert.is_nil(ok)
    assert.is_string(why)
    assert.is_true(dev:attach "sim")
  end)
end)

describe("scripts", function()
  it("have driver, units, bit operations and each device's model", function()
    device "r = { 0, rw, 7 },"
    local f = assert(loadstring "return t.r + 0, 2*ms, bnot(0), driver('t').r, string.rep('x', 2)")
    assert.same({ 7, 2e6, -1, 7, "xx" }, { setfenv(f, mb.script_env())() })
  end)
end)

describe("check", function()
  it("lists what registers cost, and what keeps a page from being mapped", function()
    local report = support.with_file([[device "t" { id = "1234:5678", intx = true, msix = 3 }
ram(0x1000, 4096)
ram(0x2800, 2048)
bar(0, 64*KiB) {
  m = { 0, rw }, w = { 4, rw, write = function() end }, s = { 8, rw, sync = true, write = function() end },
  r = { 12, ro, read = function() end }, d = { 0x2000, doorbell = function() end, array = {4} },
}
]], function(path) return mb.check(path, {}, true) end)
    for _, line in ipairs { "device t, 1234:5678, 8 registers, INTx, MSI%-X 3: no mistakes",
      "0x0000 +m +answered from masks +masks\n", "0x0004 +w +answered from masks +masks, then posted to Lua",
      "0x0008 +s +answered from masks +waits for Lua", "0x000c +r +waits for Lua +masks\n",
      "0x2000 +d%[0%.%.3%] +answered from masks +posted to Lua", "0x1000 +%(ram%) +no trap +no trap",
      "0x2800 +%(ram%) +answered as memory",
      "the page at 0x2000 of BAR 0 is not mapped: register d %(.-:6%) is on it" } do
      assert.matches(line, report .. "\n")
    end
    assert.is_nil(mb.devices.t)
  end)
end)
