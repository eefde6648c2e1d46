-- SPDX-License-Identifier: MIT
--
-- exar/uart.lua: what a channel does: FIFOs, the shift register and its time, modem lines, causes of interrupts.
-- Pending characters are data in `state`, so that a reload finds them.
--
-- Try it:  tests/spec/run tests/spec/exar_spec.lua
local CLOCK, DEPTH, BURST = 125e6, 256, 16      -- Hz; bytes; characters that one event moves

-- Trigger levels of tables A to C by the bits of FCR; D is TXTRG and RXTRG
local RX_TRIGGER = { [0] = { [0] = 1, 4, 8, 14 }, { [0] = 8, 16, 24, 28 }, { [0] = 8, 16, 56, 60 } }
local TX_TRIGGER = { [0] = { [0] = 1, 1, 1, 1 }, { [0] = 16, 8, 24, 30 }, { [0] = 8, 16, 32, 56 } }
local RTS_OFF, RTS_ON = 224, 64                 -- bytes received at which automatic RTS falls and rises

-- Causes in order of rank: bit, ISR, code in INT1 to INT3
local LINE, TIMEOUT, RECEIVED, SENT, MODEM = 1, 2, 4, 8, 16
local ranks = { { LINE, 0x06, 1 }, { TIMEOUT, 0x0c, 2 }, { RECEIVED, 0x04, 1 }, { SENT, 0x02, 3 }, { MODEM, 0x00, 4 } }

local function fifo() return { first = 0, n = 0 } end

local function push(f, c, depth)
  if f.n >= depth then return false end
  f[(f.first + f.n) % DEPTH], f.n = c, f.n + 1
  return true
end

local function pop(f)
  local c = f[f.first]
  f.first, f.n = (f.first + 1) % DEPTH, f.n - 1
  return c
end

return function(count, wire)
  local uart = { outside = {} }         -- [channel] = function(text): who hears one that is not wired
  state.channels, state.sent = state.channels or {}, state.sent or {}
  local channels, regs = state.channels, dev

  -- ---- interrupts ------------------------------------------------------------------------------------

  local function trigger(i, given, tables, fcr_bits)
    local ch = channels[i]
    if not ch.fifos then return 1 end
    local t = tables[regs.channel[i].fctr.trigger_table]
    return t and t[fcr_bits] or math.max(given, 1)
  end
  local function rx_trigger(i) return trigger(i, channels[i].rxtrg, RX_TRIGGER, rshift(channels[i].fcr, 6)) end
  local function tx_trigger(i) return trigger(i, channels[i].txtrg, TX_TRIGGER, band(rshift(channels[i].fcr, 4), 3)) end

  local function causes(i)
    local ch, r = channels[i], regs.channel[i]
    local ier, c = r.ier, 0
    if ier.line == 1 and band(r.lsr.value, 0x1e) ~= 0 then c = c + LINE end
    if ier.rx == 1 and ch.idle then c = c + TIMEOUT end
    if ier.rx == 1 and ch.rx.n >= rx_trigger(i) then c = c + RECEIVED end
    if ier.tx == 1 and ch.sent then c = c + SENT end
    if ier.modem == 1 and band(r.msr.value, 0x0f) ~= 0 then c = c + MODEM end
    return c
  end

  -- The highest of some causes: ISR, the code for INT1 to INT3, and its bit.
  local function highest(c)
    for _, rank in ipairs(ranks) do
      if band(c, rank[1]) ~= 0 then return rank[2], rank[3], rank[1] end
    end
    return 0x01, 0, 0
  end

  -- INT0 holds the line; a cause that is new sends a message, too.
  local function update(i)
    local ch, c = channels[i], causes(i)
    local before, bit_name = ch.causes, "ch" .. i
    regs.channel[i].txcnt, regs.channel[i].rxcnt = math.min(ch.tx.n, 255), math.min(ch.rx.n, 255)
    if c == before then return end
    ch.causes = c
    local codes = 0
    for n = 0, count - 1 do
      local _, code = highest(channels[n] and channels[n].causes or 0)
      codes = codes + code * 8^n
    end
    for n = 0, 2 do regs.int1[n] = math.floor(codes / 256^n) % 256 end
    if c == 0 then regs.int0[bit_name] = 0
    elseif band(c, bnot(before)) ~= 0 then raise("int0." .. bit_name) end
  end

  -- ---- modem lines ---------------------------------------------------------------------------------------

  local function rts(i)
    local ch, r = channels[i], regs.channel[i]
    if ch.rx.n >= RTS_OFF then ch.full = true elseif ch.rx.n < RTS_ON then ch.full = false end
    return r.mcr.rts == 1 and not (r.efr.auto_rts == 1 and ch.full) and 1 or 0
  end

  -- CTS, DSR, RI and DCD of a channel: its own in loopback, the peer's, or those of a friendly modem.
  local function inputs(i)
    local own = regs.channel[i].mcr
    if own.loop == 1 then return own.rts, own.dtr, own.op1, own.op2 end
    local peer = wire[i]
    if not peer then return 1, 1, 0, 1 end
    local mcr = regs.channel[peer].mcr
    if mcr.loop == 1 then return 0, 0, 0, 0 end
    return rts(peer), mcr.dtr, 0, mcr.dtr
  end

  local start_sending

  local function look(i)
    local msr = regs.channel[i].msr
    local cts, dsr, ri, dcd = inputs(i)
    if msr.cts ~= cts then msr.dcts = 1 end
    if msr.dsr ~= dsr then msr.ddsr = 1 end
    if msr.ri == 1 and ri == 0 then msr.teri = 1 end
    if msr.dcd ~= dcd then msr.ddcd = 1 end
    msr.cts, msr.dsr, msr.ri, msr.dcd = cts, dsr, ri, dcd
    update(i)
    start_sending(i)
  end

  local function look_around(i)
    look(i)
    if wire[i] and wire[i] ~= i then look(wire[i]) end
  end

  -- ---- characters ------------------------------------------------------------------------------------------

  -- ns that a character takes
  local function char_time(i)
    local ch, r = channels[i], regs.channel[i]
    local lcr, own = r.lcr, 2^i
    local bits = 7 + lcr.wlen + lcr.parity + lcr.stop
    local divisor = math.max(ch.dlm * 256 + ch.dll + band(ch.dld, 0x0f) / 16, 1 / 16)
    if band(r.mode4x, own) ~= 0 then divisor = divisor / 4
    elseif band(r.mode8x, own) ~= 0 then divisor = divisor / 2 end
    if r.mcr.prescale == 1 then divisor = divisor * 4 end
    return bits * divisor * 16 / CLOCK * s
  end

  -- Whom a channel hears: itself in loopback, its peer, or nobody that is modelled.
  local function heard_by(i) return regs.channel[i].mcr.loop == 1 and i or wire[i] end

  -- Data waits below the trigger level: after four silent characters it is told, too. What is on its way breaks
  -- the silence, and comes a burst at a time.
  local function watch_silence(i)
    local ch, peer = channels[i], channels[heard_by(i) or -1]
    if ch.silence then cancel(ch.silence) end
    ch.silence, ch.idle = nil, false
    if ch.fifos and ch.rx.n > 0 then
      ch.silence = after((4 + (peer and peer.sending or 0)) * char_time(i), "silent", i)
    end
  end

  function event.silent(_, i)
    channels[i].silence, channels[i].idle = nil, channels[i].rx.n > 0
    update(i)
  end

  -- What comes in on a channel's line; state.feed for whoever is outside.
  function uart.receive(i, text)
    if text == "" then return end
    local ch, lsr = channels[i], regs.channel[i].lsr
    for n = 1, #text do
      if not push(ch.rx, text:byte(n), ch.fifos and DEPTH or 1) then lsr.oe = 1 end
    end
    lsr.dr = 1
    watch_silence(i)
    if wire[i] then look(wire[i]) end           -- automatic RTS may have fallen
    update(i)
  end
  state.feed = uart.receive

  local function receive_break(i)
    if push(channels[i].rx, 0, DEPTH) then regs.channel[i].lsr.dr = 1 end
    regs.channel[i].lsr.bi = 1
    watch_silence(i)
    update(i)
  end

  local function send(i, text)
    if regs.channel[i].mcr.loop == 1 then uart.receive(i, text)
    elseif wire[i] then uart.receive(wire[i], text)
    elseif uart.outside[i] then uart.outside[i](text)
    else state.sent[i] = ((state.sent[i] or "") .. text):sub(-65536) end
  end

  function start_sending(i)
    local ch, r = channels[i], regs.channel[i]
    if ch.sending or ch.tx.n == 0 or r.lcr.brk == 1 then return end
    if r.efr.auto_cts == 1 and r.msr.cts == 0 then return end
    ch.sending = math.min(ch.tx.n, BURST)
    ch.shift = after(ch.sending * char_time(i), "shifted", i)
  end

  function event.shifted(_, i)
    local ch, lsr, text = channels[i], regs.channel[i].lsr, {}
    local before = ch.tx.n
    for n = 1, math.min(ch.sending, before) do text[n] = string.char(pop(ch.tx)) end
    ch.sending, ch.shift = nil, nil
    if ch.tx.n == 0 then lsr.thre, lsr.temt, ch.sent = 1, 1, true
    elseif before > tx_trigger(i) and ch.tx.n <= tx_trigger(i) then ch.sent = true end
    start_sending(i)
    send(i, table.concat(text))
    update(i)
  end

  -- ---- what the driver does ------------------------------------------------------------------------------

  local function dlab(i) return regs.channel[i].lcr.dlab == 1 end

  function uart.read_data(_, _, _, i)
    local ch, lsr = channels[i], regs.channel[i].lsr
    if dlab(i) then return ch.dll end
    if ch.rx.n == 0 then return 0 end
    local c = pop(ch.rx)
    if ch.rx.n == 0 then lsr.dr = 0 end
    watch_silence(i)
    if wire[i] then look(wire[i]) end
    update(i)
    return c
  end

  function uart.write_data(_, v, _, i)
    local ch, lsr = channels[i], regs.channel[i].lsr
    if dlab(i) then
      ch.dll = v
    else
      if not push(ch.tx, v, ch.fifos and DEPTH or 1) then guest_error("THR written while there is no room") end
      lsr.thre, lsr.temt, ch.sent = 0, 0, false
      start_sending(i)
      update(i)
    end
    return drop
  end

  function uart.read_ier(_, v, _, i)
    if dlab(i) then return channels[i].dlm end
  end

  -- EFR.ecb is needed to change the upper bits.
  function uart.write_ier(_, v, access, i)
    local ch, r = channels[i], regs.channel[i]
    if dlab(i) then
      ch.dlm = v.value
      return drop
    end
    local was = access.old
    r.ier = r.efr.ecb == 1 and v.value or band(v.value, 0x0f) + band(was, 0xf0)
    if v.tx == 1 and band(was, 2) == 0 and ch.tx.n == 0 then ch.sent = true end
    update(i)
    return r.ier.value
  end

  function uart.read_isr(_, _, _, i)
    local ch = channels[i]
    if dlab(i) then return ch.dld end
    local isr, _, bit = highest(causes(i))
    if bit == SENT then ch.sent = false end
    update(i)
    return isr + (ch.fifos and 0xc0 or 0)
  end

  function uart.write_fcr(_, v, _, i)
    local ch, lsr = channels[i], regs.channel[i].lsr
    if dlab(i) then
      ch.dld = v
      return drop
    end
    local fifos = band(v, 1) == 1
    if band(v, 2) ~= 0 or fifos ~= ch.fifos then ch.rx, lsr.dr = fifo(), 0 end
    if band(v, 4) ~= 0 or fifos ~= ch.fifos then
      if ch.shift then cancel(ch.shift) end
      ch.tx, ch.shift, ch.sending, ch.sent = fifo(), nil, nil, true
      lsr.thre, lsr.temt = 1, 1
    end
    ch.fifos, ch.fcr = fifos, v
    watch_silence(i)
    look_around(i)
    return drop
  end

  function uart.write_lcr(_, v, access, i)
    if v.brk == 1 and band(access.old, 0x40) == 0 then
      local other = heard_by(i)
      if other then receive_break(other) end
    end
    start_sending(i)
  end

  function uart.write_mcr(_, _, _, i) look_around(i) end
  function uart.write_efr(_, _, _, i) look_around(i) end

  function uart.write_txtrg(_, v, _, i)
    channels[i].txtrg = v
    return drop
  end

  function uart.write_rxtrg(_, v, _, i)
    channels[i].rxtrg = v
    update(i)
    return drop
  end

  function uart.reset(i)
    local old, r = channels[i], regs.channel[i]
    if old and old.silence then cancel(old.silence) end
    if old and old.shift then cancel(old.shift) end
    channels[i] = { rx = fifo(), tx = fifo(), fifos = false, fcr = 0, dll = 1, dlm = 0, dld = 0, rxtrg = 0, txtrg = 0,
      causes = 0, sent = false, idle = false, full = false }
    r.ier, r.lcr, r.mcr, r.lsr, r.fctr, r.efr, r.spr = 0, 0, 0, 0x60, 0, 0, 0xff
    regs.int0["ch" .. i] = 0
    local cts, dsr, ri, dcd = 1, 1, 0, 1
    if wire[i] then cts, dsr, dcd = 0, 0, 0 end
    r.msr = { cts = cts, dsr = dsr, ri = ri, dcd = dcd }
  end

  return uart
end
