-- SPDX-License-Identifier: MIT
-- regs.lua: one register of each kind that tests/bench/regs times: a mapped
-- page, one answered in the kernel, one posted to Lua, one answered by Lua.
--
-- Try it:  tools/lab --device tests/bench/regs.lua -- tests/bench/regs
device "regs" { id = "1234:be9c", class = 0x00ff00 }

local n = 0

ram(0x1000, 4096)

bar(0, 16*KiB) {
  masked   = { 0x00, rw, "Answered in the kernel" },
  posted   = { 0x04, rw, "Posted to Lua", write = function(_, v) n = n + 1 end },
  computed = { 0x08, ro, "Answered by Lua", read = function() n = n + 1; return n end },
  rung     = { 0x0c, doorbell = function(_, v) n = n + 1 end },
}
