-- SPDX-License-Identifier: MIT
-- config_caps.lua: what the capabilities of configuration space say, each as lines of text. A decoder gets
-- get(offset, size), offsets from the capability's first byte, so it is a list of what stands where.
-- Try it:  echo config | ./moonbar run lua/devices/nvme.lua

local bit = require "bit"
local band, rshift = bit.band, bit.rshift

local M = {}

-- bits(value, { { bit, "name" }, … }) -> "name+ other-"
function M.bits(value, names)
  local parts = {}
  for i, b in ipairs(names) do parts[i] = b[2] .. (band(rshift(value, b[1]), 1) == 1 and "+" or "-") end
  return table.concat(parts, " ")
end
local bits = M.bits

-- Bits hi to lo of a value.
local function part(value, hi, lo) return band(rshift(value, lo), 2 ^ (hi - lo + 1) - 1) end

local function text(fmt, ...) return string.format(fmt, ...) end

local function bytes_text(get, from, n)
  local list = {}
  for i = 0, math.min(n, 32) - 1 do list[#list + 1] = text("%02x", get(from + i, 1)) end
  return table.concat(list, " ") .. (n > 32 and " ..." or "")
end

-- ---- capabilities below 0x100 ------------------------------------------------------------------------------

M.plain = {}

M.plain[0x01] = function(get)           -- PCIe 6.0 §7.5.2
  local cap, status = get(2, 2), get(4, 2)
  return { text("power management, version %d: %s", part(cap, 2, 0), bits(cap, { { 9, "D1" }, { 10, "D2" } })),
    text("state D%d, %s", part(status, 1, 0), bits(status, { { 3, "no-soft-reset" }, { 8, "PME-enable" },
      { 15, "PME" } })) }
end

M.plain[0x03] = function() return { "vital product data" } end

M.plain[0x05] = function(get)           -- PCIe 6.0 §7.7.1
  local control = get(2, 2)
  local is64, masking = band(control, 0x80) ~= 0, band(control, 0x100) ~= 0
  local at = is64 and 12 or 8
  local lines = { text("MSI: %s, %d of %d vector%s, %s", bits(control, { { 0, "enable" } }), 2 ^ part(control, 6, 4),
    2 ^ part(control, 3, 1), part(control, 3, 1) == 0 and "" or "s",
    bits(control, { { 7, "64-bit" }, { 8, "masking" } })),
    text("address 0x%s%08x, data 0x%04x", is64 and text("%08x", get(8, 4)) or "", get(4, 4), get(at, 2)) }
  if masking then lines[3] = text("masked 0x%08x, pending 0x%08x", get(at + 4, 4), get(at + 8, 4)) end
  return lines
end

M.plain[0x09] = function(get)           -- PCIe 6.0 §7.9.4
  local len = get(2, 1)
  return { text("vendor-specific, %d bytes: %s", len, bytes_text(get, 3, math.max(len - 3, 0))) }
end

local speeds = { "2.5 GT/s", "5 GT/s", "8 GT/s", "16 GT/s", "32 GT/s", "64 GT/s" }
local kinds = { [0] = "endpoint", "legacy endpoint", [4] = "root port", [5] = "upstream port", [6] = "downstream port",
  [7] = "bridge to PCI", [8] = "bridge from PCI", [9] = "endpoint in the root complex", [10] = "event collector" }

local function link(speed, width)
  return text("%s, x%d", speeds[speed] or text("speed %d", speed), width)
end

M.plain[0x10] = function(get)           -- PCIe 6.0 §7.5.3
  local flags, devcap, control, status = get(2, 2), get(4, 4), get(8, 2), get(10, 2)
  local linkcap, linkstatus = get(0x0c, 4), get(0x12, 2)
  local kind = part(flags, 7, 4)
  local lines = { text("PCI Express, version %d, %s", part(flags, 3, 0), kinds[kind] or text("type %d", kind)),
    text("payload up to %d bytes, now %d; read requests of %d", 128 * 2 ^ part(devcap, 2, 0),
      128 * 2 ^ part(control, 7, 5), 128 * 2 ^ part(control, 14, 12)),
    text("device: %s", bits(devcap, { { 5, "extended-tag" }, { 15, "role-based-errors" }, { 28, "FLR" } })),
    text("control: %s", bits(control, { { 0, "correctable" }, { 1, "non-fatal" }, { 2, "fatal" }, { 3, "unsupported" },
      { 4, "relaxed-order" }, { 8, "extended-tag" }, { 11, "no-snoop" } })),
    text("status: %s", bits(status, { { 0, "correctable" }, { 1, "non-fatal" }, { 2, "fatal" }, { 3, "unsupported" },
      { 5, "pending" } })) }
  if kind ~= 9 and kind ~= 10 then
    lines[#lines + 1] = text("link: up to %s; now %s", link(part(linkcap, 3, 0), part(linkcap, 9, 4)),
      link(part(linkstatus, 3, 0), part(linkstatus, 9, 4)))
  end
  if part(flags, 3, 0) >= 2 then
    local timeout = part(get(0x28, 2), 3, 0)
    lines[#lines + 1] = text("completion timeout: range 0x%x%s", timeout, part(get(0x28, 2), 4, 4) == 1 and ", disabled"
      or "")
  end
  return lines
end

M.plain[0x11] = function(get)           -- PCIe 6.0 §7.7.2
  local control, where, pba = get(2, 2), get(4, 4), get(8, 4)
  return { text("MSI-X: %s, %d vectors", bits(control, { { 15, "enable" }, { 14, "masked" } }),
    part(control, 10, 0) + 1),
    text("table in BAR %d + 0x%x, pending bits in BAR %d + 0x%x", band(where, 7), where - band(where, 7), band(pba, 7),
      pba - band(pba, 7)) }
end

local plain_names = { [0x02] = "AGP", [0x04] = "slot identification", [0x06] = "CompactPCI hot swap", [0x07] = "PCI-X",
  [0x08] = "HyperTransport", [0x0a] = "debug port", [0x0c] = "hot plug", [0x0d] = "subsystem of a bridge",
  [0x12] = "SATA", [0x13] = "advanced features", [0x14] = "enhanced allocation" }

function M.unknown(id)
  return { plain_names[id] or text("capability 0x%02x, not known here", id) }
end

-- ---- extended capabilities -----------------------------------------------------------------------------------

M.extended = {}

local uncorrectable = { { 4, "data-link" }, { 12, "poisoned" }, { 13, "flow-control" }, { 14, "completion-timeout" },
  { 15, "completer-abort" }, { 16, "unexpected-completion" }, { 17, "receiver-overflow" }, { 18, "malformed" },
  { 19, "ECRC" }, { 20, "unsupported" }, { 21, "ACS" } }
local correctable = { { 0, "receiver" }, { 6, "bad-TLP" }, { 7, "bad-DLLP" }, { 8, "replay-rollover" },
  { 12, "replay-timer" }, { 13, "advisory" } }

M.extended[0x01] = function(get, version)       -- PCIe 6.0 §7.8.4
  return { text("advanced error reporting, version %d", version),
    "uncorrectable: " .. bits(get(4, 4), uncorrectable), "  masked: " .. bits(get(8, 4), uncorrectable),
    "  fatal: " .. bits(get(12, 4), uncorrectable), "correctable: " .. bits(get(16, 4), correctable),
    "  masked: " .. bits(get(20, 4), correctable) }
end

M.extended[0x03] = function(get)                -- PCIe 6.0 §7.9.3
  local parts = {}
  for i = 7, 0, -1 do parts[#parts + 1] = text("%02x", get(4 + i, 1)) end
  return { "serial number " .. table.concat(parts, "-") }
end

M.extended[0x0b] = function(get)                -- PCIe 6.0 §7.9.5
  local head = get(4, 4)
  local len = part(head, 31, 20)
  return { text("vendor-specific, identifier %04x, version %d, %d bytes: %s", part(head, 15, 0),
    part(head, 19, 16), len, bytes_text(get, 8, math.max(len - 8, 0))) }
end

M.extended[0x0d] = function(get)                -- PCIe 6.0 §7.7.11
  local names = { { 0, "source-validation" }, { 1, "translation-blocking" }, { 2, "request-redirect" },
    { 3, "completion-redirect" }, { 4, "upstream-forwarding" }, { 5, "egress-control" }, { 6, "direct-translated" } }
  return { "access control services", "has: " .. bits(get(4, 2), names), "on: " .. bits(get(6, 2), names) }
end

M.extended[0x0e] = function(get)                -- PCIe 6.0 §7.8.8
  return { text("alternative routing-ID: next function %d", part(get(4, 2), 15, 8)) }
end

M.extended[0x0f] = function(get)                -- PCIe 6.0 §10.5.1
  local cap, control = get(4, 2), get(6, 2)
  return { text("address translation: %s, queue depth %d, smallest unit %d bytes", bits(control, { { 15, "enable" } }),
    part(cap, 4, 0) == 0 and 32 or part(cap, 4, 0), 4096 * 2 ^ part(control, 4, 0)) }
end

M.extended[0x10] = function(get)                -- PCIe 6.0 §9.3.3
  return { text("SR-IOV: %s, %d of %d virtual functions", bits(get(8, 2), { { 0, "enable" }, { 3, "memory" } }),
    get(16, 2), get(14, 2)) }
end

M.extended[0x13] = function(get)                -- PCIe 6.0 §10.5.2
  return { text("page requests: %s, %d of %d outstanding", bits(get(4, 2), { { 0, "enable" } }), get(12, 4),
    get(8, 4)) }
end

M.extended[0x18] = function() return { "latency tolerance reporting" } end

M.extended[0x1b] = function(get)                -- PCIe 6.0 §7.8.9
  local cap = get(4, 2)
  return { text("PASID: %s, %d bits", bits(get(6, 2), { { 0, "enable" }, { 1, "execute" }, { 2, "privileged" } }),
    part(cap, 12, 8)) }
end

M.extended[0x23] = function(get)                -- PCIe 6.0 §7.9.6
  local head = get(4, 4)
  return { text("designated vendor-specific, vendor %04x, identifier %04x, %d bytes", part(head, 15, 0), get(8, 2),
    part(head, 31, 20)) }
end

local extended_names = { [0x02] = "virtual channels", [0x04] = "power budgeting", [0x12] = "multicast",
  [0x15] = "resizable BARs", [0x16] = "dynamic power allocation", [0x17] = "TPH requester",
  [0x19] = "secondary PCI Express",
  [0x1d] = "downstream port containment", [0x1e] = "L1 power substates", [0x1f] = "precision time measurement",
  [0x21] = "function readiness", [0x22] = "readiness time", [0x24] = "resizable BARs of virtual functions",
  [0x25] = "data link feature", [0x26] = "16 GT/s", [0x27] = "lane margining", [0x2a] = "32 GT/s" }

function M.unknown_extended(id, version)
  return { text("%s, version %d", extended_names[id] or text("extended capability 0x%04x, not known here", id),
    version) }
end

return M
