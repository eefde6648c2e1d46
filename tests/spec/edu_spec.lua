-- SPDX-License-Identifier: MIT
-- The teaching device as QEMU documents it (docs/specs/edu.rst there).
--
-- Try it:  luajit /usr/bin/busted tests/spec/edu_spec.lua
local bit = require "bit"
local support = dofile "tests/spec/support.lua"
local mb = support.mb
local ms = mb.units.ms

local BUFFER = 0x40000

local function load(bus)
  local dev, mistakes = mb.load "lua/devices/edu.lua"
  assert(dev, mistakes and mb.mistakes_text(mistakes))
  assert(dev:attach(bus or "sim:stepped"))
  assert(dev:start())
  return dev, mb.driver(dev)
end

describe("edu", function()
  local dev, edu
  before_each(function() dev, edu = load() end)
  after_each(function() support.free_all() support.take_said() end)

  it("is 1234:11e8, revision 0x10, with one 1 MiB BAR, INTx and MSI", function()
    assert.equals(0x11e81234, edu:config_read(0, 4))
    assert.equals(0x10, edu:config_read(8, 1))
    assert.equals(0x00ff0010, edu:config_read(8, 4))
    edu:config_write(0x10, 4, 0xffffffff)
    assert.equals(0xfff00000, edu:config_read(0x10, 4))
    assert.equals(1, edu:config_read(0x3d, 1))
    assert.is_number(edu:find_cap(0x05))
  end)

  it("identifies itself and complements liveness", function()
    assert.equals(0x010000ed, edu.id)
    edu.liveness = 0x1234
    assert.equals(0xffffedcb, edu.liveness)
    edu.liveness = 0xffffffff
    assert.equals(0, edu.liveness)
    assert.equals("", support.take_said())
  end)

  it("computes factorials while busy says so", function()
    edu.factorial = 5
    assert.equals(1, edu.status.computing)
    edu:step(1 * ms - 1)
    assert.equals(1, edu.status.computing)
    edu:step(1)
    assert.equals(0, edu.status.computing)
    assert.equals(120, edu.factorial)
    assert.equals(0, edu:irq_take(0))
  end)

  it("computes them modulo 2^32, to 0 in the end", function()
    local function mod(n)
      local r = 1ULL
      for i = 2, n do r = r * i % 0x100000000ULL end
      return tonumber(r)
    end
    for _, n in ipairs { 0, 1, 2, 12, 13, 20, 21, 33, 34, 100, 0xffffffff } do
      edu.factorial = n
      edu:step(1 * ms)
      assert.equals(n > 100 and 0 or mod(n), edu.factorial, n .. "!")
    end
    assert.equals(0, edu.factorial)
  end)

  it("ignores a factorial written while it computes", function()
    edu.factorial = 5
    edu.factorial = 6
    edu:step(2 * ms)
    assert.equals(120, edu.factorial)
    assert.matches("write of 0x6 to factorial while status.computing is not 0", support.take_said(), 1, true)
  end)

  it("lets the driver change only the interrupt bit of status", function()
    edu.status = 0x81
    assert.equals(0x80, edu:read "status")
    assert.equals(1, edu.status.irqfact)
    edu.status = 0xff
    assert.matches("reserved bits 0x7e", support.take_said(), 1, true)
    assert.equals(0x80, edu:read "status")
  end)

  it("interrupts when a factorial is done, by INTx: a level until acknowledged", function()
    edu.status.irqfact = 1
    edu.factorial = 4
    assert.equals(0, edu:irq_take(0))
    assert.equals(1, assert(edu:wait_irq(0, 10 * ms)))
    assert.equals(1, edu.irq_status.fact)
    assert.equals(1, edu:irq_take(0))           -- still up
    edu.irq_ack = 1
    assert.equals(0, edu:irq_take(0))
    assert.equals(0, edu:read "irq_status")
    assert.equals(24, edu.factorial)
  end)

  it("interrupts by MSI: one message per cause", function()
    assert.equals(1, edu:enable "msi")
    edu.status.irqfact = 1
    for i = 1, 3 do
      edu.factorial = i
      assert.equals(1, assert(edu:wait_irq(0, 10 * ms)))
      assert.equals(0, edu:irq_take(0))
    end
    edu.irq_ack = 1
    assert.equals(0, edu:irq_take(0))
  end)

  it("raises and acknowledges by register, on both kinds of interrupt", function()
    edu.irq_raise = 0x101
    assert.equals(0x101, edu:read "irq_status")
    assert.equals(1, edu:irq_take(0))
    edu.irq_ack = 1
    assert.equals(0x100, edu:read "irq_status")
    assert.equals(1, edu:irq_take(0))
    edu.irq_ack = 0x100
    assert.equals(0, edu:irq_take(0))
    edu:enable "msi"
    edu.irq_raise = 1
    edu.irq_raise = 1
    assert.equals(2, edu:irq_take(0))
  end)

  it("takes 4 bytes below 0x80, and 4 or 8 from there", function()
    edu:bus_write(0, 0x04, 2, 1)
    assert.equals(0, dev:peek "liveness")
    assert.equals(0xff, edu:bus_read(0, 0x00, 1))
    assert.equals(0xffff, edu:bus_read(0, 0x02, 2))
    assert.equals(0xffffffffffffffffULL, edu:bus_read(0, 0x00, 8))
    edu:bus_write(0, 0x80, 8, 0x123456789abcdef0ULL)
    assert.equals(0x123456789abcdef0ULL, edu.dma_src)
    assert.equals(0x12345678, edu:bus_read(0, 0x84, 4))
    edu:bus_write(0, 0x84, 4, 0xff)
    assert.equals(0x000000ff9abcdef0ULL, edu.dma_src)
    edu:bus_write(0, 0x80, 2, 0)
    assert.equals(0x000000ff9abcdef0ULL, edu.dma_src)
  end)

  local function transfer(src, dst, n, cmd)
    edu.dma_src, edu.dma_dst, edu.dma_cnt = src, dst, n
    edu.dma_cmd = cmd
  end

  it("moves data both ways between memory and its buffer", function()
    local page = assert(edu:dma_alloc(4096))
    for i = 0, 4095 do page:u8(i, (i * 7 + 3) % 256) end
    local sent = page:string()
    transfer(page.bus, BUFFER, 4096, { run = 1, dir = "to_device", irq = 1 })
    assert.equals(1, edu.dma_cmd.run)
    assert(edu:wait_irq(0, 1000 * ms))
    assert.equals(0, edu.dma_cmd.run)
    assert.equals(1, edu.irq_status.dma)
    edu.irq_ack = 0x100
    page:fill(0)
    transfer(BUFFER + 96, page.bus + 100, 1000, { run = 1, dir = "to_ram" })
    edu:step(100 * ms)
    assert.equals(0, edu.dma_cmd.run)
    assert.equals(0, edu:irq_take(0))
    assert.equals(sent:sub(97, 1096), page:string():sub(101, 1100))
    assert.equals(("\0"):rep(100), page:string(100))
    assert.equals(0, page:u8(1100))
    assert.equals("", support.take_said())
  end)

  it("shows the buffer to the driver as memory", function()
    edu:bus_write(0, BUFFER + 5, 1, 0x5a)
    edu:bus_write(0, BUFFER + 4088, 8, 0x1122334455667788ULL)
    assert.equals(0x5a00, edu:bus_read(0, BUFFER + 4, 2))
    assert.equals(0x1122334455667788ULL, edu:bus_read(0, BUFFER + 4088, 8))
    assert.equals(0xffffffff, edu:bus_read(0, BUFFER + 4096, 4))
  end)

  it("refuses DMA outside its buffer as a guest error, and goes on", function()
    local page = assert(edu:dma_alloc(4096))
    for _, x in ipairs { { BUFFER + 1, 4096 }, { BUFFER - 1, 1 }, { 0, 4 }, { BUFFER, 4097 }, { 2 ^ 62, 16 },
      { BUFFER, bit.bnot(0ULL) } } do
      transfer(page.bus, x[1], x[2], { run = 1, irq = 1 })
      edu:step(100 * ms)
      assert.equals(0, edu.dma_cmd.run)
      assert.equals(0, edu:irq_take(0))
    end
    local said = support.take_said()            -- once, not six times
    assert.matches("^edu: guest error: event transferred: 4096 bytes at 0x40001 are outside the 4 KiB at 0x40000 "
      .. "%(lua/devices/edu.lua:%d+%)$", said)
    transfer(page.bus, BUFFER, 4096, { run = 1, irq = 1 })
    assert(edu:wait_irq(0, 1000 * ms))
  end)

  it("refuses DMA to memory that the driver has not mapped", function()
    local page = assert(edu:dma_alloc(64))
    transfer(page.bus, BUFFER, 65, 1)
    edu:step(100 * ms)
    assert.matches("beyond the driver's mapping", support.take_said(), 1, true)
    edu:dma_unmap(page)
    transfer(page.bus, BUFFER, 64, 1)
    edu:step(100 * ms)
    assert.matches("after unmap", support.take_said(), 1, true)
  end)

  it("reaches 28 bits of address", function()
    assert.is_nil((edu:dma_alloc(2 ^ 28 + 1)))
    local page = assert(edu:dma_alloc(2 ^ 20))
    assert.is_true(page.bus + 2 ^ 20 <= 2 ^ 28)
  end)

  it("ignores DMA registers while a transfer runs, and a command without run", function()
    local page = assert(edu:dma_alloc(64))
    edu.dma_cmd = 4
    assert.equals(0, edu:read "dma_cmd")
    transfer(page.bus, BUFFER, 64, { run = 1 })
    edu.dma_cnt, edu.dma_src, edu.dma_cmd = 1, 2, 3
    assert.equals(64ULL, edu.dma_cnt)
    assert.equals(page.bus + 0ULL, edu.dma_src)
    assert.equals(1ULL, edu:read "dma_cmd")
  end)

  it("answers nothing between its registers", function()
    assert.equals(0xffffffff, edu:bus_read(0, 0x30, 4))
    edu:bus_write(0, 0x30, 4, 1)
    local said = support.take_said()
    assert.matches("read of 4 bytes at BAR 0 + 0x30, where nothing is", said, 1, true)
    assert.matches("write of 0x1 to BAR 0 + 0x30, where nothing is", said, 1, true)
  end)

  it("runs on the wall clock as well", function()
    dev:free()
    local _, live = load "sim"
    live.status.irqfact = 1
    live.factorial = 5
    assert(live:wait_irq(0, 1000 * ms))
    assert.equals(120, live.factorial)
  end)
end)
