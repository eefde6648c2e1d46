-- SPDX-License-Identifier: MIT
-- svd_write.lua: the register map as CMSIS-SVD 1.3, a peripheral for each BAR. What SVD has no words for (PCI, aliases,
-- locks, interrupts, doorbells) stands in the device's vendorExtensions, where svd_read.lua finds it again.
--
-- Try it:  ./moonbar export lua/devices/edu.lua
local names = require "moonbar.formats.names"
local numbers = require "moonbar.numbers"
local places = require "moonbar.formats.places"
local rows = require "moonbar.rows"
local svg = require "moonbar.formats.svg"
local hex, escape = numbers.hex, svg.escape

local M = {}

-- What an access word is in SVD: access, modifiedWriteValues, readAction.
M.words = {
  ro = { "read-only" }, rw = { "read-write" }, wo = { "write-only" }, const = { "read-only" }, rsvd = { "read-only" },
  rc = { "read-only", nil, "clear" }, rs = { "read-only", nil, "set" }, once = { "read-writeOnce" },
  w1c = { "read-write", "oneToClear" }, w1s = { "read-write", "oneToSet" }, w1t = { "read-write", "oneToToggle" },
  w0c = { "read-write", "zeroToClear" }, w0s = { "read-write", "zeroToSet" }, w0t = { "read-write", "zeroToToggle" },
}

-- ---- lines --------------------------------------------------------------------------------------

local Xml = {}
Xml.__index = Xml

function Xml:line(fmt, ...) self[#self + 1] = ("  "):rep(self.depth) .. fmt:format(...) end

function Xml:put(tag, value)
  if value ~= nil and value ~= "" then self:line("<%s>%s</%s>", tag, escape(value), tag) end
end

function Xml:open(tag, attributes)
  self:line("<%s%s>", tag, attributes or "")
  self.depth = self.depth + 1
end

function Xml:close(tag)
  self.depth = self.depth - 1
  self:line("</%s>", tag)
end

-- <tag a="…" b="…"/> of { { "a", value }… }; those without a value are left out.
function Xml:empty(tag, list)
  local parts = {}
  for _, kv in ipairs(list) do
    if kv[2] ~= nil and kv[2] ~= false then
      parts[#parts + 1] = (' %s="%s"'):format(kv[1], (escape(tostring(kv[2])):gsub("[\r\n\t]", function(c)
        return ("&#%d;"):format(c:byte())
      end)))
    end
  end
  self:line("<%s%s/>", tag, table.concat(parts))
end

-- ---- registers ----------------------------------------------------------------------------------

local function access_lines(x, word)
  local w = M.words[word]
  x:put("access", w[1])
  return function()
    x:put("modifiedWriteValues", w[2])
    x:put("readAction", w[3])
  end
end

local function enum_lines(x, f)
  local values = {}
  for v in pairs(f.enum) do values[#values + 1] = v end
  table.sort(values)
  local unique = names.unique()
  x:open "enumeratedValues"
  for _, v in ipairs(values) do
    local name = unique(names.part(f.enum[v]))
    x:open "enumeratedValue"
    x:put("name", name)
    if name ~= f.enum[v] then x:put("description", f.enum[v]) end
    x:put("value", v)
    x:close "enumeratedValue"
  end
  x:close "enumeratedValues"
end

local function field_lines(x, reg)
  if not reg.fields or reg.alias or #reg.fields == 0 then return end
  x:open "fields"
  for _, f in ipairs(reg.fields) do
    x:open "field"
    x:put("name", f.name)
    x:put("description", f.doc)
    x:put("bitOffset", f.lo)
    x:put("bitWidth", f.hi - f.lo + 1)
    local finish = access_lines(x, f.access)
    finish()
    if f.enum and next(f.enum) then enum_lines(x, f) end
    x:close "field"
  end
  x:close "fields"
end

local function word_of(reg)
  if reg.doorbell then return "wo" end
  if reg.access then return reg.access end
  return "rw"
end

-- A row at @offset; of a group, @reg.inner says whether it is an array itself.
local function register_lines(x, reg, offset)
  local count, stride = reg.count, reg.stride
  if reg.group then count, stride = reg.inner, reg.inner_stride end
  local is_array = reg.is_array and (not reg.group or reg.inner)
  x:open "register"
  if is_array then
    x:put("dim", count)
    x:put("dimIncrement", hex(stride))
  end
  x:put("name", (reg.member or reg.name) .. (is_array and "[%s]" or ""))
  x:put("description", reg.doc)
  x:put("addressOffset", hex(offset))
  x:put("size", reg.width)
  local finish = access_lines(x, word_of(reg))
  if not reg.alias and not reg.doorbell then
    x:put("resetValue", hex(reg.reset, reg.width))
    x:put("resetMask", hex(numbers.width_mask(reg.width), reg.width))
  end
  finish()
  field_lines(x, reg)
  x:close "register"
end

local function cluster_lines(x, group, members)
  x:open "cluster"
  if group.is_array then
    x:put("dim", group.count)
    x:put("dimIncrement", hex(group.stride))
  end
  x:put("name", group.name .. (group.is_array and "[%s]" or ""))
  x:put("description", group.doc)
  x:put("addressOffset", hex(group.offset))
  for _, reg in ipairs(members) do register_lines(x, reg, reg.offset - group.offset) end
  x:close "cluster"
end

local function peripheral_name(n) return n == 6 and "CONFIG" or "BAR" .. n end
M.peripheral_name = peripheral_name

-- Rows in order of place; a group stands where its first row does.
local function registers_of(x, def, n)
  local members, any = {}, false
  for _, reg in ipairs(def.regs) do
    if reg.bar.n == n and reg.group then
      members[reg.group] = members[reg.group] or {}
      table.insert(members[reg.group], reg)
    end
    any = any or reg.bar.n == n
  end
  if not any then return end
  x:open "registers"
  for _, reg in ipairs(def.regs) do
    if reg.bar.n == n and not reg.group then
      register_lines(x, reg, reg.offset)
    elseif reg.bar.n == n and members[reg.group] then
      cluster_lines(x, reg.group, members[reg.group])
      members[reg.group] = nil
    end
  end
  x:close "registers"
end

local function block(x, offset, size, usage)
  x:open "addressBlock"
  x:put("offset", hex(offset))
  x:put("size", hex(size))
  x:put("usage", usage)
  x:close "addressBlock"
end

-- ---- what SVD has no words for ------------------------------------------------------------------

local function list(t) return t and #t > 0 and table.concat(t, ",") or nil end

-- A capability's option as an attribute: bytes as "hex:…".
local function option_text(v)
  if type(v) == "table" then
    local bytes = {}
    for i, b in ipairs(v) do bytes[i] = type(b) == "number" and ("%02x"):format(b) or "00" end
    return "hex:" .. table.concat(bytes)
  elseif type(v) == "string" then
    return "hex:" .. v:gsub(".", function(c) return ("%02x"):format(c:byte()) end)
  end
  return numbers.is_u64(v) and hex(v) or tostring(v)
end

local function cap_line(x, c)
  local t, keys, attributes = {}, {}, { { "kind", c.kind } }
  for k, v in pairs(c.given) do t[k] = v end
  if c.kind == "msix" then t.bar, t.table, t.pba = c.bar, hex(c.table), hex(c.pba) end
  for k in pairs(t) do keys[#keys + 1] = k end
  table.sort(keys)
  for _, k in ipairs(keys) do
    local place = c.kind == "msix" and (k == "table" or k == "pba")
    attributes[#attributes + 1] = { k, place and t[k] or option_text(t[k]) }
  end
  x:empty("capability", attributes)
end

local function row_line(x, reg)
  local volatile = reg.volatile or nil
  local extra = {
    { "access", (reg.access == "const" or reg.access == "rsvd") and reg.access }, { "alias", reg.alias },
    { "doorbell", reg.doorbell and "true" }, { "sizes", list(reg.own_sizes) }, { "lock", reg.lock },
    { "vector", reg.vectors and #reg.vectors > 0 and list(reg.vectors) or reg.vector }, { "enable", reg.enable },
    { "sticky", reg.sticky }, { "volatile", volatile }, { "sync", reg.sync }, { "exclude", reg.exclude },
    { "hook", list { reg.write and "write" or reg.read and "read", reg.write and reg.read and "read" } },
  }
  local any = false
  for _, kv in ipairs(extra) do any = any or kv[2] end
  table.insert(extra, 1, { "name", reg.name })
  if any then x:empty("row", extra) end
  for _, f in ipairs(not reg.alias and reg.fields or {}) do
    if f.sticky or f.volatile or f.access == "const" or f.access == "rsvd" then
      x:empty("field", { { "row", reg.name }, { "name", f.name }, { "sticky", f.sticky }, { "volatile", f.volatile },
        { "access", (f.access == "const" or f.access == "rsvd") and f.access } })
    end
  end
end

local function id(a, b) return a and ("%04x:%04x"):format(a, b) end

local function extensions(x, def)
  x:open "vendorExtensions"
  x:open("moonbar", ' version="1"')
  x:empty("pci", { { "name", def.name }, { "id", id(def.vendor, def.device) },
    { "subsystem", id(def.subsys_vendor, def.subsys_device) },
    { "rev", hex(def.rev, 8) }, { "class", hex(def.class, 24) }, { "intx", def.intx },
    { "dma_bits", def.dma_bits > 0 and def.dma_bits }, { "timeout", def.timeout > 0 and ("%d"):format(def.timeout) },
    { "doc", def.doc } })
  for _, c in ipairs(def.caps) do cap_line(x, c) end
  for _, b in ipairs(places.bars(def)) do
    if b.n < 6 then
      x:empty("bar", { { "n", b.n }, { "size", hex(b.bar.size) }, { "is64", b.bar.is64 },
        { "prefetch", b.bar.prefetch }, { "sizes", list(b.bar.sizes) }, { "doc", b.bar.doc } })
    end
  end
  for _, ram in ipairs(def.rams) do
    x:empty("ram", { { "bar", ram.bar }, { "offset", hex(ram.offset) }, { "size", hex(ram.size) } })
  end
  for _, reg in ipairs(def.regs) do row_line(x, reg) end
  x:close "moonbar"
  x:close "vendorExtensions"
end

-- ---- the file -----------------------------------------------------------------------------------

local function peripheral(x, def, b, base)
  x:open "peripheral"
  x:put("name", peripheral_name(b.n))
  local what = b.n == 6 and "Configuration space" or ("BAR %d of the PCI device %s"):format(b.n, def.name)
  x:put("description", b.bar.doc or what)
  x:put("baseAddress", hex(base, 32))
  local last = 0
  for _, reg in ipairs(def.regs) do
    if reg.bar.n == b.n then last = math.max(last, rows.place(reg, reg.count - 1) + reg.size) end
  end
  if last > 0 then block(x, 0, math.ceil(last / 4) * 4, "registers") end
  for _, ram in ipairs(def.rams) do
    if ram.bar == b.n and ram.offset >= last then block(x, ram.offset, ram.size, "buffer") end
  end
  if last == 0 and #def.rams == 0 then block(x, 0, b.bar.size, "reserved") end
  registers_of(x, def, b.n)
  x:close "peripheral"
end

-- A definition without mistakes as one text.
function M.text(def)
  local x = setmetatable({ depth = 0 }, Xml)
  local widest, base = 32, 0
  for _, reg in ipairs(def.regs) do widest = math.max(widest, reg.width) end
  x:line '<?xml version="1.0" encoding="utf-8"?>'
  x:line("<!-- Made by moonbar export from %s. BARs have their addresses from the system; here they stand one after",
    (def.file:match("[^/]*$"):gsub("%-%-", "- -")))
  x:line "     the other from 0 on. -->"
  x:open("device", ' schemaVersion="1.3" xmlns:xs="http://www.w3.org/2001/XMLSchema-instance"'
    .. ' xs:noNamespaceSchemaLocation="CMSIS-SVD.xsd"')
  x:put("name", names.part(def.name:gsub("%-", "_")))
  x:put("version", "1.0")
  x:put("description", def.doc or ("PCI device %s, %04x:%04x"):format(def.name, def.vendor, def.device))
  x:put("addressUnitBits", 8)
  x:put("width", widest)
  x:put("size", 32)
  x:open "peripherals"
  for _, b in ipairs(places.bars(def)) do
    base = math.ceil(base / b.bar.size) * b.bar.size
    peripheral(x, def, b, base)
    base = base + b.bar.size
  end
  x:close "peripherals"
  extensions(x, def)
  x:close "device"
  return table.concat(x, "\n") .. "\n"
end

return M
