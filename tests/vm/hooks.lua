-- SPDX-License-Identifier: MIT
-- hooks.lua: the device of tests/vm/lua.t: hooks that answer, that raise, and one that never returns.
--
-- Try it:  tests/vm/run lua
device "hooks" { id = "1234:400c", timeout = 50*ms }

local reads = 0

bar(0, 4096) {
  counted = { 0x00, ro, "How often it was read", read = function() reads = reads + 1; return reads end },
  plain   = { 0x04, rw, 0x1234, "Answered in the kernel" },
  raises  = { 0x08, rw, 0x55, "Its hooks raise",
              read = function() error "no answer today" end,
              write = function() error "no write either" end },
  doubled = { 0x0c, rw, "Stores twice what was written", write = function(_, v) return 2 * v end },
  endless = { 0x10, rw, 7, "Its hook never returns", read = function() while true do reads = reads + 0 end end },
}
