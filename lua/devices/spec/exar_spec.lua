-- SPDX-License-Identifier: MIT
-- What a driver of exar.lua does, as a test: two ports on one wire, 115200 baud, FIFOs, an interrupt for what came.
--
-- Try it:  tests/spec/run lua/devices/spec/exar_spec.lua
local mb = require "moonbar"
local ms = mb.units.ms

describe("exar, by example:", function()
  local dev, d

  local function open(i)
    local port = d.channel[i]
    port.lcr = 0x80                     -- the divisor behind DLAB: 125 MHz / 16 / 115200, in 16ths
    port.data, port.ier, port.isr = 67, 0, 13
    port.lcr = 0x03                     -- 8 bits, no parity, 1 stop bit
    port.isr = 1                        -- FIFOs on: a write to this place is FCR
    return port
  end

  before_each(function()
    dev = assert(mb.load("lua/devices/exar.lua", { wire = "0:1" }))
    d = mb.driver(dev)
  end)
  after_each(function() dev:free() end)

  it("a line of text from one port to the other", function()
    local from, to = open(0), open(1)
    to.ier = { rx = 1 }
    for c in ("moon\n"):gmatch "." do from.data = c:byte() end
    assert(d:wait_irq(0, 10 * ms))
    d:step(10 * ms)
    local text = {}
    while to.lsr.dr == 1 do text[#text + 1] = string.char(to.data) end
    assert.equals("moon\n", table.concat(text))
  end)
end)
