-- SPDX-License-Identifier: MIT
--
-- exar.lua: MaxLinear (Exar) XR17V352, V354 and V358, UARTs on PCI Express with FIFOs of 256 bytes, as their
-- data sheets describe them. Channels are wired to each other, to terminals of the host, or to nothing, and
-- take the time that the baud rate asks for. The FIFOs and their interrupts are in exar/uart.lua.
-- Not modelled: the timer, the EEPROM interface, FIFO access by block, software flow control.
--
-- Try it:  ./moonbar run --on pciem lua/devices/exar.lua wire=0:1
--          modprobe 8250_exar; stty -F /dev/ttyS1 raw; …
local CHANNELS = option("channels", 2, "2, 4 or 8: XR17V352, V354, V358")
local WIRE     = option("wire", "", "channels that hear each other (null modem), as in 0:1,2:3; 0:0 hears itself")
local PTY      = option("pty", "", "channels that are terminals of the host, as in 1 or 0,1: the log says which")
local TIMEOUT  = option("timeout", 50, "ms that a driver waits for a register; more on a busy machine")

if CHANNELS ~= 2 and CHANNELS ~= 4 and CHANNELS ~= 8 then error("channels must be 2, 4 or 8", 0) end

local function channel_of(text, where)
  local i = tonumber(text)
  if not i or i < 0 or i >= CHANNELS then
    error(("%s: %q is no channel; there are 0 to %d"):format(where, text, CHANNELS - 1), 0)
  end
  return i
end

local wire = {}
for pair in WIRE:gmatch "[^,]+" do
  local a, b = pair:match "^(%d+):(%d+)$"
  if not a then error(("wire: %q; right would be two channels, as in wire=0:1"):format(pair), 0) end
  a, b = channel_of(a, "wire"), channel_of(b, "wire")
  if wire[a] or wire[b] then error(("wire: %q; a channel has one line only"):format(pair), 0) end
  wire[a], wire[b] = b, a
end

device "exar" { id = ("13a8:%04x"):format(0x350 + CHANNELS), class = 0x070002, rev = 4, intx = true,
  timeout = TIMEOUT*ms, caps = { cap.pm{}, cap.msi{}, cap.express{} } }

local uart = require "exar.uart"(CHANNELS, wire)
local pty = require "exar.pty"(uart)
for text in PTY:gmatch "[^,]+" do
  local i = channel_of(text, "pty")
  if wire[i] then error(("pty: channel %d is wired already"):format(i), 0) end
  pty.connect(i)
end

function on.start()
  for i = 0, CHANNELS - 1 do uart.reset(i) end
  pty.start()
end
function on.reset()
  for i = 0, CHANNELS - 1 do uart.reset(i) end
end
function on.stop() pty.stop() end

-- ---- multi-purpose pins: level = latch for outputs, the pin for inputs ----------------------------------

state.latch = state.latch or { [0] = 0, 0 }
state.pins = state.pins or { [0] = 0, 0 }

local function pin_level(i)
  local inputs = dev.mpio_sel[i]
  return bor(band(state.latch[i], bnot(inputs)), band(bxor(state.pins[i], dev.mpio_inv[i]), inputs))
end

local function pins_changed(_, _, _, i) dev.mpio_lvl[i] = pin_level(i) end

-- The host's hand on the pins: state.set_pins(0, 0x0f) holds pins 0 to 3 up.
function state.set_pins(i, v)
  state.pins[i] = v
  pins_changed(nil, nil, nil, i)
end

-- ---- registers -----------------------------------------------------------------------------------------------

local rows = {
  channel = group(0x000, { CHANNELS, stride = 0x400 }, "UART") {
    data   = { 0x00, rw, volatile = true, "RHR when read, THR when written; with LCR.dlab the divisor's low byte",
               read = uart.read_data, write = uart.write_data },
    ier    = { 0x01, "Interrupt enable; with LCR.dlab the divisor's high byte", volatile = true,
               { rx = rw(0), tx = rw(1), line = rw(2), modem = rw(3), sleep = rw(4), xoff = rw(5), rts = rw(6),
                 cts = rw(7) }, read = uart.read_ier, write = uart.write_ier },
    isr    = { 0x02, rw, 0x01, "ISR when read, FCR when written; with LCR.dlab the divisor's 16ths", volatile = true,
               read = uart.read_isr, write = uart.write_fcr },
    lcr    = { 0x03, "Line control",
               { wlen = rw(1, 0, { [0] = "five", "six", "seven", "eight" }), stop = rw(2), parity = rw(3),
                 even = rw(4), force = rw(5), brk = rw(6), dlab = rw(7) }, write = uart.write_lcr },
    mcr    = { 0x04, "Modem control",
               { dtr = rw(0), rts = rw(1), op1 = rw(2), op2 = rw(3), loop = rw(4), xonany = rw(5), irda = rw(6),
                 prescale = rw(7) }, write = uart.write_mcr },
    lsr    = { 0x05, "Line status",
               { dr = ro(0), oe = rc(1), pe = rc(2), fe = rc(3), bi = rc(4), thre = ro(5, { reset = 1 }),
                 temt = ro(6, { reset = 1 }), fifoe = ro(7) } },
    msr    = { 0x06, "Modem status; written: RS-485 turn-around delay, of no effect here", volatile = true,
               { dcts = rc(0), ddsr = rc(1), teri = rc(2), ddcd = rc(3), cts = ro(4), dsr = ro(5), ri = ro(6),
                 dcd = ro(7) }, write = function() return drop end },
    spr    = { 0x07, rw, 0xff, "Scratch" },
    fctr   = { 0x08, "Feature control",
               { hysteresis = rw(3, 0), irda = rw(4), rs485 = rw(5), trigger_table = rw(7, 6) } },
    efr    = { 0x09, "Enhanced functions",
               { swflow = rw(3, 0), ecb = rw(4), special = rw(5), auto_rts = rw(6), auto_cts = rw(7) },
               write = uart.write_efr },
    txcnt  = { 0x0a, rw, "Bytes in the TX FIFO; written: TX trigger level", volatile = true, write = uart.write_txtrg },
    rxcnt  = { 0x0b, rw, "Bytes in the RX FIFO; written: RX trigger level", volatile = true, write = uart.write_rxtrg },
    xoff   = { 0x0c, rw, width = 16, "XOFF characters (XCHAR when read: not modelled)" },
    xon    = { 0x0e, rw, width = 16, "XON characters" },
    mode8x = { 0x88, rw, "8X sampling: a bit a channel, of which each sees its own" },
    mode4x = { 0x89, rw, "4X sampling" },
    sleep  = { 0x8b, rw, "Sleep" },
    drev   = { 0x8c, const, 0x04, "Device revision" },
    dvid   = { 0x8d, const, 0x80 + CHANNELS, "Device identification: how many channels" },
  },

  int0     = { 0x80, "Channels with an interrupt pending", vector = 0, {} },
  int1     = { 0x81, ro, array = 3, "Their causes, 3 bits a channel: 1 received or line, 2 time-out, 3 sent, 4 modem" },
  reset    = { 0x8a, wo, "Resets the channels whose bits are set",
               write = function(_, v)
                 for i = 0, CHANNELS - 1 do
                   if band(v, 2^i) ~= 0 then uart.reset(i) end
                 end
                 return 0
               end },
  mpio_int = { 0x8f, rw, array = { 2, stride = 6 }, "Pins whose changes interrupt", write = function(_, v)
                 if v ~= 0 then unimplemented("interrupts of multi-purpose pins") end
               end },
  mpio_lvl = { 0x90, rw, array = { 2, stride = 6 }, "Level: outputs as written, inputs as they are", volatile = true,
               write = function(_, v, _, i) state.latch[i] = v; return pin_level(i) end },
  mpio_3t  = { 0x91, rw, array = { 2, stride = 6 }, "Tri-state" },
  mpio_inv = { 0x92, rw, array = { 2, stride = 6 }, "Inverted inputs", write = pins_changed },
  mpio_sel = { 0x93, rw, 0xff, array = { 2, stride = 6 }, "Inputs", write = pins_changed },
  mpio_od  = { 0x94, rw, array = { 2, stride = 6 }, "Open drain" },
}

for i = 0, CHANNELS - 1 do rows.int0[3]["ch" .. i] = ro(i) end
for i = 1, CHANNELS - 1 do                      -- all channels show the interrupts of all
  rows["int0_" .. i] = { 0x400 * i + 0x80, ro "int0" }
  rows["int1_" .. i] = { 0x400 * i + 0x81, ro "int1", array = 3 }
end

bar(0, 16*KiB, { width = 8 })(rows)
