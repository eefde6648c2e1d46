-- SPDX-License-Identifier: MIT
-- The words around the register map: events, interrupts, handlers and DMA, options, memory, and files made
-- of modules and loaded again.
--
-- Try it:  luajit /usr/bin/busted tests/spec/words_spec.lua
local support = dofile "tests/spec/support.lua"
local mb = support.mb
local device = support.device

local seen = support.seen(before_each, after_each)

local head = 'local seen = require "seen"\n'

describe("events", function()
  local more = head .. [[
function event.tick(dev, n, s) seen[#seen + 1] = ("%d:%s:%s"):format(now(), n, s) end
function event.again(dev, n) seen[#seen + 1] = now(); if n > 1 then after(10, "again", n - 1) end end
]]
  local rows = [[ go = { 0, rw, write = function(dev, v) state.handle = after(v, "tick", v, "x") end },
    many = { 4, rw, write = function(dev, v) after(10, "again", v) end },
    stop = { 8, rw, write = function(dev, v) seen.cancelled = cancel(v == 0 and state.handle or "tick") end },
    bad = { 12, rw, write = function(dev, v)
      if v == 3 then after(1*ms, function() end)
      elseif v == 0 then after(1, "to" .. "ck") elseif v == 1 then after(-1, "tick")
      else after(1, "tick", dev.go, function() end) end end }, ]]

  it("run on the stepped clock, in order", function()
    local _, t = device(rows, more)
    t.go, t.go, t.go = 30, 10, 30
    t:step(9)
    assert.same({}, seen)
    t:step(100)
    assert.same({ "10:10:x", "30:30:x", "30:30:x" }, seen)
  end)

  it("may ask for more", function()
    local _, t = device(rows, more)
    t.many = 3
    t:step(1000)
    assert.same({ 10, 20, 30 }, seen)
  end)

  it("can be cancelled", function()
    local _, t = device(rows, more)
    t.go, t.go = 10, 20
    t.stop = 0
    assert.equals(1, seen.cancelled)
    t.stop = 0
    assert.equals(0, seen.cancelled)
    t.go = 30
    t.stop = 1
    assert.equals(2, seen.cancelled)
    t:step(1000)
    assert.equals(0, #seen)
  end)

  it("refuse names, times and arguments that cannot be", function()
    local _, t = device(rows, more)
    t.bad = 3
    assert.matches("what happens later has a name; right would be function event.done(dev)", support.take_said(),
      1, true)
    t.bad = 0
    assert.matches("after: there is no event \"tock\"; did you mean 'tick'?", support.take_said(), 1, true)
    t.bad = 1
    assert.matches("right would be a time in ns from 0 on, as in 1*ms", support.take_said(), 1, true)
    t.bad = 2
    assert.matches("argument 2 is a function; pending events are data", support.take_said(), 1, true)
  end)
end)

describe("interrupts", function()
  local rows = [[
    st = { 0, ro, { a = ro(0), b = ro(1) }, vector = 1, enable = "en" },
    en = { 4, rw, { a = rw(0), b = rw(1) } },
    ack = { 8, w1c "st" },
    set = { 12, rw, write = function(dev, v) if v == 9 then raise(2) elseif v == 8 then raise(7)
      else raise(v == 1 and "st.b" or "st.a") end end },
    hold = { 16, rw, write = function(dev, v) level(3, v == 1); seen.mode = irq_mode() end }, ]]

  it("are a level of status and enable for INTx", function()
    local dev, t = device(rows, head)
    t.set = 0
    assert.equals(0, t:irq_take(0))
    t.en = 1
    assert.equals(1, t:irq_take(0))
    t.en = 2
    assert.equals(0, t:irq_take(0))
    t.en = 3
    t.ack = 1
    assert.equals(0, t:irq_take(0))
    dev.model.st.b = 1
    assert.equals(1, t:irq_take(0))
    dev.model.st = 0
    assert.equals(0, t:irq_take(0))
    t.hold = 1
    assert.equals("intx", seen.mode)
    assert.equals(1, t:irq_take(0))
    t.hold = 0
    assert.equals(0, t:irq_take(0))
  end)

  it("are a message per raise for MSI, on their vector", function()
    local _, t = device(rows, head)
    assert.equals(4, t:enable("msi", 4))
    t.en = 3
    t.set = 0
    t.set = 0
    t.set = 1
    assert.equals(3, t:irq_take(1))
    assert.equals(0, t:irq_take(0))
    t.set = 9
    assert.equals(1, t:irq_take(2))
    t.hold = 1
    assert.equals("msi", seen.mode)
    t.set = 8
    assert.matches("raise(7): the device has vectors 0 to 3", support.take_said(), 1, true)
  end)

  it("go by MSI-X, its table in the last page of the BAR", function()
    local dev = assert(support.load [[device "x" { id = "0001:0002", msix = 70 }
      bar(0, 16*KiB) { r = { 0, rw, write = function(_, v) raise(v) end } }]])
    local _, t = support.start(dev)
    assert.equals(70, t:enable "msix")
    local at = t:find_cap(0x11)
    assert.equals(0x3000, t:config_read(at + 4, 4))
    t.r = 69
    assert.equals(1, t:irq_take(69))
    assert.equals(0, t:irq_take(0))
  end)
end)

describe("handlers", function()
  it("hear of start, stop, reset and bus mastering", function()
    local dev, t = device("r = { 0, rw, 3 },", head .. [[
      function event.late() seen[#seen + 1] = "late" end
      function on.start(dev) seen[#seen + 1] = "start " .. dev.r end
      function on.stop(dev) seen[#seen + 1] = "stop" end
      function on.bus_master(dev, on) seen[#seen + 1] = "master " .. tostring(on); after(5, "late") end ]])
    assert.same({ "start 3", "master true" }, seen)
    t:config_write(4, 2, 2)
    assert.equals("master false", seen[3])
    t:config_write(4, 2, 2)
    assert.equals(3, #seen)
    dev:stop()
    assert.equals("stop", seen[4])
  end)

  it("see, shorten and refuse DMA", function()
    local dev, t = device([[ go = { 0, rw, write = function(dev, v) seen.ok, seen.why = dma_write(dev.at, buf) end },
      list = { 4, rw, write = function(dev, v)
        local l = dma_list()
        l:write(dev.at, buf); l:read(dev.at, buf:at(0, 4)); l:write(dev.at + 8, buf.ptr, 4)
        seen.n = l.n
        seen.ok, seen.why, seen.index = l:go(1)
      end },
      at = { 8, rw, width = 64 }, ]], head .. [[
      local buf = buffer(16):fill(0x55)
      function on.dma(dev, r)
        seen.request = ("%s %d"):format(r.write and "write" or "read", tonumber(r.len))
        if seen.refuse ~= nil then return seen.refuse end
        if seen.shorten then r.len = seen.shorten end
      end ]])
    local page = t:dma_alloc(64)
    t.at = page.bus
    t.go = 1
    assert.is_true(seen.ok)
    assert.equals("write 16", seen.request)
    assert.equals(("\x55"):rep(16) .. "\0", page:string(17))
    page:fill(0)
    seen.shorten = 3
    t.go = 1
    assert.equals("\x55\x55\x55\0", page:string(4))
    seen.shorten, seen.refuse = nil, false
    t.go = 1
    assert.same({ nil, "refused by on.dma" }, { seen.ok, seen.why })
    seen.refuse = "because"
    t.go = 1
    assert.equals("because", seen.why)
    seen.refuse = nil
    t:enable("msi", 4)
    t.list = 1
    assert.is_true(seen.ok, seen.why)
    assert.equals(3, seen.n)
    assert.equals(1, t:irq_take(1))
    assert.equals("write 4", seen.request)
    t.at = page.bus + 56
    t.list = 1
    assert.is_nil(seen.ok)
    assert.equals("beyond the driver's mapping", seen.why)
    assert.equals(1, seen.index)
    assert.equals(0, t:irq_take(1))
    assert.is_truthy(dev)
  end)
end)

describe("options", function()
  local text = [[device "t" { id = "1234:5678" }
local size = option("size", 4*KiB, "bytes of memory")
local fast = option("fast", false)
local name = option("name", "x", "what it is called")
bar(0, size) { a = { 0, ro, fast and 1 or 0 }, b = { 4, const, #name } }
]]
  it("have defaults, and take the user's values", function()
    local dev = assert(support.load(text))
    assert.equals(0, dev:peek "a")
    assert.equals(1, dev:peek "b")
    assert.equals(4096, dev.options[1].value)
    dev:free()
    dev = assert(support.load(text, { size = "64K", fast = "true", name = "abc" }))
    assert.equals(65536, dev.options.size.value)
    assert.equals(1, dev:peek "a")
    assert.equals(3, dev:peek "b")
  end)
  it("are listed by check", function()
    local report = support.with_file(text, function(path) return mb.check(path) end)
    assert.matches("option size=4 KiB  bytes of memory", report, 1, true)
  end)
  it("understand sizes", function()
    local parse = require("moonbar.numbers").parse
    assert.same({ 4096, 2 ^ 30, 256, 1.5 * 2 ^ 40, 10 },
      { parse "4k", parse "1G", parse "0x100", parse "1.5TiB", parse "10" })
    assert.is_nil(parse "ten")
  end)
end)

describe("memory", function()
  it("is read and written at any width, within its bounds", function()
    local memory = require "moonbar.memory"
    local b = memory.buffer(16)
    b:u8(0, 0xff)
    b:u16(1, 0x1234)
    b:u32(3, 0x89abcdef)
    b:u64(7, 0x1122334455667788ULL)
    assert.equals("\xff\x34\x12\xef\xcd\xab\x89\x88\x77\x66\x55\x44\x33\x22\x11\0", b:string())
    assert.same({ 0xff, 0x1234, 0x89abcdef }, { b:u8(0), b:u16(1), b:u32(3) })
    assert.is_true(b:u64(7) == 0x1122334455667788ULL)
    assert.equals(16, #b)
    b:at(4, 8):set "hello"
    assert.equals("hello", b:at(4):string(5))
    for _, f in ipairs { function() b:u32(13) end, function() b:at(0, 17) end, function() b:at(17, 0) end,
      function() b:at(-1, 1) end, function() b:u8(16, 0) end, function() b:set(("x"):rep(17)) end,
      function() b:at(2 ^ 53, 1) end, function() b:at(0, 0xffffffffffffffffULL) end,
      function() memory.buffer(0) end } do
      assert.has_error(f)
    end
    assert.equals(0, #b:at(16, 0))
    assert.equals(1e6, #memory.buffer(1e6))
  end)

  it("is kept in a store", function()
    local path = os.tmpname()
    os.remove(path)
    local text = head .. ([[device "t" { id = "1234:5678" }
local st = store(%q, 64*KiB)
bar(0, 4096) { go = { 0, rw, write = function(dev, v)
  if v == 0 then st:discard(0, 4096) else st:at(8, 4):u32(0, v); seen.flushed = st:flush() end
  seen.v = st:at(8):u32(0) end } }
]]):format(path)
    local dev, list = support.load(text)
    assert(dev, list and mb.mistakes_text(list))
    local _, t = support.start(dev)
    t.go = 77
    assert.equals(77, seen.v)
    assert.is_true(seen.flushed)
    local f = io.open(path, "rb")
    local bytes = f:read "*a"
    f:close()
    assert.equals(65536, #bytes)
    assert.equals("M\0\0\0", bytes:sub(9, 12))
    t.go = 0
    assert.equals(0, seen.v)
    os.remove(path)
  end)

  it("in a BAR is the driver's and the device's", function()
    local dev, t = device([[ r = { 0, rw, write = function(dev, v) local b = buf:at(0x1000 + v, 4)
      seen.v = b:u32(0); b:u32(0, 0x77) end }, ]],
      head .. "local buf = ram(0x1000, 4096)")
    t:bus_write(0, 0x1010, 4, 0xabcd)
    t.r = 0x10
    assert.equals(0xabcd, seen.v)
    assert.equals(0x77, t:bus_read(0, 0x1010, 4))
    t.r = 4093
    assert.matches("guest error: r, write hook: 4 bytes at 0x1ffd are outside the 4 KiB at 0x1000",
      support.take_said(), 1, true)
    assert.is_truthy(dev)
  end)
end)

describe("files", function()
  it("are made of modules beside them, with the same words", function()
    local dir = os.tmpname()
    os.remove(dir)
    assert(os.execute("mkdir -p " .. dir .. "/part") == 0)
    local function write(name, text)
      local f = assert(io.open(dir .. "/" .. name, "w"))
      f:write(text)
      f:close()
    end
    write("main.lua", [[device "t" { id = "1234:5678" }
local a, b = require "part.a", require "part.a"
assert(a == b)
local f = require "ffi"
bar(0, 4096) { r = { 0, rw, write = function(dev, v) return a.twice(v) end }, s = { 4, ro, a.start } } ]])
    write("part/a.lua", [[local own = require "part.b"
return { twice = function(v) return band(v * own, 0xff) end, start = 1*KiB } ]])
    write("part/b.lua", "return 2")
    local dev, list = mb.load(dir .. "/main.lua")
    assert(dev, list and mb.mistakes_text(list))
    local _, t = support.start(dev)
    t.r = 5
    assert.equals(10, t.r)
    assert.equals(1024, t.s)
    write("part/b.lua", "\nreturn tow")
    local none
    none, list = mb.load(dir .. "/main.lua")
    assert.is_nil(none)
    assert.matches("part/b.lua:2: unknown word 'tow'", mb.mistakes_text(list), 1, true)
    os.execute("rm -r " .. dir)
  end)

  it("are loaded again under a running driver", function()
    local text = [[device "t" { id = "1234:5678" }
local buf = ram(0x100, 16)
function event.later(dev, n) dev.b = n * %d end
bar(0, 4096) { a = { 0, rw, write = function(dev, v) state.n = (state.n or 0) + 1; return v + %d end },
  b = { 4, rw, write = function() after(10, "later", 1) end }, c = { 8, ro, 0 },
  n = { 12, ro, read = function() return state.n end } } ]]
    local path = os.tmpname()
    local function write(s)
      local f = assert(io.open(path, "w"))
      f:write(s)
      f:close()
    end
    write(text:format(100, 1))
    local dev, t = support.start(assert(mb.load(path)))
    t.a = 1
    t.b = 0
    t:bus_write(0, 0x100, 4, 0x55)
    dev:poke("c", 9)
    assert.equals(2, t.a)
    write(text:format(200, 10))
    assert.is_true(dev:reload())
    assert.same({ 2, 9, 1 }, { t.a, t.c, t.n })
    t.a = 1
    assert.same({ 11, 2 }, { t.a, t.n })
    t:step(10)
    assert.equals(200, t.b)                     -- asked before the reload, runs the new code
    assert.equals(0x55, t:bus_read(0, 0x100, 4))
    write(text:format(300, 20) .. " oops(")
    local ok, list = dev:reload()
    assert.is_nil(ok)
    assert.matches(":6: not Lua", mb.mistakes_text(list))
    t.a = 1
    assert.equals(11, t.a)
    write((text:format(400, 30):gsub("c = { 8", "d = { 0x10, rw, 5 }, c = { 0x20")))
    assert.is_true(dev:reload())                -- another map: values by name
    assert.same({ 11, 9, 5, 200 }, { t.a, t.c, t.d, t.b })
    t.a = 1
    assert.equals(31, t.a)
    os.remove(path)
  end)
end)
