-- SPDX-License-Identifier: MIT
-- The panic device: what is on offer, what it is told.
--
-- Try it:  tests/spec/run tests/spec/pvpanic_spec.lua
local support = dofile "tests/spec/support.lua"
local mb = support.mb

describe("pvpanic", function()
  local dev, d

  local function load(options)
    dev = assert(mb.load("lua/devices/pvpanic.lua", options))
    dev, d = support.start(dev)
  end

  after_each(function()
    support.free_all()
    support.take_said()
  end)

  it("is 1b36:0011 with one BAR and no interrupt", function()
    load()
    assert.equals(0x00111b36, d:config_read(0, 4))
    assert.equals(0, d:config_read(0x3d, 1))
    d:config_write(0x10, 4, 0xffffffff)
    assert.equals(0xfffffff0, d:config_read(0x10, 4))
  end)

  it("offers three events and counts each that happens", function()
    load()
    assert.equals(7, d:bus_read(0, 0, 1))
    d:bus_write(0, 0, 1, 1)
    assert.equals("pvpanic: the guest says: panicked", support.take_said())
    d:bus_write(0, 0, 1, 2)
    d:bus_write(0, 0, 1, 4)
    d:bus_write(0, 0, 1, 4)
    assert.same({ 1, 1, 2 }, { dev:peek "panicked", dev:peek "crash_loaded", dev:peek "shutdown" })
    assert.equals(7, d.events.value)
    d:bus_write(0, 0, 1, 0)
    assert.same({ 1, 1, 2 }, { d.panicked, d.crash_loaded, d.shutdown })
  end)

  it("complains of events that are not on offer", function()
    load { events = "1" }
    assert.equals(1, d.events.value)
    d:bus_write(0, 0, 1, 5)
    assert.same({ 1, 0 }, { d.panicked, d.shutdown })
    assert.matches("the event shutdown is not on offer", support.take_said(), 1, true)
    d:bus_write(0, 0, 1, 8)
    assert.matches("reserved bits 0x8", support.take_said(), 1, true)
  end)

  it("refuses to offer what there is not", function()
    local none, mistakes = mb.load("lua/devices/pvpanic.lua", { events = "8" })
    assert.is_nil(none)
    assert.matches("events must be 0 to 7", mb.mistakes_text(mistakes), 1, true)
  end)
end)
