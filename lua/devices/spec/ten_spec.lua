-- SPDX-License-Identifier: MIT
-- The smallest device's own test, to copy from: load the device, put it on the simulated bus with a clock that
-- only step() moves, and be its driver.
--
-- Try it:  tests/spec/run lua/devices/spec/ten_spec.lua
local mb = require "moonbar"
local us = mb.units.us
mb.log = function() end                 -- guest errors are not looked at here

describe("ten", function()
  local dev, d

  before_each(function()
    dev = assert(mb.load "lua/devices/ten.lua")
    d = mb.driver(dev)                  -- attaches and starts it, too
  end)
  after_each(function() dev:free() end)

  it("interrupts when the time is over, not earlier", function()
    d.start = 500
    d:step(499 * us)
    assert.equals(0, d:irq_take(0))
    d:step(1 * us)
    assert.equals(1, d:irq_take(0))
    assert.equals(1, d.status.done)
  end)

  it("holds the line until it is acknowledged", function()
    d.start = 10
    assert.equals(1, d:wait_irq(0, 20 * us))
    assert.equals(1, d:irq_take(0))
    d.ack = 1
    assert.equals(0, d:irq_take(0))
    assert.is_nil((d:wait_irq(0, 1000 * us)))
  end)

  it("counts how often it was started, whatever came of it", function()
    d.start, d.start, d.start = 1, 2, 3
    assert.equals(3, d.started)
    d.started = 0                       -- read-only
    assert.equals(3, d.started)
    d:reset "flr"
    assert.equals(0, d.started)
    d:step(10 * us)                     -- and what was pending is forgotten
    assert.equals(0, d:irq_take(0))
  end)
end)
