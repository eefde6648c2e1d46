-- SPDX-License-Identifier: MIT
-- What a driver of pci_endpoint_test.lua does, as a test: an interrupt by MSI, and the device reads the driver's memory
-- and checks its checksum.
--
-- Try it:  tests/spec/run lua/devices/spec/pci_endpoint_test_spec.lua
local bit = require "bit"
local mb = require "moonbar"

local function crc32(text)
  local c = -1
  for i = 1, #text do
    c = bit.bxor(c, text:byte(i))
    for _ = 1, 8 do c = bit.bxor(bit.rshift(c, 1), bit.band(c, 1) * 0xedb88320) end
  end
  return c % 2 ^ 32
end

describe("pci_endpoint_test, by example:", function()
  local dev, ep

  -- A command, and the status that it ends with.
  local function run(command)
    ep.irq_type, ep.irq_number = 1, 1   -- MSI, the first message
    ep.command = command
    assert(ep:wait_irq(0))
    return ep.status
  end

  before_each(function()
    dev = assert(mb.load "lua/devices/pci_endpoint_test.lua")
    ep = mb.driver(dev)
    ep:enable("msi", 32)
  end)
  after_each(function() dev:free() end)

  it("an interrupt", function()
    assert.equals(1, run({ raise_msi = 1 }).irq_raised)
  end)

  it("a read of the driver's memory, and what happens once that is unmapped", function()
    local page = ep:dma_alloc(4096)
    page:set(("moon"):rep(1024))
    ep.src_addr, ep.size, ep.checksum = page.bus, 4096, crc32(page:string())
    assert.equals(1, run({ read = 1 }).read_success)
    mb.log = function() end             -- a refusal is told
    ep:dma_unmap(page)
    assert.equals(1, run({ read = 1 }).read_fail)
  end)
end)
