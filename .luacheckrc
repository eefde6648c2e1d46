-- SPDX-License-Identifier: MIT
-- .luacheckrc: what luacheck takes for granted. Try: luacheck lua
std = "luajit"
max_line_length = 120
files["tests/spec"] = { std = "+busted", unused_args = false }

-- The words of the device language (lua/lib/moonbar/device.lua).
local device_file = {
  unused_args = false,
  read_globals = {
    "ro", "rw", "wo", "rc", "rs", "w1c", "w1s", "w1t", "w0c", "w0s", "w0t", "once", "rsvd", "const",
    "bar", "cap", "config", "group", "ram", "raise", "level", "after", "cancel", "now", "drop", "log", "guest_error",
    "dma_read", "dma_write", "dma_list", "buffer", "store", "option", "irq_mode",
    "ns", "us", "ms", "s", "KiB", "MiB", "GiB", "TiB", "bnot", "band", "bor", "bxor", "lshift", "rshift",
    "arshift", "rol", "ror", "bswap", "tobit", "tohex", "ffi", "unimplemented",
  },
  globals = { "dev", "device", "event", "on", "state" },
}
files["lua/devices"] = device_file
files["lua/devices/spec"] = { std = "luajit+busted", unused_args = false }
files["tests/bench/regs.lua"] = device_file
files["tests/vm/hooks.lua"] = device_file
files["tests/vm/config.lua"] = device_file
files["tests/vm/config-all.lua"] = device_file
files["tests/vm/trap.lua"] = device_file
