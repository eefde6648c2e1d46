-- SPDX-License-Identifier: MIT
-- lib.lua: the C library as seen from Lua: its declarations, told to FFI once, and its functions.
-- Only what cannot call back into Lua goes through here; the rest are methods of the device userdata.
--
-- Try it:  ./moonbar -e 'print(require("moonbar.core").version)'
local ffi = require "ffi"
local core = require "moonbar.core"

local M = { core = core }

if not pcall(ffi.typeof, "struct mb_desc") or not pcall(ffi.sizeof, "struct mb_desc") then
  ffi.cdef(core.cdef)
end

M.C = core.ffi_lib(ffi)
M.none = 0xffffffff             -- MB_NONE

-- enum mb_event, mb_irq_op and mb_guest_error by name
M.event = { read = 1, write = 2, timer = 3, guest_error = 4, timeout = 5, command = 6, reset = 7, removed = 8,
  power = 9, config_write = 10, trace = 11 }
M.trace_kinds = { [0] = "read", "write", "config read", "config write" }
M.irq_op = { raise = 1, eval = 2, assert = 3, deassert = 4 }
M.irq_modes = { [0] = "none", "intx", "msi", "msix" }

return M
