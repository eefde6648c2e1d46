-- SPDX-License-Identifier: MIT
-- What a driver of edu.lua does, as a test: a factorial with its interrupt, and DMA there and back.
--
-- Try it:  tests/spec/run lua/devices/spec/edu_spec.lua
local mb = require "moonbar"
local ms = mb.units.ms

describe("edu, by example:", function()
  local dev, edu

  before_each(function()
    dev = assert(mb.load "lua/devices/edu.lua")
    edu = mb.driver(dev)
  end)
  after_each(function() dev:free() end)

  it("a factorial", function()
    edu.status = { irqfact = 1 }
    edu.factorial = 10
    assert.equals(1, edu.status.computing)
    assert.equals(1, edu:wait_irq(0, 2 * ms))
    assert.equals(3628800, edu.factorial)
    assert.equals(1, edu.irq_status.fact)
    edu.irq_ack = 1                       -- the line falls
    assert.equals(0, edu:irq_take(0))
  end)

  it("DMA into the device and back", function()
    edu:enable "msi"
    local page = edu:dma_alloc(4096)
    page:set "one small step"
    local function move(from, to, direction)
      edu.dma_src, edu.dma_dst, edu.dma_cnt = from, to, 14
      edu.dma_cmd = { run = 1, dir = direction, irq = 1 }
      assert(edu:wait_irq(0, 200 * ms))
      edu.irq_ack = edu:read "irq_status"
    end
    move(page.bus, 0x40000, "to_device")
    move(0x40000, page.bus + 100, "to_ram")
    assert.equals("one small step", page:at(100):string(14))
  end)
end)
