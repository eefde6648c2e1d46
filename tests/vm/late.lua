-- SPDX-License-Identifier: MIT
-- late.lua: a host that is busy elsewhere for 400 ms after it has put its device on the bus, as one whose program is
-- still being read. A driver reads its first register meanwhile.
--
-- Try it:  tests/vm/run nvme
local ffi = require "ffi"
local core = require "moonbar.core"
local mb = require "moonbar"

ffi.cdef "int usleep(unsigned microseconds);"
local dev = assert(mb.load("lua/devices/nvme.lua", { size = "64M", timeout = "50" }))
assert(dev:attach "pciem")
assert(dev:start())
ffi.C.usleep(400000)
core.loop { dev.core }
