-- SPDX-License-Identifier: MIT
-- The 6300ESB watchdog, driven as Linux's i6300esb drives it, and as it does not.
--
-- Try it:  tests/spec/run tests/spec/i6300esb_spec.lua
local support = dofile "tests/spec/support.lua"
local mb = support.mb
local ms, s = mb.units.ms, mb.units.s

local CONFIG, LOCK = 0x60, 0x68
local TICK = 2 ^ 15 / 33333333 * 1e9            -- ns

describe("i6300esb", function()
  local dev, d

  local function unlock()
    d:bus_write(0, 0x0c, 2, 0x80)
    d:bus_write(0, 0x0c, 2, 0x86)
  end
  local function reload(bits)
    unlock()
    d:bus_write(0, 0x0c, 2, bits or 0x100)
  end
  local function preload(first, second)
    unlock()
    d.timer1 = first
    unlock()
    d.timer2 = second
    reload()
  end
  local function start(bits)
    reload()
    d:config_write(LOCK, 1, bits or 2)
  end

  before_each(function()
    local mistakes
    dev, mistakes = mb.load "lua/devices/i6300esb.lua"
    assert(dev, mistakes and mb.mistakes_text(mistakes))
    dev, d = support.start(dev)
    d:config_write(CONFIG, 2, 3)
  end)
  after_each(function()
    support.free_all()
    support.take_said()
  end)

  it("is 8086:25ab with 16 bytes of registers and two of configuration", function()
    assert.equals(0x25ab8086, d:config_read(0, 4))
    d:config_write(0x10, 4, 0xffffffff)
    assert.equals(0xfffffff0, d:config_read(0x10, 4))
    assert.equals(3, d:config_read(CONFIG, 2))
    assert.equals(0, d:config_read(LOCK, 1))
  end)

  it("lets one write through after 0x80 and 0x86", function()
    d.timer1 = 5
    assert.equals(0xfffff, d.timer1.preload)
    assert.matches("timer1 written without 0x80 and 0x86 in reload before it", support.take_said(), 1, true)
    unlock()
    d.timer1 = 5
    d.timer2 = 6
    assert.same({ 5, 0xfffff }, { d.timer1.preload, d.timer2.preload })
    d:bus_write(0, 0x0c, 2, 0x86)
    d:bus_write(0, 0x0c, 2, 0x80)
    d.timer1 = 7
    assert.equals(5, d.timer1.preload)
    unlock()
    assert.equals(0, d.reload.timeout)          -- a read between does no harm
    d.timer1 = 8
    assert.equals(8, d.timer1.preload)
  end)

  it("resets after both stages, and says so", function()
    preload(512, 256)
    start()
    d:step(768 * TICK - 1)
    assert.equals(0, d.resets)
    assert.equals("", support.take_said())
    d:step(2)
    assert.equals(1, d.resets)
    assert.equals(1, d.reload.timeout)
    assert.equals("i6300esb: second stage expired: a real machine resets now", support.take_said())
    assert.equals(0, d:irq_take(0))
    reload(0x300)
    assert.equals(0, d.reload.timeout)
  end)

  it("never expires while it is kept alive", function()
    preload(512, 512)
    start()
    for _ = 1, 20 do
      d:step(900 * ms)
      reload()
    end
    assert.equals(0, d.resets)
    d:step(2 * s)
    assert.equals(1, d.resets)
  end)

  it("does not count while it is disabled", function()
    preload(512, 512)
    d:step(10 * s)
    start()
    d:step(500 * ms)
    reload()
    d:config_write(LOCK, 1, 0)
    assert.equals(0, d:config_read(LOCK, 1))
    d:step(10 * s)
    assert.equals(0, d.resets)
  end)

  it("cannot be disabled once it is locked", function()
    preload(512, 512)
    start(3)
    d:config_write(LOCK, 1, 0)
    assert.equals(3, d:config_read(LOCK, 1))
    assert.matches("while lock.locked is not 0", support.take_said(), 1, true)
    d:step(2 * s)
    assert.equals(1, d.resets)
  end)

  it("interrupts after the first stage, if it is to", function()
    d:config_write(CONFIG, 2, 0)
    preload(512, 512)
    start()
    assert.equals(0, d:irq_take(0))
    assert.equals(1, assert(d:wait_irq(0, 1 * s)))
    assert.same({ 1, 0 }, { d.gintsr.wdt, d.resets })
    assert.equals(1, d:irq_take(0))
    d.gintsr = 1
    assert.equals(0, d:irq_take(0))
    reload()                                    -- just in time
    d:step(500 * ms)
    assert.equals(0, d.resets)
    d:step(600 * ms)
    assert.equals(1, d.resets)
  end)

  it("says that it takes an SMI", function()
    d:config_write(CONFIG, 2, 2)
    preload(512, 512)
    start()
    d:step(600 * ms)
    assert.matches("a real machine takes an SMI", support.take_said(), 1, true)
    assert.equals(0, d:irq_take(0))
  end)

  it("counts at 1 MHz as well", function()
    d:config_write(CONFIG, 2, 4 + 3)
    preload(1000, 1000)
    start()
    d:step(1.9 * ms)
    assert.equals(0, d.resets)
    d:step(0.1 * ms)
    assert.equals(1, d.resets)
  end)

  it("runs freely, without a reset", function()
    d:config_write(CONFIG, 2, 0)
    preload(512, 512)
    start(6)
    for _ = 1, 3 do
      assert(d:wait_irq(0, 1.1 * s))
      d.gintsr = 1
    end
    assert.same({ 0, 0 }, { d.resets, d.reload.timeout })
  end)

  it("marks a time-out whose reset is switched off", function()
    d:config_write(CONFIG, 2, 0x20 + 3)
    preload(512, 512)
    start()
    d:step(2 * s)
    assert.same({ 0, 1 }, { d.resets, d.reload.timeout })
  end)
end)
