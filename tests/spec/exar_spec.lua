-- SPDX-License-Identifier: MIT
-- The XR17V35x UARTs, driven as 8250 drivers do: divisor, FIFOs, interrupts, modem lines.
--
-- Try it:  tests/spec/run tests/spec/exar_spec.lua
local support = dofile "tests/spec/support.lua"
local mb = support.mb
local us, ms = mb.units.us, mb.units.ms

local NONE, SENT, RECEIVED, LINE, TIMEOUT, MODEM = 0x01, 0x02, 0x04, 0x06, 0x0c, 0x00
local FIFOS = 0xc0

describe("exar", function()
  local dev, d

  local function load(options)
    support.free_all()
    local mistakes
    dev, mistakes = mb.load("lua/devices/exar.lua", options)
    if not dev then error(mb.mistakes_text(mistakes), 2) end
    dev, d = support.start(dev)
  end

  -- 8 data bits, no parity, 1 stop bit, FIFOs with triggers at 128 as Linux has them.
  local function open(i, baud)
    local ch = d.channel[i]
    local divisor = math.floor(125e6 / baud + 0.5)      -- in 16ths
    ch.lcr = 0x80
    ch.data, ch.ier, ch.isr = math.floor(divisor / 16) % 256, math.floor(divisor / 4096), divisor % 16
    ch.lcr = 3
    ch.efr = { ecb = 1 }
    ch.fctr, ch.txcnt, ch.rxcnt = 0xc0, 128, 128
    ch.isr = 1
    ch.mcr = { dtr = 1, rts = 1 }
    return ch
  end

  local function put(ch, text)
    for n = 1, #text do ch.data = text:byte(n) end
  end

  local function get(ch)
    local text = {}
    while ch.lsr.dr == 1 do text[#text + 1] = string.char(ch.data) end
    return table.concat(text)
  end

  before_each(function() load { wire = "0:1" } end)
  after_each(function()
    support.free_all()
    support.take_said()
  end)

  it("is 13a8:0352, 0354 or 0358 by its channels", function()
    for _, n in ipairs { 2, 4, 8 } do
      load { channels = tostring(n) }
      assert.equals(0x035013a8 + n * 0x10000, d:config_read(0, 4))
      for i = 0, n - 1 do assert.equals(0x80 + n, d:bus_read(0, 0x400 * i + 0x8d, 1)) end
      assert.equals(0xff, d:bus_read(0, 0x400 * n + 0x8d, 1))
    end
  end)

  it("has a divisor behind DLAB, apart from data and enables", function()
    local ch = d.channel[0]
    ch.ier = 5
    ch.lcr = 0x83
    ch.data, ch.ier, ch.isr = 0x34, 0x12, 0x05
    assert.same({ 0x34, 0x12, 0x05 }, { ch.data, ch.ier.value, ch.isr })
    ch.lcr = 3
    assert.equals(5, ch.ier.value)
    assert.equals(0, ch.data)
    assert.equals(NONE, ch.isr)
  end)

  it("sends to the other channel in the time that the baud rate asks for", function()
    local a, b = open(0, 115200), open(1, 115200)
    put(a, "Hello")
    assert.equals(0, a.lsr.thre)
    assert.equals(5, a.txcnt)
    d:step(5 * 10 / 115200 * 1e9 - 1 * us)
    assert.is_true(b.rxcnt < 5)
    d:step(2 * us)
    assert.same({ 1, 1, 5 }, { a.lsr.thre, a.lsr.temt, b.rxcnt })
    assert.equals("Hello", get(b))
    assert.equals(0, b.rxcnt)
    assert.equals("", support.take_said())
  end)

  it("sends both ways at once, in order", function()
    local a, b = open(0, 921600), open(1, 921600)
    local there, back = {}, {}
    for n = 1, 200 do there[n], back[n] = string.char(n), string.char(255 - n) end
    there, back = table.concat(there), table.concat(back)
    put(a, there)
    put(b, back)
    d:step(3 * ms)
    assert.equals(there, get(b))
    assert.equals(back, get(a))
  end)

  it("interrupts when data has reached the trigger level, and when less stays behind", function()
    local a, b = open(0, 921600), open(1, 921600)
    b.ier = { rx = 1 }
    put(a, ("x"):rep(128))
    assert(d:wait_irq(0, 2 * ms))
    assert.equals(FIFOS + RECEIVED, b.isr)
    assert.equals(2, d.int0.value)
    assert.equals(8, d.int1[0])                 -- cause 1 of channel 1
    assert.equals(2, d:bus_read(0, 0x480, 1))
    assert.equals(1, d:irq_take(0))
    get(b)
    assert.equals(0, d:irq_take(0))
    assert.equals(FIFOS + NONE, b.isr)
    a.data = 0x41
    assert(d:wait_irq(0, 1 * ms))
    assert.equals(FIFOS + TIMEOUT, b.isr)
    assert.equals(2 * 8, d.int1[0])
    assert.equals("A", get(b))
    assert.equals(0, d:irq_take(0))
  end)

  it("interrupts when there is room again, until ISR is read", function()
    local a = open(0, 921600)
    a.ier = { tx = 1 }
    assert.equals(1, d:irq_take(0))             -- at once: nothing to send
    assert.equals(FIFOS + SENT, a.isr)
    assert.equals(FIFOS + NONE, a.isr)
    assert.equals(0, d:irq_take(0))
    a.ier = 0
    a.ier = { tx = 1 }                          -- and again
    assert.equals(FIFOS + SENT, a.isr)
    put(a, ("y"):rep(200))
    assert.equals(0, d:irq_take(0))
    assert(d:wait_irq(0, 2 * ms))               -- 128 are left
    assert.is_true(a.txcnt <= 128 and a.txcnt > 100)
    assert.equals(0, a.lsr.thre)
    assert.equals(FIFOS + SENT, a.isr)
    assert(d:wait_irq(0, 2 * ms))               -- none is left
    assert.equals(1, a.lsr.thre)
  end)

  it("sends one message per new cause with MSI", function()
    local a, b = open(0, 921600), open(1, 921600)
    assert.equals(1, d:enable "msi")
    b.ier = { rx = 1 }
    put(a, ("x"):rep(130))
    d:step(5 * ms)
    assert.equals(2, d:irq_take(0))             -- trigger level, then time-out
    assert.equals(130, #get(b))
    put(a, "z")
    d:step(5 * ms)
    assert.equals(1, d:irq_take(0))
  end)

  it("loses what a full FIFO cannot hold, and says so", function()
    local a, b = open(0, 921600), open(1, 921600)
    b.ier = { line = 1 }
    for _ = 1, 3 do
      put(a, ("o"):rep(100))
      d:step(2 * ms)
    end
    assert.equals(1, d:irq_take(0))
    assert.equals(FIFOS + LINE, b.isr)
    local status = b.lsr
    assert.same({ 1, 1 }, { status.oe, status.dr })
    assert.equals(0, b.lsr.oe)                  -- read once
    assert.equals(FIFOS + NONE, b.isr)
    assert.equals(0, d:irq_take(0))
    assert.equals(256, #get(b))
  end)

  it("stops the other side by RTS and CTS when both are automatic", function()
    local a, b = open(0, 921600), open(1, 921600)
    a.efr = { ecb = 1, auto_cts = 1 }
    b.efr = { ecb = 1, auto_rts = 1 }
    local sent, got = 0, ""
    for _ = 1, 4 do
      put(a, ("f"):rep(250 - a.txcnt))
      sent = sent + 250
      d:step(5 * ms)
    end
    assert.equals(0, a.msr.cts)
    assert.is_true(b.rxcnt >= 224 and b.rxcnt < 256)
    for _ = 1, 4 do
      got = got .. get(b)
      d:step(5 * ms)
    end
    assert.equals(1, a.msr.cts)
    assert.equals(0, b.lsr.oe)
    assert.is_true(#got > 400)
  end)

  it("joins the modem lines of both ends", function()
    local a, b = d.channel[0], d.channel[1]
    b.ier = { modem = 1 }
    local at_rest = a.msr
    assert.same({ 0, 0, 0 }, { at_rest.cts, at_rest.dsr, at_rest.dcd })
    a.mcr = { dtr = 1, rts = 1 }
    assert.equals(1, d:irq_take(0))
    assert.equals(MODEM, b.isr)
    local status = b.msr
    assert.same({ 1, 1, 1, 1, 1, 1 }, { status.dcts, status.ddsr, status.ddcd, status.cts, status.dsr, status.dcd })
    status = b.msr
    assert.same({ 0, 0, 1 }, { status.dcts, status.ddsr, status.cts })
    assert.equals(NONE, b.isr)
    assert.equals(0, d:irq_take(0))
  end)

  it("hears itself in loopback, and then nobody else does", function()
    local a, b = open(0, 921600), open(1, 921600)
    a.mcr = { loop = 1, rts = 1, op2 = 1 }
    local status = a.msr
    assert.same({ 1, 0, 1 }, { status.cts, status.dsr, status.dcd })
    assert.equals(0, b.msr.cts)
    put(a, "me")
    d:step(1 * ms)
    assert.equals("me", get(a))
    assert.equals("", get(b))
  end)

  it("hears a break", function()
    local a, b = open(0, 921600), open(1, 921600)
    a.lcr = { wlen = "eight", brk = 1 }
    local status = b.lsr
    assert.same({ 1, 1 }, { status.bi, status.dr })
    assert.equals(0, b.data)
    put(a, "q")
    d:step(1 * ms)
    assert.equals(0, b.lsr.dr)                  -- while it lasts nothing is sent
    a.lcr = { wlen = "eight" }
    d:step(1 * ms)
    assert.equals("q", get(b))
  end)

  it("works without FIFOs, a character at a time", function()
    local a, b = open(0, 921600), open(1, 921600)
    a.isr, b.isr = 0, 0
    b.ier = { rx = 1 }
    put(a, "1")
    assert(d:wait_irq(0, 1 * ms))
    assert.equals(RECEIVED, b.isr)
    assert.equals("1", get(b))
    put(a, "23")                                -- the second has no room
    assert.matches("THR written while there is no room", support.take_said(), 1, true)
    d:step(1 * ms)
    assert.equals("2", get(b))
  end)

  it("forgets what the FIFOs held when they are reset", function()
    local a, b = open(0, 9600), open(1, 9600)
    put(a, "lost")
    a.isr = 1 + 4
    assert.equals(1, a.lsr.temt)
    d:step(10 * ms)
    assert.equals("", get(b))
    dev.ctx.state.feed(1, "lost too")
    b.isr = 1 + 2
    assert.equals(0, b.lsr.dr)
    put(a, "kept")
    d:step(10 * ms)
    assert.equals("kept", get(b))
  end)

  it("resets a channel by RESET", function()
    local a, b = open(0, 9600), open(1, 9600)
    b.spr = 0x11
    put(a, "never")
    a.spr, a.ier = 0x22, 1
    d.reset = 1
    d:step(100 * ms)
    assert.same({ 0xff, 0x11, 0, 0 }, { a.spr, b.spr, a.ier.value, a.lcr.value })
    assert.equals("", get(b))
  end)

  it("lets the upper interrupt enables be changed only after EFR.ecb", function()
    local a = d.channel[0]
    a.ier = 0xf5
    assert.equals(0x05, a.ier.value)
    a.efr = { ecb = 1 }
    a.ier = 0xf5
    assert.equals(0xf5, a.ier.value)
    a.efr = 0
    a.ier = 0
    assert.equals(0xf0, a.ier.value)
  end)

  it("gives what is sent on an open line to the host, which can answer", function()
    load()
    local a = open(0, 115200)
    a.ier = { rx = 1 }
    assert.equals(1, a.msr.cts)
    put(a, "AT\r")
    d:step(1 * ms)
    assert.equals("AT\r", dev.ctx.state.sent[0])
    dev.ctx.state.feed(0, "OK\r\n")
    assert(d:wait_irq(0, 1 * ms))
    assert.equals("OK\r\n", get(a))
  end)

  it("takes an RS-485 delay without complaint", function()
    d:bus_write(0, 0x06, 1, 0x40)
    assert.equals("", support.take_said())
    assert.equals(0, d.channel[0].msr.cts)
  end)

  it("has pins", function()
    d.mpio_sel[0] = 0xf0
    d.mpio_lvl[0] = 0xa5
    assert.equals(0x05, d.mpio_lvl[0])
    dev.ctx.state.set_pins(0, 0x3c)
    assert.equals(0x35, d.mpio_lvl[0])
    d.mpio_inv[0] = 0xff
    assert.equals(0xc5, d.mpio_lvl[0])
    d.mpio_sel[0] = 0
    assert.equals(0xa5, d.mpio_lvl[0])
    assert.equals(0xff, d.mpio_sel[1])
  end)

  it("keeps characters over a reload", function()
    local a, b = open(0, 115200), open(1, 115200)
    put(a, "still here")
    assert(dev:reload())
    d:step(5 * ms)
    assert.equals("still here", get(b))
  end)

  it("has a terminal of the host at a channel", function()
    load { pty = "1" }
    local path = support.take_said():match "channel 1 is (%S+)"
    local terminal = assert(io.open(path, "r+"))
    local b = open(1, 115200)
    put(b, "login: ")
    d:step(5 * ms)
    assert.equals("login: ", terminal:read(7))
    terminal:write("root\n")
    terminal:flush()
    d:step(20 * ms)
    assert.equals("root\n", get(b))
    terminal:close()
    dev:stop()
  end)

  for text, options in pairs {
    ["channels must be 2, 4 or 8"] = { channels = "3" },
    ['wire: "0-1"; right would be two channels, as in wire=0:1'] = { wire = "0-1" },
    ['wire: "2" is no channel; there are 0 to 1'] = { wire = "0:2" },
    ['wire: "1:0"; a channel has one line only'] = { wire = "0:1,1:0" },
    ["pty: channel 0 is wired already"] = { pty = "0", wire = "0:1" },
  } do
    it("refuses " .. text, function()
      local none, mistakes = mb.load("lua/devices/exar.lua", options)
      assert.is_nil(none)
      assert.matches(text, mb.mistakes_text(mistakes), 1, true)
    end)
  end
end)
