-- SPDX-License-Identifier: MIT
-- check.lua: what `moonbar check` prints of a file without mistakes: the device, its options, and with -v
-- what every register costs a driver and which one keeps a page from being mapped.
--
-- Try it:  ./moonbar check -v lua/devices/edu.lua
local device = require "moonbar.device"
local map = require "moonbar.map"
local numbers = require "moonbar.numbers"
local rows_of = require "moonbar.rows"
local hex = numbers.hex

local M = {}

local PAGE = 4096

-- What a driver's read and write of a register come to, cheapest first.
local function read_cost(reg)
  if reg.read then return "waits for Lua" end
  return "answered from masks"
end

local function write_cost(reg)
  if reg.bar.is_config then return (reg.write or reg.doorbell) and "masks, then Lua" or "masks" end
  if reg.sync then return "waits for Lua" end
  if reg.doorbell then return "posted to Lua" end
  if reg.write then return "masks, then posted to Lua" end
  if reg.serves_many then return "posted: it enables several vectors" end
  return "masks"
end

-- What a driver's read and write of a register's record come to.
function M.cost(reg) return read_cost(reg), write_cost(reg) end

local function cost_lines(def, out)
  local wide = 8
  for _, reg in ipairs(def.regs) do wide = math.max(wide, #map.element_name(reg)) end
  local line = "  %-10s  %-" .. wide .. "s  %-20s  %s"
  for n = 0, 6 do
    local bar = def.bars[n] or n == 6 and def.config
    if bar then
      out[#out + 1] = ("%s, %s"):format(bar.title, numbers.size_text(bar.size))
      out[#out + 1] = line:format("offset", "register", "driver's read", "driver's write")
      local rows = {}
      for _, reg in ipairs(def.regs) do
        if reg.bar.n == n then
          local name = map.element_name(reg)
          rows[#rows + 1] = { reg.offset, line:format(hex(reg.offset, 16), name, read_cost(reg), write_cost(reg)) }
        end
      end
      for _, ram in ipairs(def.rams) do
        if ram.bar == n then
          local mapped = ram.offset % PAGE == 0 and ram.size % PAGE == 0
          local cost = mapped and "no trap" or "answered as memory"
          rows[#rows + 1] = { ram.offset, line:format(hex(ram.offset, 16), "(ram)", cost, cost) }
        end
      end
      table.sort(rows, function(a, b) return a[1] < b[1] end)
      for _, row in ipairs(rows) do out[#out + 1] = row[2]:gsub("%s+$", "") end
    end
  end
end

-- Pages of ram that are not all ram: what else is on them.
local function mapping_lines(def, out)
  for _, ram in ipairs(def.rams) do
    local first, last = math.floor(ram.offset / PAGE), math.floor((ram.offset + ram.size - 1) / PAGE)
    for _, page in ipairs(first == last and { first } or { first, last }) do
      local from, to = page * PAGE, (page + 1) * PAGE
      local culprit
      for _, reg in ipairs(def.regs) do
        local stop = rows_of.place(reg, reg.count - 1) + reg.size
        if reg.bar.n == ram.bar and reg.offset < to and stop > from then culprit = culprit or reg end
      end
      if culprit then
        out[#out + 1] = ("the page at %s of BAR %d is not mapped: register %s (%s:%d) is on it"):format(
          hex(from), ram.bar, culprit.name, culprit.file, culprit.line)
      elseif ram.offset > from or ram.offset + ram.size < to then
        out[#out + 1] = ("the page at %s of BAR %d is not mapped: ram covers only part of it (line %d)"):format(
          hex(from), ram.bar, ram.line)
      end
    end
  end
end

local function irq_text(def)
  local kinds = {}
  if def.intx then kinds[#kinds + 1] = "INTx" end
  for _, c in ipairs(def.caps) do
    if c.kind == "msi" then kinds[#kinds + 1] = "MSI " .. c.vectors end
    if c.kind == "msix" then kinds[#kinds + 1] = "MSI-X " .. c.vectors end
  end
  return #kinds > 0 and table.concat(kinds, ", ") or "no interrupt"
end

local function value_text(v)
  if type(v) == "number" and v >= 1024 and v % 1024 == 0 then return numbers.size_text(v) end
  return tostring(v)
end

-- The report on a definition without mistakes.
function M.report(def, verbose)
  local out = { ("%s: device %s, %04x:%04x, %d register%s, %s: no mistakes"):format(def.file, def.name,
    def.vendor, def.device, #def.elements, #def.elements == 1 and "" or "s", irq_text(def)) }
  for _, o in ipairs(def.options) do
    out[#out + 1] = ("  option %s=%s%s"):format(o.name, value_text(o.default), o.doc and "  " .. o.doc or "")
  end
  if verbose then
    cost_lines(def, out)
    mapping_lines(def, out)
  end
  return table.concat(out, "\n")
end

-- Check a file: a report; or nil and the mistakes. Starts nothing.
function M.file(path, given, verbose)
  local def = device.define(path, given, true)
  if #def.mistakes > 0 then return nil, def.mistakes end
  return M.report(def, verbose)
end

return M
