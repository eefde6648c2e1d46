-- SPDX-License-Identifier: MIT
--
-- i6300esb.lua: the watchdog timer of Intel's 6300ESB, as its data sheet (300641) describes it: two
-- stages, the first of which interrupts and the second resets. This model resets nothing: it says so and counts.
--
-- Try it:  ./moonbar run --on pciem lua/devices/i6300esb.lua
--          modprobe i6300esb heartbeat=2; echo > /dev/watchdog1; sleep 3
device "i6300esb" { id = "8086:25ab", class = 0x088000, intx = true }

local PCI_CLOCK = s / 33333333                  -- ns; the timers count 2^15 of them, or 2^5

-- ---- two stages -------------------------------------------------------------------------------------------

state.unlocked = state.unlocked or 0            -- how much of 0x80, 0x86 has been seen; 2: one write is let through

local function run(dev, stage)
  cancel "expired"
  if dev.lock.enable == 1 then
    local preload = dev[stage == 1 and "timer1" or "timer2"].preload
    after(preload * (dev.config.freq == 0 and 2^15 or 2^5) * PCI_CLOCK, "expired", stage)
  end
end

local function warn(dev)
  if dev.config.int_type == 0 then raise "gintsr.wdt"
  elseif dev.config.int_type == 2 then log "first stage expired: a real machine takes an SMI" end
end

function event.expired(dev, stage)
  if stage == 1 then
    warn(dev)
    run(dev, 2)
  elseif dev.lock.func == 1 then                -- free running: no reset, and again from the first
    run(dev, 1)
  else
    dev.reload.timeout = 1
    if dev.config.no_output == 0 then
      dev.resets = dev.resets + 1
      log "second stage expired: a real machine resets now"
    end
  end
end

-- ---- the unlock sequence -----------------------------------------------------------------------------------

-- Is the write to a protected register that follows 0x80, 0x86 in RELOAD? It is let through once.
local function unlocked(name)
  local yes = state.unlocked == 2
  state.unlocked = 0
  if not yes then guest_error("%s written without 0x80 and 0x86 in reload before it: ignored", name) end
  return yes
end

local function write_timer(_, _, access)
  if not unlocked(access.name) then return drop end
end

local function write_reload(dev, _, access)
  if access.raw == 0x80 then
    state.unlocked = 1
  elseif access.raw == 0x86 and state.unlocked == 1 then
    state.unlocked = 2
  elseif unlocked "reload" then
    if band(access.raw, 0x200) ~= 0 then dev.reload.timeout = 0 end
    if band(access.raw, 0x100) ~= 0 then run(dev, 1) end
  end
  return drop
end

function on.reset()
  state.unlocked = 0
end

-- ---- registers ---------------------------------------------------------------------------------------------

config {
  config = { 0x60, width = 16, "Configuration",
             { int_type = rw(1, 0, { [0] = "irq", [2] = "smi", [3] = "none" }),
               freq = rw(2, { [0] = "1 kHz", "1 MHz" }), no_output = rw(5) } },
  lock   = { 0x68, width = 8, "Lock: once locked is set, nothing here changes until a reset", lock = "lock.locked",
             { locked = rw(0), enable = rw(1), func = rw(2, { [0] = "watchdog", "free_running" }) },
             write = function(dev, new, access)
               if new.enable ~= band(rshift(access.old, 1), 1) then run(dev, 1) end
             end },
}

bar(0, 16) {
  timer1 = { 0x00, { preload = rw(19, 0, { reset = 0xfffff }) }, "First stage, ticks", write = write_timer },
  timer2 = { 0x04, { preload = rw(19, 0, { reset = 0xfffff }) }, "Second stage, ticks", write = write_timer },
  gintsr = { 0x08, { wdt = w1c(0) }, "The first stage has expired", vector = 0 },
  reload = { 0x0c, width = 16, "Written: 0x80, 0x86 unlock the next write; reload begins the first stage anew",
             { unlock = wo(7, 0), reload = wo(8), timeout = rw(9, { sticky = true }) }, write = write_reload },
  resets = { 0x0e, ro, width = 16, sticky = true, "This model's own: how often a real machine would have been reset" },
}
