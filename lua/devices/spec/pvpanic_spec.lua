-- SPDX-License-Identifier: MIT
-- What a driver of pvpanic.lua does, as a test: it asks which events are on offer and tells of one. Also how an option
-- is given, and how to see what a device said.
--
-- Try it:  tests/spec/run lua/devices/spec/pvpanic_spec.lua
local mb = require "moonbar"

describe("pvpanic, by example:", function()
  local dev, said

  before_each(function()
    said = {}
    mb.log = function(line) said[#said + 1] = line end
    dev = assert(mb.load("lua/devices/pvpanic.lua", { events = 3 }))
  end)
  after_each(function() dev:free() end)

  it("a panic", function()
    local d = mb.driver(dev)
    assert.equals(3, d:bus_read(0, 0, 1))
    d:bus_write(0, 0, 1, 1)
    assert.equals(1, dev:peek "panicked")
    assert.same({ "pvpanic: the guest says: panicked" }, said)
  end)
end)
