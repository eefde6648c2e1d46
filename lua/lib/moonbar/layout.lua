-- SPDX-License-Identifier: MIT
-- layout.lua: where everything stands: the elements of all registers in order of place, and whether registers,
-- memory, MSI-X structures and capabilities keep off each other.
--
-- Try it:  ./moonbar check -v lua/devices/edu.lua
local map = require "moonbar.map"
local numbers = require "moonbar.numbers"
local rows = require "moonbar.rows"
local element_name = map.element_name
local hex = numbers.hex

local M = {}

local function where_text(reg, here)
  return reg.file == here.file and ("line %d"):format(reg.line) or ("%s:%d"):format(reg.file, reg.line)
end

local function span_text(offset, size)
  return ("%s to %s"):format(hex(offset, 8), hex(offset + size - 1, 8))
end


-- All elements of all registers, in the order of their place; that order is what C sees.
local function sort_elements(def)
  local elements = {}
  for order, reg in ipairs(def.regs) do
    for i = 0, reg.count - 1 do
      elements[#elements + 1] = { reg = reg, i = i, order = order, offset = rows.place(reg, i) }
    end
  end
  table.sort(elements, function(a, b)
    if a.reg.bar.n ~= b.reg.bar.n then return a.reg.bar.n < b.reg.bar.n end
    if a.offset ~= b.offset then return a.offset < b.offset end
    return a.order < b.order
  end)
  return elements
end

local function check_overlaps(def, elements)
  local reported, reach = {}, nil
  for _, e in ipairs(elements) do
    local size = e.reg.size
    if reach and reach.reg.bar.n == e.reg.bar.n and reach.offset + reach.reg.size > e.offset then
      local a, b = reach, e
      if b.reg.line < a.reg.line then a, b = b, a end
      local key = a.reg.name .. "\0" .. b.reg.name
      if not reported[key] then
        reported[key] = true
        def.mistakes:add(b.reg, b.reg.name, "%s (%s) overlaps %s (%s, %s); the first free offset after it is %s",
          element_name(b.reg, b.i), span_text(b.offset, b.reg.size), element_name(a.reg, a.i),
          span_text(a.offset, a.reg.size), where_text(a.reg, b.reg), hex(a.offset + a.reg.size, 8))
      end
    end
    if not reach or reach.reg.bar.n ~= e.reg.bar.n or e.offset + size > reach.offset + reach.reg.size then
      reach = e
    end
  end
end

-- Anything in [offset, offset + size) of the BAR, a register or memory? Its description, or nil.
local function occupant(def, elements, bar, offset, size, but)
  for _, e in ipairs(elements) do
    if e.reg.bar.n == bar and e.offset < offset + size and offset < e.offset + e.reg.size then
      return ("%s (%s, %s)"):format(element_name(e.reg, e.i), span_text(e.offset, e.reg.size),
        where_text(e.reg, but or e.reg))
    end
  end
  for _, ram in ipairs(def.rams) do
    if ram ~= but and ram.bar == bar and ram.offset < offset + size and offset < ram.offset + ram.size then
      return ("ram (%s, line %d)"):format(span_text(ram.offset, ram.size), ram.line)
    end
  end
end

local function check_rams(def, elements)
  for i, ram in ipairs(def.rams) do
    local bar = def.bars[ram.bar]
    local there
    if not bar then
      def.mistakes:add(ram, "ram", "there is no BAR %s; right would be bar(%s, size) { … } as well",
        tostring(ram.bar), tostring(ram.bar))
    elseif ram.offset + ram.size > bar.size then
      def.mistakes:add(ram, "ram", "%s is beyond the end of BAR %d, which is %s",
        span_text(ram.offset, ram.size), bar.n, numbers.size_text(bar.size))
    else
      there = occupant(def, elements, ram.bar, ram.offset, ram.size, ram)
    end
    local later = there and there:match("^ram") and tonumber(there:match("line (%d+)")) > ram.line
    if there and not later then
      def.mistakes:add(ram, "ram", "%s overlaps %s", span_text(ram.offset, ram.size), there)
    end
    ram.index = i
  end
end

local function check_msix(def, elements)
  for _, c in ipairs(def.caps) do
    if c.kind == "msix" and def.bars[c.bar] then
      local bar = def.bars[c.bar]
      for _, part in ipairs { { "table", c.table, 16 * c.vectors },
        { "PBA", c.pba, 8 * math.ceil(c.vectors / 64) } } do
        local what, offset, size = part[1], part[2], part[3]
        local there = occupant(def, elements, c.bar, offset, size, c)
        if offset + size > bar.size or offset < 0 then
          def.mistakes:add(c, "msix", "the MSI-X %s (%d vectors, %d bytes) does not fit into BAR %d, which is %s",
            what, c.vectors, size, c.bar, numbers.size_text(bar.size))
          break
        elseif there then
          def.mistakes:add(c, "msix", "the MSI-X %s (%s) overlaps %s", what, span_text(offset, size), there)
        end
      end
    elseif c.kind == "msix" then
      def.mistakes:add(c, "msix", "there is no BAR %s for the MSI-X table; right would be bar(%s, size)",
        tostring(c.bar), tostring(c.bar))
    end
  end
end

-- The kinds of capability that own bytes of configuration space, by enum mb_cap_id.
local owners = { pm = "power management", msi = "MSI", vendor = "vendor-specific", express = "PCI Express",
  msix = "MSI-X", aer = "AER", serial = "serial number", ltr = "LTR", vsec = "vendor-specific",
  dvsec = "DVSEC" }

-- May rows describe a byte of a capability? Of a vendor-specific one, what follows the three bytes that each has; of
-- an extended one, what follows its header.
local function is_describable(c, owner, at, who)
  return c.kind == "vendor" and owner[at - 3] == who or c.is_extended and owner[at - 4] == who
end

-- Configuration registers keep off the header and the capabilities.
local function check_config(def, elements, owner)
  for _, e in ipairs(elements) do
    local reg = e.reg
    if reg.bar.is_config and (e.offset < 0x100 or owner[0x100] >= 0) then
      for at = e.offset, e.offset + reg.size - 1 do
        local who = owner[at]
        local c = who >= 0 and def.caps[who + 1]
        if who == -2 then
          def.mistakes:add(reg, reg.name, "%s is in the header (0x00 to 0x3f), which device { … } and bar describe; "
            .. "the first free offset is %s", hex(e.offset, 8), hex(M.first_free(owner), 8))
          break
        elseif c and not is_describable(c, owner, at, who) then
          def.mistakes:add(reg, reg.name, "%s is in the %s capability%s (line %d); the first free offset is %s",
            hex(e.offset, 8), owners[c.kind] or c.kind, c.is_extended and "'s header" or "", c.line,
            hex(M.first_free(owner, e.offset >= 0x100), 8))
          break
        end
      end
    elseif reg.bar.is_config and e.offset < 0x104 then
      def.mistakes:add(reg, reg.name, "%s is the header of the first extended capability; right would be 0x104 "
        .. "or more, or below 0x100", hex(e.offset, 8))
    end
  end
end

-- The first offset that no capability has; @beyond: in the extended space.
function M.first_free(owner, beyond)
  for at = beyond and 0x104 or 0x40, 0xfff do
    if owner[at] == -1 and (at < 0x100 or at >= 0x104) then return at end
  end
  return 0x1000
end

-- Check all places; adds def.elements. @owner: whose the bytes of configuration space are, or nil if that
-- is not known.
function M.run(def, owner)
  local elements = sort_elements(def)
  if #elements > map.max_rows then
    def.mistakes:add(def.regs[1], nil, "%d registers; a device has at most %d", #elements, map.max_rows)
    elements = {}
  end
  check_overlaps(def, elements)
  check_rams(def, elements)
  check_msix(def, elements)
  if def.config and owner then check_config(def, elements, owner) end
  def.elements = elements
end

return M
