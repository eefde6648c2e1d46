-- SPDX-License-Identifier: MIT
-- config.lua: configuration space decoded: header, BARs, the capabilities with their addresses in brackets, the
-- extended ones, and the registers that the device's file describes there. `+` and `-` say if a bit is set.
-- What one capability says is in config_caps.lua.
-- Try it:  echo config | ./moonbar run lua/devices/edu.lua

local bit = require "bit"
local ffi = require "ffi"
local lib = require "moonbar.lib"
local numbers = require "moonbar.numbers"
local caps = require "repl.config_caps"
local handles = require "repl.handles"
local show = require "repl.show"
local band, rshift = bit.band, bit.rshift
local C = lib.C

local M = {}

local SIZE, FIRST_EXTENDED = 4096, 0x100

local function fail(fmt, ...) error(string.format(fmt, ...), 0) end

-- PCI Code and ID Assignment Specification §1
local classes = { [0x00] = "old or unclassified", "mass storage", "network", "display", "multimedia", "memory",
  "bridge", "communication", "system peripheral", "input", "docking station", "processor", "serial bus", "wireless",
  "intelligent I/O", "satellite", "encryption", "signal processing", "accelerator", "instrumentation",
  [0xff] = "unassigned" }

-- A reader of the image: get(offset, size) -> number.
local function reader(bytes)
  return function(offset, size)
    local v = 0
    for i = size - 1, 0, -1 do v = v * 256 + bytes[offset + i] end
    return v
  end
end

-- ---- header (PCIe 6.0 §7.5.1) ----------------------------------------------------------------------------

local command_bits = { { 0, "I/O" }, { 1, "memory" }, { 2, "bus-master" }, { 6, "parity" }, { 8, "SERR" },
  { 10, "INTx-disable" } }
local status_bits = { { 3, "interrupt" }, { 4, "capabilities" }, { 8, "master-parity" }, { 11, "target-abort-sent" },
  { 12, "target-abort" }, { 13, "master-abort" }, { 14, "SERR" }, { 15, "parity" } }

local function show_header(out, dev, get)
  out("%s  %04x:%04x, subsystem %04x:%04x, revision %02x", dev.name, get(0, 2), get(2, 2), get(0x2c, 2), get(0x2e, 2),
    get(8, 1))
  out("  class: %02x%02x%02x, %s", get(11, 1), get(10, 1), get(9, 1), classes[get(11, 1)] or "not assigned")
  out("  command: %s", caps.bits(get(4, 2), command_bits))
  out("  status: %s", caps.bits(get(6, 2), status_bits))
  local pin = get(0x3d, 1)
  out("  interrupt: %s", pin == 0 and "no pin" or string.format("pin %s, line %d", ("ABCD"):sub(pin, pin),
    get(0x3c, 1)))
end

local function show_bars(out, dev, get)
  local n = 0
  while n < 6 do
    local low, bar = get(0x10 + 4 * n, 4), dev.ctx.def.bars[n]
    local is64 = band(low, 6) == 4
    if bar or low ~= 0 then
      local at = low - band(low, 15) + (is64 and get(0x14 + 4 * n, 4) * 2 ^ 32 or 0)
      out("  BAR %d: memory at %s, %d-bit, %sprefetchable%s", n, at == 0 and "no address"
        or show.hex(at, is64 and 64 or 32),
        is64 and 64 or 32, band(low, 8) == 0 and "not " or "", bar and ", " .. numbers.size_text(bar.size) or "")
    end
    n = n + (is64 and 2 or 1)
  end
end

-- ---- capabilities --------------------------------------------------------------------------------------------

-- The first line of a capability after its address, the others under it.
local function show_one(out, digits, at, texts)
  local label = string.format("[%0" .. digits .. "x]", at)
  for i, text in ipairs(texts) do out("  %-" .. digits + 2 .. "s %s", i == 1 and label or "", text) end
end

-- PCIe 6.0 §7.5.3: a list of offsets, each of the next
local function show_caps(out, get)
  local at, seen = band(get(0x34, 1), 0xfc), {}
  while band(get(6, 2), 0x10) ~= 0 and at >= 0x40 do
    if seen[at] then return out("  [%02x] again: the list runs in a circle", at) end
    seen[at] = true
    local decode = caps.plain[get(at, 1)]
    local function from(offset, size) return get(at + offset, size) end
    show_one(out, 2, at, decode and decode(from) or caps.unknown(get(at, 1)))
    at = band(get(at + 1, 1), 0xfc)
  end
end

-- PCIe 6.0 §7.6.3
local function show_extended(out, get)
  local at, seen = FIRST_EXTENDED, {}
  while at >= FIRST_EXTENDED and at <= SIZE - 4 do
    local head = get(at, 4)
    if head == 0 or head == 0xffffffff then return end
    if seen[at] then return out("  [%03x] again: the list runs in a circle", at) end
    seen[at] = true
    local id, version = band(head, 0xffff), band(rshift(head, 16), 15)
    local decode = caps.extended[id]
    local function from(offset, size) return at + offset + size <= SIZE and get(at + offset, size) or 0 end
    local texts = decode and decode(from, version) or caps.unknown_extended(id, version)
    show_one(out, 3, at, texts)
    at = band(rshift(head, 20), 0xffc)
  end
end

-- ---- registers of the device's own ---------------------------------------------------------------------------

local function show_registers(out, dev)
  for _, reg in ipairs(dev.registers) do
    for i = 0, reg.place == "configuration space" and (reg.count or 1) - 1 or -1 do
      local name = reg.count and handles.element_name(reg, i) or reg.name
      local value = dev:peek(name)
      out("  0x%02x  %s = %s  %s", reg.place_of(i), name, show.hex(value, reg.width),
        show.fields(reg, value))
    end
  end
end

-- bytes(dev) -> the SIZE bytes as they stand, a cdata array.
function M.bytes(dev)
  local image = ffi.new("uint8_t[?]", SIZE)
  if C.mb_config_image(dev.ctx.ptr, image) ~= 0 then
    fail("%s: configuration space is not to be had: %s", dev.name, dev.bus and "on " .. dev.bus
      .. " it is read from /sys/bus/pci/devices, as root" or "the device is on no bus")
  end
  return image
end

-- lines(dev, bytes) -> what they say, line by line.
function M.lines(dev, bytes)
  local get, list = reader(bytes), {}
  local function out(fmt, ...) list[#list + 1] = string.format(fmt, ...):gsub("%s+$", "") end
  show_header(out, dev, get)
  show_bars(out, dev, get)
  show_caps(out, get)
  show_extended(out, get)
  show_registers(out, dev)
  return list
end

function M.show(prompt, dev)
  for _, line in ipairs(M.lines(dev, M.bytes(dev))) do prompt:print(line) end
end

return M
