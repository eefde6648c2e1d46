-- SPDX-License-Identifier: MIT
-- ipxact_read.lua: the memory maps of an IP-XACT component (IEEE 1685-2009, 2014, 2022) as a chip (chip.lua). A map
-- becomes a space; its address blocks stand in it at their base addresses. SystemRDL comes this way, by PeakRDL.
--
-- Try it:  ./moonbar import --list FILE.xml
local bit = require "bit"
local chips = require "moonbar.formats.chip"
local xml = require "moonbar.formats.xml"

local M = {}

-- What 2022 lets a file define once and refer to, and expressions with parameters, are not read.
local function refuse_references(node)
  for _, c in ipairs(node) do
    if c.tag:match("DefinitionRef$") then
      xml.fail(c.line, "%s: definitions in another place are not supported; right would be the %s itself", c.tag,
        (c.tag:gsub("DefinitionRef$", "")))
    end
  end
end

local function named(node)
  return node:value "name" or xml.fail(node.line, "%s without a name", node.tag)
end

local function small(node, tag, max, default)
  local c = node:child(tag)
  if not c then
    return default or xml.fail(node.line, "%s %s: no %s", node.tag, node:value "name" or "", tag)
  end
  return chips.small(c, tag, max or 2 ^ 40)
end

-- { count, stride } of <dim> (several multiply) or <array>, or nil; @size: bytes from one to the next if not said.
local function dim_of(node, size)
  local array = node:child "array"
  local count, any = 1, false
  for dim in (array or node):each "dim" do
    count, any = count * chips.small(dim, "dim", chips.MAX_ROWS), true
  end
  if not any then return nil end
  if count < 1 or count > chips.MAX_ROWS then xml.fail(node.line, "%s: dim is %d", named(node), count) end
  return { count = count, stride = array and array:child "stride" and small(array, "stride") or size }
end

-- ---- fields -------------------------------------------------------------------------------------

-- The reset value in <resets><reset> or <reset>, the first or the hard one; nil if none.
local function reset_of(node)
  local reset = node:child "reset"
  if node:child "resets" then
    for r in node:child("resets"):each "reset" do
      local kind = r.attributes.resetTypeRef
      if not reset or not kind or kind == "HARD" then reset = r end
    end
  end
  local value = reset and reset:child "value"
  if not value then return nil end
  local mask = reset:child "mask"
  return bit.band(chips.number(value, "reset value"), mask and chips.number(mask, "reset mask") or bit.bnot(0ULL))
end

local function enum_of(f, node)
  local list = node:child "enumeratedValues"
  if not list then return end
  f.enum, f.enum_docs = {}, {}
  for v in list:each "enumeratedValue" do
    local value = small(v, "value", 2 ^ 32)
    if f.enum[value] == nil then
      f.enum[value] = chips.name(named(v))
      f.enum_docs[value] = v:value "description"
    end
  end
end

local function field_of(row, node, defaults)
  refuse_references(node)
  local lo, width = small(node, "bitOffset", 63), small(node, "bitWidth", 64)
  if width == 0 then xml.fail(node.line, "field %s: bitWidth is 0", named(node)) end
  local f = { name = chips.name(named(node)), lo = lo, hi = lo + width - 1, doc = node:value "description",
    line = node.line }
  if node:value "reserved" == "true" then f.name = "reserved" end
  local policy = node:child "fieldAccessPolicies"
  policy = policy and policy:child "fieldAccessPolicy" or node
  f.access = chips.word(node.line, policy:value "access" or defaults.access, policy:value "modifiedWriteValue",
    policy:value "readAction", function(text) row.notes[#row.notes + 1] = ("%s: %s"):format(f.name, text) end)
  f.volatile = node:value "volatile" == "true" or nil
  enum_of(f, node)
  local reset = reset_of(node)
  if reset then
    local mask = bit.bnot(bit.lshift(bit.lshift(bit.bnot(0ULL), width - 1), 1))
    row.reset = bit.bor(row.reset, bit.lshift(bit.band(reset, mask), lo))
  end
  return f
end

-- ---- registers ----------------------------------------------------------------------------------

local function access_of(node, defaults)
  local policy = node:child "accessPolicies"
  policy = policy and policy:child "accessPolicy" or node
  return policy:value "access" or defaults.access
end

local function width_of(row, bits)
  if bits == 8 or bits == 16 or bits == 32 or bits == 64 then return bits end
  if bits > 64 then xml.fail(row.line, "register %s has %d bits; at most 64", row.name, bits) end
  row.notes[#row.notes + 1] = ("%d bits wide"):format(bits)
  return bits < 8 and 8 or bits < 16 and 16 or bits < 32 and 32 or 64
end

local function row_of(node, defaults, at)
  refuse_references(node)
  local row = { name = chips.name(at.prefix .. named(node)), doc = node:value "description", notes = {},
    line = node.line, reset = 0ULL, short_name = chips.name(named(node)) }
  row.offset = small(node, "addressOffset") + at.offset
  row.width = width_of(row, small(node, "size", 4096, defaults.width))
  local inherited = { access = access_of(node, defaults) }
  row.access = chips.word(node.line, inherited.access, nil, nil, function() end)
  row.volatile = node:value "volatile" == "true" or nil
  row.reset = reset_of(node) or 0ULL
  row.fields = {}
  for c in node:each "field" do row.fields[#row.fields + 1] = field_of(row, c, inherited) end
  for c in (node:child "alternateRegisters" or xml.node("none", 0)):each "alternateRegister" do
    row.notes[#row.notes + 1] = ("another view of it: %s"):format(named(c))
  end
  return chips.finish_row(row)
end

local add_members

local function add_register(ctx, out, node, defaults, at)
  ctx.count(node)
  local row = row_of(node, defaults, at)
  local dim = dim_of(node, row.width / 8)
  if dim then row.count, row.stride = dim.count, dim.stride end
  out[#out + 1] = row
end


local function add_file(ctx, out, node, defaults, at)
  refuse_references(node)
  ctx.count(node)
  local name, offset = named(node), small(node, "addressOffset") + at.offset
  local dim = dim_of(node, small(node, "range"))
  if at.in_group or not dim and node:child "registerFile" then
    for i = 0, (dim and dim.count or 1) - 1 do
      local prefix = at.prefix .. name .. (dim and i or "") .. "_"
      add_members(ctx, out, node, defaults, { prefix = prefix, offset = offset + i * (dim and dim.stride or 0),
        in_group = at.in_group })
    end
    return
  end
  local group = { name = chips.name(at.prefix .. name), offset = offset, is_group = true, count = dim and dim.count,
    stride = dim and dim.stride, doc = node:value "description", rows = {}, line = node.line }
  add_members(ctx, group.rows, node, defaults, { prefix = "", offset = 0, in_group = true })
  if #group.rows > 0 then out[#out + 1] = group end
end

function add_members(ctx, out, node, defaults, at)
  for _, c in ipairs(node) do
    if c.tag == "register" then add_register(ctx, out, c, defaults, at) end
    if c.tag == "registerFile" then add_file(ctx, out, c, defaults, at) end
  end
end

-- ---- memory maps --------------------------------------------------------------------------------

local function space_of(ctx, map)
  local space = { name = named(map), doc = map:value "description", rows = {}, notes = {}, line = map.line, size = 0 }
  local blocks, lowest = {}, nil
  refuse_references(map)
  for block in map:each "addressBlock" do
    refuse_references(block)
    local base = small(block, "baseAddress", 2 ^ 52)
    blocks[#blocks + 1] = { node = block, base = base }
    lowest = math.min(lowest or base, base)
  end
  space.base = lowest or 0
  for _, b in ipairs(blocks) do
    local offset = b.base - space.base
    local prefix = #blocks > 1 and named(b.node) .. "_" or ""
    space.doc = space.doc or b.node:value "description"
    local defaults = { access = access_of(b.node, {}), width = small(b.node, "width", 4096, 32) }
    add_members(ctx, space.rows, b.node, defaults, { prefix = prefix, offset = offset })
    space.size = math.max(space.size, offset + small(b.node, "range", 2 ^ 52, 0))
  end
  return space
end

-- The chip of a tree whose root is <component>. @wanted: as of svd_read.lua, names of memory maps.
function M.chip(root, wanted)
  local maps = root:child "memoryMaps" or xml.fail(root.line, "<component> without <memoryMaps>")
  local chip = { name = root:value "name" or "component", doc = root:value "description",
    vendor = root:value "vendor", spaces = {}, format = "IP-XACT" }
  local n = 0
  local ctx = { count = function(node)
    n = n + 1
    if n > chips.MAX_ROWS then xml.fail(node.line, "more than %d registers", chips.MAX_ROWS) end
  end }
  for map in maps:each "memoryMap" do
    local unit = map:child "addressUnitBits"
    if unit and chips.small(unit, "addressUnitBits", 1024) ~= 8 then
      xml.fail(unit.line, "addressUnitBits is %s; only 8, bytes, is supported", unit.text)
    end
    if not wanted or wanted[named(map)] then chip.spaces[#chip.spaces + 1] = space_of(ctx, map)
    else chip.spaces[#chip.spaces + 1] = { name = named(map), doc = map:value "description", skipped = true } end
  end
  return chip
end

return M
