-- SPDX-License-Identifier: MIT
-- What a driver of i6300esb.lua does, as a test: it sets both stages, starts the watchdog in configuration space, feeds
-- it for a while, and stops feeding. Minutes of a watchdog pass in no time, since the test moves the clock.
--
-- Try it:  tests/spec/run lua/devices/spec/i6300esb_spec.lua
local mb = require "moonbar"
local s = mb.units.s
mb.log = function() end

describe("i6300esb, by example:", function()
  local dev, d

  -- Each write of a protected register wants these two before it.
  local function unlock()
    d:bus_write(0, 0x0c, 2, 0x80)
    d:bus_write(0, 0x0c, 2, 0x86)
  end
  local function feed()
    unlock()
    d:bus_write(0, 0x0c, 2, 0x100)
  end

  before_each(function()
    dev = assert(mb.load "lua/devices/i6300esb.lua")
    d = mb.driver(dev)
  end)
  after_each(function() dev:free() end)

  it("a watchdog that is fed, and then is not", function()
    unlock()
    d.timer1 = 15 * 1024                -- 15 s each, in 1.024 kHz ticks
    unlock()
    d.timer2 = 15 * 1024
    feed()
    d:config_write(0x68, 1, 2)          -- lock register: enable
    for _ = 1, 10 do
      d:step(25 * s)
      feed()
    end
    assert.equals(0, d.resets)
    d:step(31 * s)
    assert.equals(1, d.resets)
  end)
end)
