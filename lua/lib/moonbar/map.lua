-- SPDX-License-Identifier: MIT
-- map.lua: the register map as a whole: names that rows use of each other, and at the end the
-- masks (struct mb_reg, kernel/core/regs.h) that C runs.
--
-- Try it:  ./moonbar check -v lua/devices/edu.lua
local bit = require "bit"
local ffi = require "ffi"
local access = require "moonbar.access"
local mistakes_of = require "moonbar.mistakes"
local numbers = require "moonbar.numbers"
local band, bor, bnot, lshift = bit.band, bit.bor, bit.bnot, bit.lshift
local hex = numbers.hex

local M = {}

M.none = 0xffffffff
M.config_space = 6              -- where a BAR's number stands: after all BARs, in order of place too
M.flags = { read = 0x01, write = 0x02, doorbell = 0x04, sync = 0x08, volatile = 0x10, enable = 0x20 }
M.max_rows = 65536

-- ---- names ----------------------------------------------------------------------------------------

local function field_index(reg)
  local index = {}
  for _, f in ipairs(reg.fields or {}) do index[f.name] = f end
  return index
end

-- What an author may say where a register is meant: registers, and groups of them.
function M.names(def)
  local names = {}
  for _, reg in ipairs(def.regs) do
    if not reg.group then names[#names + 1] = reg.name end
  end
  for _, group in ipairs(def.groups) do names[#names + 1] = group.name end
  return names
end

-- "[3].rest" as 3, ".rest"
local function take_index(rest)
  local index, after = rest:match("^%[(%d+)%](.*)$")
  return tonumber(index), after or rest
end

-- "group[3].member…", "group[3].member[2]…" or "group.member[3]…" (counted through all groups) as register, rest
-- of the path, element; or nil and why not.
local function find_member(group, rest)
  local element, after = take_index(rest)
  local member, last = after:match("^%.([%a_][%w_]*)(.*)$")
  local reg = member and group.members[member]
  if not reg then
    return nil, member and ("%s has no register '%s'%s"):format(group.name, member,
      mistakes_of.hint(member, group.members)) or ("%s is a group of registers; right would be %s%s.%s"):format(
      group.name, group.name, group.is_array and "[0]" or "", group.order[1] and group.order[1].member or "name")
  end
  local second
  second, last = take_index(last)
  if reg.inner and (element or not group.is_array) and second then
    if second >= reg.inner then
      return nil, ("%s has %d element%s, 0 to %d"):format(reg.name, reg.inner, reg.inner == 1 and "" or "s",
        reg.inner - 1)
    end
    return reg, last, (element or 0) * reg.inner + second
  elseif reg.inner and element and not second then
    element = nil                       -- which of its elements is not said
  end
  return reg, last, element or second
end

-- "reg", "reg.field", "reg[3]", "reg[3].field", "group[3].reg.field" as register, field or nil, element or
-- nil; or nil and why not.
function M.find(def, path)
  local name, rest = path:match("^([%a_][%w_]*)(.*)$")
  local reg, element = name and def.by_name[name]
  if reg then
    element, rest = take_index(rest)
  elseif name and def.groups[name] then
    reg, rest, element = find_member(def.groups[name], rest)
    if not reg then return nil, rest end
    name = reg.name
  else
    return nil, ("there is no register '%s'%s"):format(name or path, mistakes_of.hint(name or path, M.names(def)))
  end
  if element and element >= reg.count then
    return nil, ("%s has %d element%s, 0 to %d"):format(name, reg.count, reg.count == 1 and "" or "s",
      reg.count - 1)
  end
  if rest == "" then return reg, nil, element end
  local field_name = rest:match("^%.([%a_][%w_]*)$")
  local field = field_name and reg.field and reg.field[field_name]
  if not field then
    return nil, ("%s has no field '%s'%s"):format(name, field_name or rest,
      mistakes_of.hint(field_name or rest, reg.field or {}))
  end
  return reg, field, element
end

-- ---- what rows say of each other ----------------------------------------------------------------------

local function existing_bits(reg)
  if reg.doorbell or reg.access == "rsvd" then return 0ULL end
  if not reg.fields then return numbers.width_mask(reg.width) end
  local bits = 0ULL
  for _, f in ipairs(reg.fields) do
    if f.access ~= "rsvd" then bits = bor(bits, f.mask) end
  end
  return bits
end

-- Bits that nobody changes, neither a driver nor the model.
local function constant_bits(reg)
  if reg.access == "const" and not reg.fields then return numbers.width_mask(reg.width) end
  local bits = 0ULL
  for _, f in ipairs(reg.fields or {}) do
    if f.access == "const" then bits = bor(bits, f.mask) end
  end
  return bits
end

local function resolve_reset(reg, add)
  local reset = numbers.u64(reg.reset_given or 0)
  local width_bits = numbers.width_mask(reg.width)
  if type(reg.reset_given) == "number" and reg.reset_given < 0 then reset = band(reset, width_bits) end
  if band(reset, bnot(width_bits)) ~= 0 then
    add("the reset value %s is wider than the register's %d bits", hex(reset), reg.width)
  elseif band(reset, bnot(reg.exists)) ~= 0 then
    add("the reset value %s sets bits %s, which no field names; name them, or make the reset %s",
      hex(reset, reg.width), hex(band(reset, bnot(reg.exists)), reg.width), hex(band(reset, reg.exists), reg.width))
  end
  reset = band(reset, reg.exists)
  for _, f in ipairs(reg.fields or {}) do
    if f.reset then
      reset = bor(band(reset, bnot(f.mask)), lshift(numbers.u64(f.reset), f.lo))
    end
  end
  reg.reset = reset
end

-- Rows of a group mean each other first.
local function path_from(reg, path)
  local first = path:match("^[%a_][%w_]*")
  if reg.group and first and reg.group.members[first] then return reg.group.name .. "." .. path end
  return path
end

-- Registers of a BAR and of configuration space are two register files.
local function elsewhere(reg, other)
  if (reg.bar.is_config or false) == (other.bar.is_config or false) then return nil end
  return ("that is in %s, this row in %s"):format(other.bar.title, reg.bar.title)
end

local function resolve_alias(def, reg, add)
  local target, why = def.by_name[path_from(reg, reg.alias)], nil
  if not target then why = "there is no such register" .. mistakes_of.hint(reg.alias, def.by_name)
  elseif target == reg then why = "that is the row itself"
  elseif target.alias then why = ("that is an alias too; right would be its target %q"):format(target.alias)
  elseif target.doorbell then why = "that is a doorbell, which stores nothing"
  elseif elsewhere(reg, target) then why = elsewhere(reg, target)
  elseif target.access == "const" then why = "that is a constant"
  elseif target.width ~= reg.width then
    why = ("that has %d bits, this row %d; right would be width = %d"):format(target.width, reg.width, target.width)
  elseif target.count ~= reg.count or target.inner ~= reg.inner then
    why = ("that has %d element%s, this row %d"):format(target.count, target.count == 1 and "" or "s", reg.count)
  end
  if why then
    if reg.alias:find(".", 1, true) then
      why = "an alias stands for a whole register; right would be " ..
        ("%s %q"):format(reg.access, reg.alias:match("^[^.]*"))
    end
    add("alias %s %q: %s", reg.access, reg.alias, why)
    return
  end
  reg.target = target
  reg.fields, reg.field = target.fields, target.field
  reg.exists, reg.reset, reg.constant = target.exists, target.reset, target.constant
end

local function fits_array(reg, other)
  if reg.group and other.group == reg.group then return not other.inner or other.inner == reg.inner end
  return other.count == 1 or other.count == reg.count and other.inner == reg.inner
end

-- The element of @other that goes with element i of @reg.
function M.index_in(other, reg, i)
  if other.count == 1 then return 0 end
  if reg.inner and other.group == reg.group and not other.inner then return math.floor(i / reg.inner) end
  return i
end

local function resolve_lock(def, reg, add)
  local other, field = M.find(def, path_from(reg, reg.lock))
  if not other then
    add("lock = %q: %s", reg.lock, field)
  elseif elsewhere(reg, other) then
    add("lock = %q: %s", reg.lock, elsewhere(reg, other))
  elseif other.doorbell then
    add("lock = %q: that is a doorbell, which stores nothing", reg.lock)
  elseif not fits_array(reg, other) then
    add("lock = %q: that has %d elements, this row %d", reg.lock, other.count, reg.count)
  else
    reg.lock_reg = other.target or other
    reg.lock_mask = field and field.mask or other.exists
  end
end

local function vectors_text(def)
  if def.vectors == 0 then
    return "the device has no interrupt; right would be intx = true or msi = 1 in device { … }"
  end
  local last = def.vectors - 1
  return ("the device has %d: %s"):format(def.vectors, last == 0 and "only 0" or "0 to " .. last)
end

local function resolve_irq(def, reg, add)
  for _, vector in ipairs(reg.vector and { reg.vector, unpack(reg.vectors) } or {}) do
    if vector >= def.vectors then
      add("vector = %d: %s", vector, vectors_text(def))
      break
    end
  end
  if reg.vectors and #reg.vectors > 0 and #reg.vectors ~= reg.count then
    add("vector has %d numbers, and the register %d element%s; right would be one for each, or one number",
      #reg.vectors, reg.count, reg.count == 1 and "" or "s")
  end
  if reg.vector and reg.alias then
    add("vector on an alias; it belongs on %s, which holds the bits", reg.alias)
  end
  if not reg.enable then return end
  local other = def.by_name[path_from(reg, reg.enable)]
  if not other then
    add("enable = %q: there is no such register%s", reg.enable, mistakes_of.hint(reg.enable, def.by_name))
  elseif other == reg then
    add("enable = %q: a status register does not enable itself", reg.enable)
  elseif not fits_array(reg, other) then
    add("enable = %q: that has %d elements, this row %d", reg.enable, other.count, reg.count)
  elseif other.vector then
    add("enable = %q: that is a status register itself (vector = %d)", reg.enable, other.vector)
  elseif other.doorbell then
    add("enable = %q: that is a doorbell, which stores nothing", reg.enable)
  elseif band(other.exists, reg.exists) == 0 then
    add("enable = %q: none of its bits stands where a bit of this register does; a cause is enabled by the same bit",
      reg.enable)
  else
    reg.enable_reg = other.target or other
    reg.enable_reg.enables = true
  end
end

-- Resolve all names of def.regs; adds def.by_name.
function M.resolve(def)
  local function adder(reg)
    return function(fmt, ...) def.mistakes:add(reg, reg.name, fmt, ...) end
  end
  for _, reg in ipairs(def.regs) do
    reg.exists, reg.constant = existing_bits(reg), constant_bits(reg)
    reg.field = field_index(reg)
    if not reg.alias then resolve_reset(reg, adder(reg)) end
  end
  for _, reg in ipairs(def.regs) do
    if reg.alias then
      resolve_alias(def, reg, adder(reg))
      reg.reset = reg.reset or 0ULL
    end
  end
  for _, reg in ipairs(def.regs) do
    if reg.lock then resolve_lock(def, reg, adder(reg)) end
    resolve_irq(def, reg, adder(reg))
  end
end

-- What a hook is told of element i: the element of an array or of groups; and in groups that of the row's own array.
function M.indices(reg, i)
  if not reg.inner or not reg.group.is_array then return i end
  return math.floor(i / reg.inner), i % reg.inner
end

-- "reg", "reg[2]", "group[2].reg", "group[2].reg[1]", "group.reg[1]". Without @i, "reg[0..7]" and so on.
function M.element_name(reg, i)
  local function at(n, count) return ("[%s]"):format(i and n or "0.." .. count - 1) end
  local group = reg.group
  if not reg.is_array then return reg.name end
  if not group then return reg.name .. at(i, reg.count) end
  local per = reg.inner or 1
  return group.name .. (group.is_array and at(i and math.floor(i / per), group.count) or "") .. "." .. reg.member
    .. (reg.inner and at(i and i % per, per) or "")
end

-- What a row of configuration space says that needs to see a driver's reads, or nil.
function M.sees_reads(reg)
  if reg.read then return "a read hook" end
  local by_reading = { rc = true, rs = true }
  if reg.fields and not reg.alias then
    for _, f in ipairs(reg.fields) do
      if by_reading[f.access] then return ("%s (%s)"):format(f.access, f.name) end
    end
  elseif by_reading[reg.access] then
    return reg.access
  end
end

-- ---- masks -----------------------------------------------------------------------------------------------

local function set_masks(row, word, bits)
  for _, member in ipairs(access.masks[word]) do row[member] = bor(row[member], bits) end
end

local function flags_of(reg)
  local flags = 0
  local volatile = reg.volatile
  for _, f in ipairs(reg.fields or {}) do volatile = volatile or f.volatile end
  if reg.read then flags = bor(flags, M.flags.read) end
  if reg.write then flags = bor(flags, M.flags.write) end
  if reg.doorbell then flags = bor(flags, M.flags.doorbell) end
  if reg.sync then flags = bor(flags, M.flags.sync) end
  if volatile then flags = bor(flags, M.flags.volatile) end
  if reg.enables then flags = bor(flags, M.flags.enable) end
  return flags
end

local function mask_row(row, reg)
  local all = numbers.width_mask(reg.width)
  if reg.doorbell then return end
  if reg.alias or not reg.fields then
    local bits = reg.access == "rsvd" and all or reg.exists
    set_masks(row, reg.access, bits)
    if reg.alias then                   -- constants show, and stay
      for _, member in ipairs(access.masks[reg.access]) do
        if member ~= "rd" then row[member] = band(row[member], bnot(reg.constant)) end
      end
    end
  else
    for _, f in ipairs(reg.fields) do
      set_masks(row, f.access, f.mask)
      if f.sticky then row.sticky = bor(row.sticky, f.mask) end
    end
  end
  row.reserved = bor(row.reserved, band(bnot(reg.exists), all))
  if reg.sticky then row.sticky = reg.exists end
end

local function size_bits(reg)
  local bits = 0
  for _, n in ipairs(reg.sizes or {}) do bits = bor(bits, n) end	-- 1, 2, 4, 8 are bits 0 to 3
  return bits
end

local function fill_row(row, element, row_of)
  local reg, i = element.reg, element.i
  local function index_of(other) return row_of(other, M.index_in(other, reg, i)) end
  row.offset, row.bar, row.size, row.sizes = element.offset, reg.bar.n, reg.size, size_bits(reg)
  row.flags, row.reset, row.id, row.index = flags_of(reg), reg.reset, element.id, i
  row.target = index_of(reg.target or reg)
  row.lock, row.enable, row.vector = M.none, M.none, M.none
  if reg.lock_reg then row.lock, row.lock_mask = index_of(reg.lock_reg), reg.lock_mask end
  if reg.enable_reg then row.enable = index_of(reg.enable_reg) end
  if reg.vector then row.vector = reg.vectors[i + 1] or reg.vector end
  mask_row(row, reg)
end

-- An enable register follows the vector of the status registers it serves. Where these have more than
-- one, the host looks at all of them, so that writes of it, and of its aliases, go there.
local function bind_enables(def, rows, first)
  local many = {}
  for i = 0, first - 1 do
    local e = rows[i].enable
    if e ~= M.none then
      if rows[e].vector == M.none then rows[e].vector = rows[i].vector
      elseif rows[e].vector ~= rows[i].vector then many[e] = true end
    end
  end
  if not next(many) then return end
  for id, element in ipairs(def.elements) do
    local row = rows[id - 1]
    if many[row.target] and not element.reg.bar.is_config then
      element.reg.serves_many = true
      row.flags = bor(row.flags, M.flags.write)
    end
  end
end

-- The masks of def.elements as a cdata array of struct mb_reg (zero-based, in order of place, so that
-- those of configuration space come last, the first of them def.first_config); each register gets
-- .rows = { [element] = index }. Rows of configuration space name each other from 0 on.
function M.compile(def)
  local n = #def.elements
  local rows = ffi.new("struct mb_reg[?]", math.max(n, 1))
  local first = n
  for _, reg in ipairs(def.regs) do reg.rows = {} end
  for id, e in ipairs(def.elements) do
    e.id = id - 1
    e.reg.rows[e.i] = id - 1
    if e.reg.bar.is_config then first = math.min(first, id - 1) end
  end
  local function row_of(reg, i) return reg.rows[i] - (reg.bar.is_config and first or 0) end
  for id, e in ipairs(def.elements) do fill_row(rows[id - 1], e, row_of) end
  for i = first, n - 1 do rows[i].bar = 0 end
  bind_enables(def, rows, first)
  def.first_config = first
  return rows, n
end

return M
