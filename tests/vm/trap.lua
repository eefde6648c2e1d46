-- SPDX-License-Identifier: MIT
-- trap.lua: the device of tests/vm/trap.t in Lua, as far as a driver's timer needs it that reads while it
-- interrupts the host.
--
-- Try it:  tests/vm/run trap
device "trap" { id = "1234:7e57", timeout = 2*s }

bar(0, 4096) {
  scratch = { 0x04, rw, "What is to be read" },
  asked   = { 0x10, ro, "Its complement", read = function(dev) return bnot(dev.scratch) end },
  raises  = { 0x18, ro, 0x55, "Its hook raises", read = function() error "no answer today" end },
}
