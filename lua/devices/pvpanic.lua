-- SPDX-License-Identifier: MIT
--
-- pvpanic.lua: the device that a guest tells of its panic (QEMU's docs/specs/pvpanic.rst). What it is told is
-- counted by name in the three registers after the device's own, and logged.
--
-- Try it:  ./moonbar run --on pciem lua/devices/pvpanic.lua
--          modprobe pvpanic-pci; echo c > /proc/sysrq-trigger
local EVENTS = option("events", 7, "events on offer: 1 panicked, 2 crash loaded, 4 shutdown, and sums of them")
if EVENTS < 0 or EVENTS > 7 or EVENTS % 1 ~= 0 then error("events must be 0 to 7", 0) end

device "pvpanic" { id = "1b36:0011", subsystem = "1af4:1100", class = 0x088000, rev = 1 }

local names = { [0] = "panicked", "crash_loaded", "shutdown" }

bar(0, 16, { width = 8 }) {
  events       = { 0x00, EVENTS, "Read: events on offer; written: what has happened",
                   { panicked = rw(0), crash_loaded = rw(1), shutdown = rw(2) },
                   write = function(dev, happened)
                     for bit = 0, 2 do
                       local name = names[bit]
                       if happened[name] == 1 and band(EVENTS, 2^bit) ~= 0 then
                         dev[name] = dev[name] + 1
                         log("the guest says: %s", name)
                       elseif happened[name] == 1 then
                         guest_error("the event %s is not on offer", name)
                       end
                     end
                     return drop
                   end },
  panicked     = { 0x04, ro, "This model's own: how often the guest has panicked" },
  crash_loaded = { 0x05, ro, "… has panicked, and its crash kernel is about to run" },
  shutdown     = { 0x06, ro, "… has shut down" },
}
