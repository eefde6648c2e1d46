-- SPDX-License-Identifier: MIT
-- trace.lua: the driver's accesses as they happen, decoded, above the line being typed.
-- Try it:  printf 'trace on\nedu.liveness:write(5)\n' | ./moonbar run lua/devices/edu.lua

local map = require "moonbar.map"
local rows = require "moonbar.rows"
local glob = require "repl.pattern"
local show = require "repl.show"

local M = {}

local MOST = 1000               -- lines a second: a terminal takes longer than a driver waits

local function fail(fmt, ...) error(string.format(fmt, ...), 0) end

-- ---- one line ---------------------------------------------------------------------------------------

local header = { [0x00] = "vendor", [0x02] = "device", [0x04] = "command", [0x06] = "status", [0x08] = "revision",
  [0x0c] = "cache line", [0x0e] = "header type", [0x2c] = "subsystem vendor", [0x2e] = "subsystem", [0x30] = "ROM",
  [0x34] = "capabilities", [0x3c] = "interrupt line", [0x3d] = "interrupt pin" }
for n = 0, 5 do header[0x10 + 4 * n] = "BAR " .. n end

local function within(at, from, size) return at >= from and at < from + size end

-- What stands at an offset of a BAR that no register covers.
local function filler(def, bar, offset)
  for _, ram in ipairs(def.rams) do
    if ram.bar == bar and within(offset, ram.offset, ram.size) then return "ram" end
  end
  for _, c in ipairs(def.caps) do
    if c.kind == "msix" and c.bar == bar then
      if within(offset, c.table, 16 * c.vectors) then
        return string.format("MSI-X table, vector %d", (offset - c.table) / 16)
      elseif within(offset, c.pba, 8 * math.ceil(c.vectors / 64)) then
        return "MSI-X pending bits"
      end
    end
  end
  return "nothing is there"
end

-- Name of what was accessed, and what its value means.
local function target(def, a)
  local reg = a.reg
  if reg then
    local name, from = map.element_name(reg, a.index), a.offset - rows.place(reg, a.index)
    if from == 0 and a.size == reg.size then return name, show.fields(reg, a.value) end
    return name, string.format("byte%s %d%s of %d", a.size > 1 and "s" or "", from,
      a.size > 1 and " to " .. from + a.size - 1 or "", reg.size)
  elseif a.kind:find "^config" then
    return "config + " .. show.hex(a.offset, 8), header[a.offset] or ""
  end
  return string.format("BAR %d + %s", a.bar, show.hex(a.offset)), filler(def, a.bar, a.offset)
end

-- text(dev, access) -> the line, and the name in it that patterns are for.
function M.text(dev, a)
  local name, meaning = target(dev.ctx.def, a)
  return (string.format("%s  %-5s  %s = %s  %s", dev.name, a.kind, name, show.hex(a.value, 8 * a.size), meaning)
    :gsub("%s+$", "")), name
end

-- ---- on and off ----------------------------------------------------------------------------------------

-- prompt.trace: { { pattern = "irq*" or false for all, matches = function } … }, or nil while it is off.

local function meant(prompt, dev, name)
  for _, p in ipairs(prompt.trace) do
    if not p.pattern or p.matches(name) or p.matches(dev.name .. "." .. name) then return true end
  end
  return false
end

-- Lets MOST lines a second pass, and tells how many did not.
local function pass(count)
  local now = os.time()
  if now ~= count.second then
    local lost = count.lines - MOST
    count.second, count.lines = now, 0
    if lost > 0 then return true, lost end
  end
  count.lines = count.lines + 1
  return count.lines <= MOST
end

local function tracer(prompt, dev)
  local count = { lines = 0 }
  return function(access)
    local line, name = M.text(dev, access)
    if not prompt.trace or not meant(prompt, dev, name) then return end
    local may, lost = pass(count)
    if lost then prompt.term.above(string.format("%s: %d more accesses are not shown", dev.name, lost)) end
    if may then prompt.term.above(prompt:dim(line)) end
  end
end

local function apply(prompt)
  for _, name in ipairs(prompt:device_names()) do
    local dev = prompt.mb.devices[name]
    dev:trace(prompt.trace and tracer(prompt, dev) or nil)
  end
end

-- On the kernel's bus, masks are run in the kernel.
local function unseen(prompt)
  for _, name in ipairs(prompt:device_names()) do
    local dev = prompt.mb.devices[name]
    if dev.bus and dev.bus:find "^pciem" then
      prompt:print(name .. ": what the kernel answers from masks is not seen here; `?REGISTER` tells which")
    end
  end
end

local function patterns(prompt)
  local names = {}
  for i, p in ipairs(prompt.trace) do names[i] = p.pattern or "everything" end
  return table.concat(names, ", ")
end

function M.on(prompt, pattern)
  prompt.trace = prompt.trace or {}
  local known = {}
  for _, p in ipairs(prompt.trace) do known[p.pattern] = true end
  if not pattern then prompt.trace = {} end
  if not known[pattern or false] or not pattern then
    table.insert(prompt.trace, { pattern = pattern or false, matches = pattern and glob(pattern) })
  end
  apply(prompt)
  prompt:print("trace: " .. patterns(prompt))
  unseen(prompt)
end

local function take_off(prompt, pattern)
  local known = {}
  for i, p in ipairs(prompt.trace or {}) do
    if p.pattern == pattern then
      table.remove(prompt.trace, i)
      return
    end
    known[i] = p.pattern or "everything"
  end
  fail("trace off %s: that is not traced%s", pattern, #known > 0 and ": " .. table.concat(known, ", ")
    .. " is" or ", nor is anything else")
end

function M.off(prompt, pattern)
  if pattern then take_off(prompt, pattern) else prompt.trace = nil end
  if prompt.trace and #prompt.trace == 0 then prompt.trace = nil end
  apply(prompt)
  M.tell(prompt)
end

function M.tell(prompt)
  prompt:print("trace: " .. (prompt.trace and patterns(prompt) or "off"))
end

return M
