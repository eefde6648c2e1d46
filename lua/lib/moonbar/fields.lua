-- SPDX-License-Identifier: MIT
-- fields.lua: the bits inside a register: a row's nested fields table read and checked, a value taken
-- apart and put together by field, and a value reduced to the width it is given to.
--
-- Try it:  ./moonbar check lua/devices/edu.lua
local bit = require "bit"
local access = require "moonbar.access"
local mistakes_of = require "moonbar.mistakes"
local numbers = require "moonbar.numbers"
local view = require "moonbar.view"
local blame = mistakes_of.blame
local band, bor, bnot, lshift, rshift = bit.band, bit.bor, bit.bnot, bit.lshift, bit.rshift

local M = {}

-- ---- reading a row's fields ---------------------------------------------------------------------

local function check_enum(add, field)
  local seen = {}
  for value, name in pairs(field.enum or {}) do
    local other = seen[name]
    if other then
      add("the enum has %q twice, for %d and %d", name, math.min(value, other), math.max(value, other))
    end
    seen[name] = value
  end
  local max = 2 ^ (field.hi - field.lo + 1) - 1
  for value, name in pairs(field.enum or {}) do
    if type(name) ~= "string" then
      add("the enum value %s is a %s; right would be [%s] = \"name\"", value, type(name), value)
    elseif value < 0 or value > max or value ~= math.floor(value) then
      add("enum value %s (%q) does not fit into %d bit%s: 0 to %d", value, name,
        field.hi - field.lo + 1, field.hi == field.lo and "" or "s", max)
    end
  end
end

local function check_reset(add, field)
  if field.reset == nil then return end
  local width = field.hi - field.lo + 1
  if type(field.reset) == "string" then
    for value, name in pairs(field.enum or {}) do
      if name == field.reset then field.reset = value return end
    end
    add("reset = %q is none of its enum's names", field.reset)
  elseif not numbers.is_integer(field.reset) then
    add("reset = %s is no whole number", tostring(field.reset))
  elseif band(numbers.u64(field.reset), bnot(numbers.width_mask(width))) ~= 0 then
    add("reset = %s does not fit into %d bit%s", numbers.hex(field.reset), width,
      width == 1 and "" or "s")
  else
    return
  end
  field.reset = nil
end

local function check_overlaps(reg, add)
  for i = 2, #reg.fields do
    local before, f = reg.fields[i - 1], reg.fields[i]
    if f.lo <= before.hi then
      add(f, "field %s (%s) overlaps field %s (%s, line %d)", f.name, f.text, before.name,
        before.text, before.line)
    end
  end
end

-- Fill reg.fields from a row's nested table @t; @lines: { name = line } from the source, @twice: keys
-- written twice. Mistakes go to @mistakes.
function M.parse(reg, t, lines, twice, mistakes)
  local function add(field, fmt, ...)
    mistakes:add({ file = reg.file, line = field.line }, reg.name, fmt, ...)
  end
  reg.fields = {}
  if next(t) == nil then
    mistakes:add(reg, reg.name, "an empty table of fields, so that every bit would be reserved; leave it out, or "
      .. "name a bit: { ready = ro(0) }")
  end
  for _, dup in ipairs(twice or {}) do
    add(dup, "field %s stands here twice, first on line %d; one of them wants another name", dup.key,
      dup.first)
  end
  for name, v in pairs(t) do
    local line = lines[name] or reg.line
    local field = v
    if type(v) == "number" then
      field = access.field(reg.access or "rw", v)
      if not reg.access then
        add({ line = line }, "field %s is a bare number, and the row has no access word; right would "
          .. "be %s = rw(%s)", tostring(name), tostring(name), tostring(v))
      end
    end
    if type(name) ~= "string" then
      add({ line = line }, "a field without a name (%s); right would be name = %s", tostring(v),
        access.kind(v) == "field" and tostring(v) or "rw(0)")
    elseif access.kind(v) == "word" then
      add({ line = line }, "field %s has no bit number; right would be %s = %s(0)", name, name,
        tostring(v))
    elseif access.kind(field) ~= "field" then
      local a, b = 15, 8
      if type(v) == "table" and type(v[1]) == "number" and type(v[2]) == "number" then a, b = v[1], v[2] end
      if not mistakes_of.is_unknown(v) then
        add({ line = line }, "field %s is %s; right would be %s = rw(7) or %s = rw(%d, %d)", name,
          access.kind(v) and "an alias" or "a " .. type(v), name, name, math.max(a, b), math.min(a, b))
      end
    else
      M.add(reg, name, field, lines[name] or field.line or reg.line, add)
    end
  end
  table.sort(reg.fields, function(a, b) return a.lo < b.lo end)
  check_overlaps(reg, add)
end

function M.add(reg, name, given, line, add)
  local field = {
    name = name, lo = given.lo, hi = given.hi, access = given.access, enum = given.enum,
    doc = given.doc, reset = given.reset, sticky = given.sticky, volatile = given.volatile,
    line = line, text = tostring(given),
  }
  if given.bad then add(field, "field %s: %s", name, given.bad) return end
  if field.hi >= reg.width then
    add(field, "field %s = %s lies outside the register's %d bits; the highest is %d%s", name,
      field.text, reg.width, reg.width - 1,
      field.hi < 64 and reg.width < 64 and (", or say width = %d"):format(field.hi < 32 and 32 or 64) or "")
    return
  end
  local function about(fmt, ...) add(field, "field " .. name .. ": " .. fmt, ...) end
  check_enum(about, field)
  check_reset(about, field)
  field.mask = numbers.mask(field.lo, field.hi)
  field.width = field.hi - field.lo + 1
  field.by_name = M.by_name(field.enum)
  reg.fields[#reg.fields + 1] = field
end

function M.by_name(enum)
  if not enum then return nil end
  local names = {}
  for value, name in pairs(enum) do names[name] = value end
  return names
end

-- ---- values ------------------------------------------------------------------------------------------

local two_to = {}
for i = 0, 64 do two_to[i] = 2 ^ i end

-- What an author gave (@v) as a value of @width bits: a number from 0 on up to 32 bits, else a
-- number or uint64_t. @by_name: the enum. @name: for the message.
local function reduce_slowly(v, width, by_name, name)
  v = view.plain(v)
  local kind = type(v)
  if kind == "number" then
    if v ~= v or v == math.huge or v == -math.huge then
      blame("%s: %s is no value for %d bits", name, tostring(v), width)
    end
    if v ~= math.floor(v) then
      blame("%s: %s is no whole number; right would be math.floor(…)", name, tostring(v))
    end
    if width <= 32 then return v % two_to[width] end
    return band(numbers.u64(v), numbers.width_mask(width))
  elseif kind == "boolean" and width == 1 then
    return v and 1 or 0
  elseif kind == "cdata" and numbers.is_u64(v) then
    v = band(numbers.u64(v), numbers.width_mask(width))
    return width <= 32 and tonumber(v) or v
  elseif kind == "string" then
    if by_name and by_name[v] then return by_name[v] end
    if by_name then blame("%s: %q is none of its values%s", name, v, mistakes_of.hint(v, by_name)) end
  end
  blame("%s: right would be a number%s, not %s", name, by_name and " or a name" or "",
    (kind == "boolean" or kind == "nil") and tostring(v) or "a " .. kind)
end

function M.reduce(v, width, by_name, name)
  if type(v) == "number" and v >= 0 and v < two_to[width > 53 and 53 or width] and v % 1 == 0 then return v end
  return reduce_slowly(v, width, by_name, name)
end
local reduce = M.reduce

-- A field's value out of a register's value (number or uint64_t).
function M.extract(field, value)
  if type(value) == "number" and field.hi < 32 then
    value = rshift(value, field.lo)
    if field.width == 32 then return value % 2 ^ 32 end
    return band(value, two_to[field.width] - 1)
  end
  return numbers.shrink(rshift(band(numbers.u64(value), field.mask), field.lo), field.width)
end

-- A register's value with the field's bits replaced by @v.
function M.insert(field, value, v, width)
  v = reduce(v, field.width, field.by_name, field.name)
  local whole = bor(band(numbers.u64(value), bnot(field.mask)), lshift(numbers.u64(v), field.lo))
  return numbers.shrink(whole, width)
end

-- A register's value from a table of fields, { run = 1, dir = "to_ram" }; fields left out are 0.
function M.assemble(reg, t)
  local value = 0ULL
  for name, v in pairs(t) do
    local field = reg.field[name]
    if not field then
      local hint = mistakes_of.hint(name, reg.field)
      blame("%s has no field '%s'%s", reg.name, tostring(name), hint)
    end
    value = numbers.u64(M.insert(field, value, v, 64))
  end
  return numbers.shrink(value, reg.width)
end

-- "0x81 computing=1 irqfact=1", enum names beside their numbers.
function M.text(reg, value)
  local parts = { numbers.hex(value, reg.width) }
  for _, field in ipairs(reg.fields or {}) do
    local v = M.extract(field, value)
    local enum_name = field.enum and field.enum[tonumber(v)]
    parts[#parts + 1] = field.name .. "=" .. (enum_name or
      (field.width > 8 and numbers.hex(v) or tostring(tonumber(v))))
  end
  return table.concat(parts, " ")
end

return M
