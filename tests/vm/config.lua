-- SPDX-License-Identifier: MIT
-- config.lua: the device of tests/vm/config.t: configuration registers with hooks and every word that needs no
-- read to be seen, and what the device hears of power states.
--
-- Try it:  tests/vm/run config
device "config" {
  id = "1234:c0f6", timeout = 1*s,
  caps = { cap.pm {}, cap.vendor { bytes = "\1\2\3\4\5" }, cap.express { flr = true } }
}

function on.power(dev, state) dev.powers = dev.powers % 0x1000000 * 16 + state + 1 end

function on.bus_master(dev, yes) log("bus master %s", tostring(yes)) end
function on.reset(dev, kind) log("reset %s: base %x", kind, dev.base) end

config {
  special = { 0x4c, rw, 0x55, width = 8 },              -- in the vendor-specific capability
  plain   = { 0xa0, rw, 0x1234, width = 16 },
  doubled = { 0xa2, rw, width = 16, write = function(_, v) return 2 * v end },
  words   = { 0xa4, { a = rw(3, 0), b = w1c(7, 4), c = ro(11, 8), d = w1s(15, 12), e = wo(19, 16), f = w1t(23, 20),
                      g = w0c(27, 24) }, reset = 0x0f0005f5 },
  first   = { 0xa8, once, 0, "The first write counts" },
  locked  = { 0xac, rw, 7, lock = "locks.on" },
  locks   = { 0xb0, { on = rw(0) }, width = 8 },
  bell    = { 0xb1, width = 8, doorbell = function(dev, v) dev.rung = v end },
  rung    = { 0xb2, ro, width = 8 },
  clear   = { 0xb4, w1c "pending" },
  pending = { 0xb8, ro, 0xff },
  twice   = { 0xbc, rw, width = 8, write = function(dev, v) dev.special = v end },
  endless = { 0xbe, rw, width = 16, write = function() while true do state.turns = (state.turns or 0) + 1 end end },
  passed  = { 0xc0, ro },
  sum     = { 0xc4, rw, write = function(dev, v) return dev.base + v end },
  own     = { 0xc8, rw, write = function()
    local file = io.open("/run/own-config", "rb")
    file:seek("set", 0xa0)
    local low, high = file:read(2):byte(1, 2)
    file:close()
    return high * 256 + low
  end },
  far     = { 0x200, rw, 0xfa5 },
}

bar(0, 4096) {
  to_passed = { 0x00, rw, write = function(dev, v) dev.passed = v end },
  base      = { 0x04, rw, write = function() end },
  powers    = { 0x08, ro, "What on.power was told: D0 is 1, D3hot is 4, the last in the lowest digit" },
}
