-- SPDX-License-Identifier: MIT
-- rows.lua: one row of a register map, { offset, access, reset, "doc", {fields}, options }, told apart
-- by type, into a plain record of the register. Names of other rows are resolved later, in map.lua,
-- when all rows are known.
--
-- Try it:  ./moonbar check lua/devices/edu.lua
local access = require "moonbar.access"
local fields = require "moonbar.fields"
local numbers = require "moonbar.numbers"
local source = require "moonbar.source"
local mistakes_of = require "moonbar.mistakes"

local is_unknown = mistakes_of.is_unknown

local M = {}

-- Each option, in a line.
M.options = {
  width = "bits: 8, 16, 32 (the default) or 64",
  reset = "value after a reset",
  doc = "one line for people",
  sizes = "access sizes it takes, in bytes, as in {4, 8}; default: all",
  array = "{n, stride=bytes}: n registers alike",
  lock = "\"reg.field\" that refuses writes while it is not 0",
  vector = "the interrupt that this status register causes; of an array: {0, 1, …}, one an element",
  enable = "\"reg\" whose bits enable those of this status register",
  write = "function(dev, new, access, index): what a driver's write does",
  read = "function(dev, stored, access, index): what a driver's read gets",
  doorbell = "function(dev, value, index): a write that stores nothing",
  sync = "true: the driver's write waits until the hook has run",
  volatile = "true: two reads may differ",
  sticky = "true: only a cold reset puts it back",
  exclude = "why the tests made from the map leave it out",
}

local keywords = {}
for word in ("and break do else elseif end false for function if in local nil not or repeat return then true until "
  .. "while goto"):gmatch("%a+") do
  keywords[word] = true
end

local function describe(v)
  local kind = access.kind(v)
  if kind == "field" then return "the field " .. tostring(v) end
  if kind then return tostring(v) end
  if type(v) == "string" then return ("%q"):format(v) end
  if type(v) == "table" then return "a table" end
  if numbers.is_integer(v) then return numbers.hex(v) end
  return "a " .. type(v)
end

local function is_width(v) return v == 8 or v == 16 or v == 32 or v == 64 end

-- The positional part of a row, told apart by type.
local function take_positional(reg, v, seen, add)
  local kind = access.kind(v)
  local function once(what, right)
    if seen[what] then add("a second %s, %s; %s", what, describe(v), right) return false end
    seen[what] = true
    return true
  end
  if is_unknown(v) then
    if seen.offset then reg.access = reg.access or "rw" else seen.offset, reg.offset_unknown = true, true end
  elseif numbers.is_integer(v) then
    if not seen.offset then
      seen.offset, reg.offset = true, v
    elseif once("reset value", is_width(v) and ("is width = %d meant?"):format(tonumber(v))
      or "a row is { offset, access, reset, \"doc\", {fields}, options }") then
      reg.reset_given = v
    end
  elseif type(v) == "number" then
    add("%s is no whole number", tostring(v))
  elseif kind == "word" then
    if once("access word", "a register has one; bits that differ are fields, as in { busy = ro(0) }") then
      reg.access = v.name
    end
  elseif kind == "alias" then
    if not v.target:match("^[%a_][%w_.]*$") then
      add("%s %q: a comma is missing after %s; right would be %s, %q", v.access, v.target, v.access, v.access, v.target)
      reg.access = reg.access or v.access
    elseif once("access word", "a register has one") then
      reg.access, reg.alias = v.access, v.target
    end
  elseif kind == "field" and v.is_comma then
    add("%s", v.bad)
    reg.access = reg.access or v.access
  elseif kind == "field" and v.hi == v.lo and v.lo > 63 then
    add("%s(%s) is a field, and there is no bit %d; right would be %s, %s for a reset value", v.access,
      numbers.hex(v.lo), v.lo, v.access, numbers.hex(v.lo))
    reg.access = reg.access or v.access
  elseif kind == "field" then
    add("%s is a field; right would be { name = %s }, a nested table, or the plain word %s", tostring(v),
      tostring(v), v.access)
    reg.access = reg.access or v.access         -- one mistake is enough
  elseif type(v) == "string" then
    if access.words[v] then
      add("%q is a string; right would be %s, without quotes", v, v)
      reg.access = reg.access or v
    elseif v:match "^%s*0[xX]%x+%s*$" or v:match "^%s*%d+%s*$" then
      add("%q is a string; right would be %s, without quotes", v, v)
      if not seen.offset then seen.offset, reg.offset = true, tonumber(v) end
    elseif once("doc string", "one line for people is enough") then
      reg.doc = v
    end
  elseif type(v) == "table" then
    if once("table of fields", "put all fields into one") then reg.fields_given = v end
  else
    add("a %s in a row; hooks are named: write = function(dev, v) … end", type(v))
  end
end

local function take_boolean(reg, key, v, add)
  if type(v) ~= "boolean" then
    add("%s = %s; right would be %s = true or false", key, describe(v), key)
  else
    reg[key] = v
  end
end

local function take_string(reg, key, v, add, example)
  if type(v) ~= "string" then
    add("%s = %s; right would be %s = %q", key, describe(v), key, example)
  else
    reg[key] = v
  end
end

local function take_function(reg, key, v, add)
  if type(v) ~= "function" then
    add("%s = %s; right would be %s = function(dev, v) … end", key, describe(v), key)
  else
    reg[key] = v
  end
end

function M.take_sizes(sizes, add)
  if type(sizes) ~= "table" then
    add("sizes = %s; right would be sizes = {4} or {4, 8}", describe(sizes))
    return nil
  end
  local list = {}
  for _, n in ipairs(sizes) do
    if n ~= 1 and n ~= 2 and n ~= 4 and n ~= 8 then
      add("sizes has %s; an access has 1, 2, 4 or 8 bytes", type(n) == "number" and tostring(n) or describe(n))
    else
      list[#list + 1] = n
    end
  end
  if #sizes == 0 then
    add("sizes is empty: no access would ever be answered; leave it out to take all sizes")
    return nil
  end
  table.sort(list)
  return #list > 0 and list or nil
end

local function take_array(reg, v, add)
  if type(v) == "number" then v = { v } end
  if type(v) ~= "table" or not numbers.is_integer(v[1]) or v[1] < 1 then
    add("array wants a count, as in array = {8, stride = 4}")
    return
  end
  if v[1] > 65536 then add("array of %d: a device has at most 65536 registers", v[1]) return end
  if type(v[2]) == "number" then
    add("array = {%s, %s}; right would be array = {%s, stride = %s}", v[1], v[2], v[1], v[2])
    v[2] = nil
  end
  for key in pairs(v) do
    if key ~= 1 and key ~= "stride" then add("array has no option '%s'; it is {n, stride=bytes}", key) end
  end
  if v.stride ~= nil and (type(v.stride) ~= "number" or v.stride < 1 or v.stride ~= math.floor(v.stride)) then
    add("array stride = %s; right would be a number of bytes", tostring(v.stride))
    return
  end
  reg.count, reg.stride, reg.is_array = v[1], v.stride, true
end

local takers = {
  width = function(reg, v, add)
    if not is_width(v) then
      local enough = type(v) == "number" and v > 0 and v < 64 and (v < 8 and 8 or v < 16 and 16 or v < 32 and 32 or 64)
      add("width = %s; a register has 8, 16, 32 or 64 bits%s", type(v) == "number" and tostring(v) or describe(v),
        enough and ("; right would be width = %d, with a field(%s, 0)"):format(enough, tostring(v - 1)) or "")
      reg.width = enough or reg.width
    else
      reg.width = v
    end
  end,
  reset = function(reg, v, add)
    if reg.reset_given ~= nil then add("a reset value twice: positional and reset =") end
    if numbers.is_integer(v) then reg.reset_given = v
    else add("reset = %s; right would be a whole number", describe(v)) end
  end,
  doc = function(reg, v, add) take_string(reg, "doc", v, add, "one line for people") end,
  exclude = function(reg, v, add) take_string(reg, "exclude", v, add, "the reason") end,
  lock = function(reg, v, add) take_string(reg, "lock", v, add, "status.busy") end,
  enable = function(reg, v, add) take_string(reg, "enable", v, add, "irq_enable") end,
  sizes = function(reg, v, add)
    reg.own_sizes = M.take_sizes(v, add)
    reg.sizes = reg.own_sizes or reg.sizes
  end,
  array = take_array,
  vector = function(reg, v, add)
    local list = type(v) == "table" and not access.kind(v) and v or { v }
    for _, n in ipairs(list) do
      if type(n) ~= "number" or n < 0 or n ~= math.floor(n) then
        add("vector = %s; right would be a number from 0 on", describe(n))
        return
      end
    end
    if #list == 0 then add("vector = {}; right would be a number from 0 on") return end
    reg.vector, reg.vectors = list[1], list ~= v and {} or list
  end,
  write = function(reg, v, add) take_function(reg, "write", v, add) end,
  read = function(reg, v, add) take_function(reg, "read", v, add) end,
  doorbell = function(reg, v, add) take_function(reg, "doorbell", v, add) end,
  sync = function(reg, v, add) take_boolean(reg, "sync", v, add) end,
  volatile = function(reg, v, add) take_boolean(reg, "volatile", v, add) end,
  sticky = function(reg, v, add) take_boolean(reg, "sticky", v, add) end,
}

local function take_option(reg, key, v, add)
  if is_unknown(v) then return end
  if access.kind(v) == "word" and key == "access" and not reg.access then
    add("access stands in its place, without a name: { 0x00, %s, … }", v.name)
    reg.access = v.name
  elseif access.kind(v) == "field" or access.kind(v) == "word" then
    add("%s = %s stands beside the options; fields stand in a nested table: { %s = %s }", key,
      tostring(v), key, tostring(v))
  elseif key == "offset" and not reg.offset and numbers.is_integer(v) then
    add("offset stands in its place, without a name: { %s, rw, … }", numbers.hex(v, 8))
    reg.offset = v
  elseif key == "fields" then
    add("fields stand in their place, without a name: { 0x00, { name = rw(0) } }")
    if type(v) == "table" then reg.fields_given = reg.fields_given or v end
  elseif not takers[key] then
    add("no option '%s'%s", key, mistakes_of.hint(key, takers))
  else
    takers[key](reg, v, add)
  end
end

-- What does not go together.
local function check_sense(reg, add)
  local hook = reg.write or reg.doorbell
  if reg.access == "const" and (reg.write or reg.read or reg.doorbell) then
    add("a hook on a constant never matters: const always reads its reset value; right would be ro, "
      .. "or no hook")
  end
  if reg.access == "rsvd" and (hook or reg.read) then
    add("a hook on a reserved register; right would be another access word")
  end
  if reg.doorbell then
    if reg.write then add("both write and doorbell; a doorbell stores nothing, a write does: keep one") end
    if reg.read then add("a read hook on a doorbell; a doorbell is write-only") end
    if reg.access and reg.access ~= "wo" then
      add("a doorbell is write-only and stores nothing; right would be no access word instead of %s",
        reg.access)
    end
    if reg.fields_given then add("fields on a doorbell, which stores nothing; take the value apart in the hook") end
    if reg.reset_given then add("a reset value on a doorbell, which stores nothing") end
  elseif not reg.access and not reg.fields_given and reg.given.doorbell == nil and reg.given.fields == nil
    and not reg.offset_unknown then
    add("no access word; right would be { %s, rw, … } or another of ro rw wo rc rs w1c w1s w1t w0c "
      .. "w0s w0t once rsvd const", reg.offset and numbers.hex(reg.offset, 8) or "offset")
  end
  if reg.access == "wo" and reg.read and not reg.fields_given then
    add("a read hook on a write-only register; right would be rw if a driver may read it, or no read hook")
  end
  if reg.own_sizes and not reg.doorbell and reg.own_sizes[1] > reg.width / 8 then
    add("sizes = {%s} on a register of %d bits: no access fits into it; right would be width = %d, or sizes = {%d}",
      table.concat(reg.own_sizes, ", "), reg.width, 8 * reg.own_sizes[1], reg.width / 8)
  end
  if reg.sync and not hook then add("sync = true, but there is no write hook to wait for") end
  if reg.enable and not reg.vector then
    add("enable = %q without vector; right would be vector = 0 as well", reg.enable)
  end
  if reg.alias and (reg.fields_given or reg.reset_given) then
    add("an alias has its target's %s; leave them out here", reg.fields_given and "fields" or "reset value")
  end
end

-- PCIe 6.0 §2.2.7: a configuration request is one dword; so no register of it is wider, or across two.
local function check_config_place(reg, add)
  if reg.width > 32 then
    add("width = %d; configuration space is read and written by 32 bits at most", reg.width)
  elseif reg.offset % reg.size ~= 0 then
    add("offset %s; a configuration register of %d bits is at a multiple of %d", numbers.hex(reg.offset, 8),
      reg.width, reg.size)
  elseif reg.vector or reg.enable then
    add("an interrupt follows registers of a BAR, not of configuration space")
  elseif reg.sync then
    add("sync = true: writes to configuration space are never posted; leave it out")
  else
    return true
  end
  return false
end

local function stride_too_small(stride, size, add)
  add("array stride = %d is less than the register's %d bytes: its elements overlap", stride, size)
  return false
end

-- Where element i of a register stands in its BAR.
function M.place(reg, i)
  if not reg.inner then return reg.offset + i * reg.stride end
  return reg.offset + math.floor(i / reg.inner) * reg.stride + i % reg.inner * reg.inner_stride
end

local function check_place(reg, add)
  if reg.offset_unknown then return false end
  if not reg.offset then
    add("no offset; right would be { 0x00, rw, … }")
    return false
  end
  if type(reg.offset) ~= "number" then reg.offset = tonumber(reg.offset) end
  if reg.offset < 0 then
    add("offset %s is below 0", tostring(reg.offset))
    return false
  end
  reg.size = reg.width / 8
  if reg.bar.is_config and not check_config_place(reg, add) then return false end
  reg.stride = reg.stride or reg.size
  if reg.is_array and not reg.inner and reg.stride < reg.size then
    return stride_too_small(reg.stride, reg.size, add)
  end
  local last = M.place(reg, reg.count - 1) + reg.size
  if last > reg.bar.size then
    add("%s is beyond the end of %s, which is %s",
      reg.is_array and ("element %d (ends at %s)"):format(reg.count - 1, numbers.hex(last))
      or "offset " .. numbers.hex(reg.offset), reg.bar.title, numbers.size_text(reg.bar.size))
    return false
  end
  return true
end

-- A row of a group is an array, an element a group, and stands @group.offset further on. A row that is an array
-- itself has reg.inner elements in each group.
local function place_in_group(reg, group, add)
  local size = reg.width / 8
  local span = size
  if reg.is_array then
    reg.inner, reg.inner_stride = reg.count, reg.stride or size
    if reg.inner_stride < size then return stride_too_small(reg.inner_stride, size, add) end
    span = (reg.inner - 1) * reg.inner_stride + size
  end
  reg.count, reg.stride = group.count * (reg.inner or 1), group.stride
  reg.is_array = group.is_array or reg.is_array
  if type(reg.offset) == "number" and reg.offset >= 0 then
    if group.is_array and reg.offset + span > group.stride then
      add(reg.inner and reg.offset < group.stride and "the array at offset %s reaches beyond the group's stride of %s"
        or "offset %s is beyond the group's stride of %s", numbers.hex(reg.offset, 8), numbers.hex(group.stride))
      return false
    end
    reg.offset = reg.offset + group.offset
  end
  return true
end

-- Read row @name = @t of @bar. @entry: the row in the source, for lines; @mistakes takes what is wrong.
-- @group: the group it stands in, or nil. Returns the register's record, or nil if it has no place.
function M.parse(bar, name, t, entry, mistakes, group)
  local reg = {
    name = group and group.name .. "." .. tostring(name) or name, bar = bar, file = bar.file,
    line = entry and entry.line or bar.line, last = entry and entry.last,
    width = bar.width or 32, sizes = bar.sizes, count = 1,
    given = t,
  }
  local function add(fmt, ...) mistakes:add(reg, tostring(reg.name), fmt, ...) end
  if is_unknown(t) then return nil end
  if type(name) ~= "string" then
    add("a row without a name; right would be name = { 0x00, rw }")
    return nil
  end
  if keywords[name] then
    add("'%s' is a word of Lua, so that dev.%s is none; right would be %s_", name, name, name)
  elseif not name:match("^[%a_][%w_]*$") then
    add("a register's name has letters, digits and _ only, so that dev.%s is Lua", name:gsub("[^%w_]", "_"))
  end
  if type(t) ~= "table" or access.kind(t) then
    add("is %s; a row is a table: { offset, access, reset, \"doc\", {fields}, options }", describe(t))
    return nil
  end
  local seen = {}
  for i = 1, table.maxn(t) do
    if t[i] ~= nil then take_positional(reg, t[i], seen, add) end
  end
  local keys = {}
  for key in pairs(t) do
    if type(key) == "string" then keys[#keys + 1] = key end
  end
  table.sort(keys)
  for _, key in ipairs(keys) do take_option(reg, key, t[key], add) end
  check_sense(reg, add)
  local placed = not group or place_in_group(reg, group, add)
  placed = placed and check_place(reg, add)
  if reg.fields_given then
    local lines, twice = source.keys(source.fields_node(entry))
    fields.parse(reg, reg.fields_given, lines, twice, mistakes)
  end
  return placed and reg or nil
end

return M
