-- SPDX-License-Identifier: MIT
-- config-all.lua: a device of tests/vm/config.t that hears of every write to its configuration space, those
-- included that Linux makes while it finds the device.
--
-- Try it:  tests/vm/run config
device "config-all" { id = "1234:c0f7", timeout = 5*s }

function on.config_write(_, offset, size, value) log("wrote %x to %x/%d", value, offset, size) end

bar(0, 4096) { nothing = { 0x00, ro } }
