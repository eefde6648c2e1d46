-- SPDX-License-Identifier: MIT
-- svd_read.lua: CMSIS-SVD 1.0 to 1.3 as a chip (chip.lua): derivedFrom, dim lists, clusters in clusters, inherited
-- sizes and accesses. Of a file that moonbar export wrote, it also reads what SVD has no words for.
--
-- Try it:  ./moonbar import --list FILE.svd
local bit = require "bit"
local chips = require "moonbar.formats.chip"
local xml = require "moonbar.formats.xml"

local M = {}

-- ---- derivedFrom --------------------------------------------------------------------------------

-- What a node derived from @base has: its own children, and the base's of other kinds; of containers, both, by name.
local containers = { registers = true, fields = true }

local function merge(node, base)
  local merged = xml.node(node.tag, node.line)
  merged.attributes, merged.parent, merged.text = node.attributes, node.parent, node.text
  local own, names = {}, {}
  for _, c in ipairs(node) do
    own[c.tag] = c
    if c:child "name" then names[c:value "name" or ""] = true end
  end
  local in_container = containers[node.tag]
  for _, c in ipairs(base) do
    local there = in_container and names[c:value "name" or ""] or not in_container and own[c.tag]
    if not there then merged[#merged + 1] = c
    elseif containers[c.tag] then merged[#merged + 1] = merge(own[c.tag], c) end
  end
  for _, c in ipairs(node) do
    if in_container or not (containers[c.tag] and base:child(c.tag)) then merged[#merged + 1] = c end
  end
  return merged
end

-- @node, with what it is derived from; find(path) gives the node of a name.
local function derive(node, find, seen)
  local from = node.attributes.derivedFrom
  if not from then return node end
  seen = seen or {}
  if seen[node] then xml.fail(node.line, "derivedFrom %q goes in a circle", from) end
  seen[node] = true
  local base = find(from)
  if not base then xml.fail(node.line, "derivedFrom %q: there is no %s of that name", from, node.tag) end
  return merge(node, derive(base, find, seen))
end

-- Among the children of @parent, those of @tag with that name; a path's last part is the name.
local function by_name(parent, tag, path)
  local name = path:match("([^.]+)$")
  for c in parent:each(tag) do
    if c:value "name" == name then return c end
  end
end

-- ---- what is inherited --------------------------------------------------------------------------

local function inherit(props, node)
  local p = setmetatable({}, { __index = props })
  local c = node:child "size"
  if c then p.size = chips.small(c, "size", 64) end
  c = node:child "resetValue"
  if c then p.reset = chips.number(c, "resetValue") end
  c = node:child "resetMask"
  if c then p.mask = chips.number(c, "resetMask") end
  p.access = node:value "access" or props.access
  return p
end

-- ---- dim ----------------------------------------------------------------------------------------

local MAX_DIM = 65536

-- dimIndex "0-3", "A-D", "A,B,C" as a list of @n; without one 0 to n - 1.
local function dim_names(node, n)
  local text = node:value "dimIndex"
  local list = {}
  if not text then
    for i = 0, n - 1 do list[#list + 1] = tostring(i) end
    return list
  end
  local a, b = text:match("^(%d+)%-(%d+)$")
  if a then
    for i = tonumber(a), math.min(tonumber(b), tonumber(a) + MAX_DIM) do list[#list + 1] = tostring(i) end
  elseif text:match("^%a%-%a$") then
    for i = text:byte(1), text:byte(3) do list[#list + 1] = string.char(i) end
  else
    for name in text:gmatch("[^,%s]+") do list[#list + 1] = name end
  end
  if #list ~= n then
    xml.fail(node:child("dimIndex").line, "dimIndex %q names %d, and dim is %d", text, #list, n)
  end
  return list
end

-- { count, stride, names, is_plain } of a node with dim, or nil. Plain: 0 to n - 1, the number at the name's end.
local function dim_of(node)
  local dim = node:child "dim"
  if not dim then return nil end
  local step = node:child "dimIncrement" or xml.fail(node.line, "dim without dimIncrement")
  local d = { count = chips.small(dim, "dim", MAX_DIM), stride = chips.small(step, "dimIncrement", 2 ^ 32) }
  if d.count == 0 then xml.fail(dim.line, "dim is 0; right would be 1 or more") end
  d.names = dim_names(node, d.count)
  d.is_plain = (node:value "name" or ""):match("%[?%%s%]?$") ~= nil
  for i, name in ipairs(d.names) do d.is_plain = d.is_plain and name == tostring(i - 1) end
  return d
end

local function named(node)
  return node:value "name" or xml.fail(node.line, "a %s without a name", node.tag)
end

local function without_dim(name) return (name:gsub("_?%[?%%s%]?_?$", ""):gsub("%[?%%s%]?", "")) end
local function with_dim(name, part)
  return (name:gsub("%[%%s%]", "_" .. part):gsub("%%s", (part:gsub("%%", "%%%%"))))
end

-- ---- fields -------------------------------------------------------------------------------------

local function bit_range(node)
  local range = node:value "bitRange"
  if range then
    local hi, lo = range:match("^%[(%d+):(%d+)%]$")
    if not hi then xml.fail(node:child("bitRange").line, "bitRange %q; right would be [7:0]", range) end
    return tonumber(lo), tonumber(hi)
  end
  local lsb, msb = node:child "lsb", node:child "msb"
  if lsb and msb then return chips.small(lsb, "lsb", 63), chips.small(msb, "msb", 63) end
  local offset, width = node:child "bitOffset", node:child "bitWidth"
  if not offset then xml.fail(node.line, "field %s: no bitRange, lsb and msb, or bitOffset", named(node)) end
  local lo = chips.small(offset, "bitOffset", 63)
  local n = width and chips.small(width, "bitWidth", 64) or 1
  if n == 0 then xml.fail(width.line, "field %s: bitWidth is 0", named(node)) end
  return lo, lo + n - 1
end

local function find_enum(node, path)
  local name = path:match("([^.]+)$")
  local top = node
  while top.parent do top = top.parent end
  local function search(at)
    for _, c in ipairs(at) do
      if c.tag == "enumeratedValues" and (c:value "name" == name or at:value "name" == name) then return c end
      local found = search(c)
      if found then return found end
    end
  end
  return search(top)
end

local function enum_of(ctx, field, f)
  local values = field:child "enumeratedValues"
  if not values then return end
  values = derive(values, function(path) return find_enum(field, path) end)
  f.enum, f.enum_docs = {}, {}
  for v in values:each "enumeratedValue" do
    local at = v:child "value"
    local n = at and at.text and chips.parse_number(at.text)
    if at and not n and not (at.text or ""):match("^#?[01xX]+$") then chips.number(at, "value") end
    if n and n < 2 ^ 32 and f.enum[tonumber(n)] == nil then          -- "don't care" bits have no name of one value
      local doc, name = v:value "description", v:value "name"
      n = tonumber(n)
      f.enum[n] = ctx.exact and (doc or name) or chips.name(name or doc or tostring(n))
      f.enum_docs[n] = not ctx.exact and doc or nil
    end
  end
end

local function add_fields(ctx, row, node, word)
  local list = node:child "fields"
  if not list then return end
  row.fields = {}
  for original in list:each "field" do
    local field = derive(original, function(path) return by_name(list, "field", path) end)
    local lo, hi = bit_range(field)
    if hi < lo then xml.fail(field.line, "field %s: bits %d to %d", named(field), hi, lo) end
    local dim = dim_of(field) or { count = 1, stride = 0 }
    for i = 0, dim.count - 1 do
      local name = named(field)
      if dim.names then name = with_dim(name, dim.names[i + 1]) end
      local f = { name = chips.name(name, ctx.exact), lo = lo + i * dim.stride, hi = hi + i * dim.stride,
        doc = field:value "description", line = field.line }
      f.access = word(field, function(text)
        row.notes[#row.notes + 1] = ("%s: %s"):format(f.name, text)
      end)
      enum_of(ctx, field, f)
      row.fields[#row.fields + 1] = f
    end
  end
end

-- ---- registers ----------------------------------------------------------------------------------

local function row_of(ctx, node, props, name)
  local p = inherit(props, node)
  local offset = node:child "addressOffset" or xml.fail(node.line, "register %s: no addressOffset", name)
  local row = { name = chips.name(name, ctx.exact), offset = chips.small(offset, "addressOffset", 2 ^ 40),
    width = p.size or 32, doc = node:value "description", line = node.line, notes = {}, exact = ctx.exact }
  row.short_name = chips.name(named(node), ctx.exact)
  if row.doc == name then row.doc = nil end
  if row.width ~= 8 and row.width ~= 16 and row.width ~= 32 and row.width ~= 64 then
    local wide = row.width
    row.width = wide < 8 and 8 or wide < 16 and 16 or wide < 32 and 32 or 64
    row.notes[1] = ("%d bits wide"):format(wide)
  end
  row.reset = bit.band(p.reset or 0ULL, p.mask or bit.bnot(0ULL))
  local modified, read = node:value "modifiedWriteValues", node:value "readAction"
  local function note(text) row.notes[#row.notes + 1] = text end
  row.access = chips.word(node.line, p.access, modified, read, note)
  add_fields(ctx, row, node, function(field, of_field)
    return chips.word(field.line, field:value "access" or p.access, field:value "modifiedWriteValues" or modified,
      field:value "readAction" or read, of_field)
  end)
  return row
end

local add_members

local function copy(row)
  local t = {}
  for k, v in pairs(row) do t[k] = v end
  t.notes, t.fields = {}, row.fields and {} or nil
  for i, note in ipairs(row.notes) do t.notes[i] = note end
  for i, f in ipairs(row.fields or {}) do
    t.fields[i] = {}
    for k, v in pairs(f) do t.fields[i][k] = v end
  end
  return t
end

-- Put @row into @out, one for each of its dim, or as an array where that may be.
local function add_register(ctx, out, node, props, at)
  local name, dim = named(node), dim_of(node)
  if not dim then
    local row = row_of(ctx, node, props, at.prefix .. name)
    row.offset = row.offset + at.offset
    out[#out + 1] = chips.finish_row(row)
  elseif dim.is_plain then
    local row = row_of(ctx, node, props, at.prefix .. without_dim(name))
    row.offset, row.count, row.stride = row.offset + at.offset, dim.count, dim.stride
    if dim.stride < row.width / 8 then
      xml.fail(node.line, "%s: dimIncrement %d is less than its %d bytes", name, dim.stride, row.width / 8)
    end
    out[#out + 1] = chips.finish_row(row)
  else
    local model = row_of(ctx, node, props, name)
    for i = 0, dim.count - 1 do
      ctx.count(node)
      local row = copy(model)
      row.name = chips.name(at.prefix .. with_dim(name, dim.names[i + 1]), ctx.exact)
      row.offset = model.offset + at.offset + i * dim.stride
      out[#out + 1] = chips.finish_row(row)
    end
  end
end


-- A group's row set is as wide as its stride lets it.
local function fits_stride(rows, stride)
  for _, row in ipairs(rows) do
    if row.offset + ((row.count or 1) - 1) * (row.stride or 0) + row.width / 8 > stride then return false end
  end
  return true
end

local function add_cluster(ctx, out, node, props, at)
  local name, dim, p = named(node), dim_of(node), inherit(props, node)
  local offset_node = node:child "addressOffset"
  local offset = at.offset + (offset_node and chips.small(offset_node, "addressOffset", 2 ^ 40) or 0)
  local function flat(prefix, from)
    add_members(ctx, out, node, p, { prefix = prefix, offset = from, in_group = at.in_group })
  end
  if at.in_group or not dim and node:child "cluster" then
    if not dim then return flat(at.prefix .. name .. "_", offset) end
  elseif not dim or dim.is_plain then
    local group = { name = chips.name(at.prefix .. without_dim(name), ctx.exact), offset = offset, is_group = true,
      count = dim and dim.count, stride = dim and dim.stride, doc = node:value "description", rows = {},
      line = node.line, exact = ctx.exact }
    add_members(ctx, group.rows, node, p, { prefix = "", offset = 0, in_group = true })
    if #group.rows == 0 then return end
    if not dim or fits_stride(group.rows, dim.stride) then
      out[#out + 1] = group
      return
    end
  end
  for i = 0, dim.count - 1 do
    flat(at.prefix .. with_dim(name, dim.names[i + 1]) .. "_", offset + i * dim.stride)
  end
end

-- Registers and clusters inside @node into @out. @at: { prefix =, offset =, in_group = }
function add_members(ctx, out, node, props, at)
  for _, original in ipairs(node) do
    if original.tag == "register" or original.tag == "cluster" then
      local c = derive(original, function(path)
        return by_name(node, original.tag, path) or ctx.find(original.tag, path)
      end)
      ctx.count(c)
      if c.tag == "register" then add_register(ctx, out, c, props, at)
      else add_cluster(ctx, out, c, props, at) end
    end
  end
end

-- ---- peripherals --------------------------------------------------------------------------------

local function space_of(ctx, node, props)
  local p = inherit(props, node)
  local base = node:child "baseAddress" or xml.fail(node.line, "peripheral %s: no baseAddress", named(node))
  local space = { name = named(node), doc = node:value "description", base = chips.number(base, "baseAddress"),
    rows = {}, notes = {}, line = node.line, size = 0 }
  for block in node:each "addressBlock" do
    local offset, size = block:child "offset", block:child "size"
    if offset and size and block:value "usage" ~= "reserved" then
      space.size = math.max(space.size, chips.small(offset, "offset", 2 ^ 40) + chips.small(size, "size", 2 ^ 40))
    end
  end
  local registers = node:child "registers"
  if registers then add_members(ctx, space.rows, registers, p, { prefix = "", offset = 0 }) end
  return space
end

-- A register or cluster by its path, "UART0.CTRL", anywhere in the device.
local function finder(peripherals)
  return function(tag, path)
    local owner = path:match("^([^.]+)%.")
    for p in peripherals:each "peripheral" do
      local registers = (not owner or p:value "name" == owner) and p:child "registers"
      local found = registers and by_name(registers, tag, path)
      if found then return found end
    end
  end
end

-- The chip of a tree whose root is <device>. @wanted: { [name] = true } of the peripherals whose registers are to be
-- read, or nil for all.
function M.chip(root, wanted)
  local peripherals = root:child "peripherals" or xml.fail(root.line, "<device> without <peripherals>")
  local extensions = root:child "vendorExtensions"
  local own = extensions and extensions:child "moonbar"
  local chip = { name = root:value "name" or "device", doc = root:value "description", vendor = root:value "vendor",
    spaces = {}, own = own, format = "CMSIS-SVD" }
  local n = 0
  local ctx = { exact = own ~= nil, find = finder(peripherals), count = function(node)
    n = n + 1
    if n > chips.MAX_ROWS then xml.fail(node.line, "more than %d registers", chips.MAX_ROWS) end
  end }
  local unit = root:child "addressUnitBits"
  if unit and chips.small(unit, "addressUnitBits", 1024) ~= 8 then
    xml.fail(unit.line, "addressUnitBits is %s; only 8, bytes, is supported", unit.text)
  end
  local props = inherit({}, root)
  for original in peripherals:each "peripheral" do
    local node = derive(original, function(path) return by_name(peripherals, "peripheral", path) end)
    if not wanted or wanted[named(node)] then chip.spaces[#chip.spaces + 1] = space_of(ctx, node, props)
    else chip.spaces[#chip.spaces + 1] = { name = named(node), doc = node:value "description", skipped = true } end
  end
  return chip
end

return M
