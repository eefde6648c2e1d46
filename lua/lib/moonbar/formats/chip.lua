-- SPDX-License-Identifier: MIT
-- chip.lua: what an import reads, before it becomes Lua: register maps ("spaces") with rows and groups of rows. Here
-- names become ones that Lua and a reader like, access words are found, and rows that cannot stand beside each other
-- are told apart. svd_read.lua and ipxact_read.lua fill it, fold.lua shortens it, lua_write.lua writes it.
--
--   chip  = { name, doc, spaces = { space… }, pci = { … } or nil }
--   space = { name, doc, size, base, rows = { row or group… }, notes = { text… }, line }
--   row   = { name, offset, width, doc, access, reset, fields, count, stride, line, notes }
--   field = { name, lo, hi, access, enum = { [value] = name }, enum_docs, doc, line }
--   group = { name, offset, count, stride, doc, rows = { row… }, is_group = true }
--
-- Try it:  ./moonbar import --list FILE.svd
local bit = require "bit"
local numbers = require "moonbar.numbers"
local xml = require "moonbar.formats.xml"
local hex = numbers.hex

local M = {}

M.MAX_ROWS = 65536

-- ---- numbers ------------------------------------------------------------------------------------

local scale = { k = 2 ^ 10, m = 2 ^ 20, g = 2 ^ 30, t = 2 ^ 40 }

local function digits_value(digits, base)
  local v = 0ULL
  for c in digits:gmatch(".") do
    local d = tonumber(c, base)
    if not d then return nil end
    v = v * base + d
  end
  return v
end

-- Numbers as both formats write them: 10, 0x10, #0101, 0b01, 'h10, 32'h0000_0010, 4K. uint64_t, or nil.
function M.parse_number(text)
  text = text:gsub("[%s_]", ""):gsub("^%+", "")
  local digits, base = text:match("^0[xX](%x+)$"), 16
  if not digits then digits, base = text:match("^%d*'[sS]?[hH](%x+)$"), 16 end
  if not digits then digits, base = text:match("^#([01]+)$") or text:match("^0[bB]([01]+)$")
    or text:match("^%d*'[sS]?[bB]([01]+)$"), 2 end
  if not digits then digits, base = text:match("^%d*'[sS]?[oO]([0-7]+)$"), 8 end
  if not digits then digits, base = text:match("^%d*'[sS]?[dD](%d+)$") or text:match("^(%d+)[uUlL]*$"), 10 end
  if digits then return digits_value(digits, base) end
  local n, unit = text:match("^(%d+)([kKmMgGtT])$")
  if n then return digits_value(n, 10) * scale[unit:lower()] end
  if text == "true" then return 1ULL elseif text == "false" then return 0ULL end
end

-- The number in @node, which must be there; @what: for the message.
function M.number(node, what)
  local v = node.text and M.parse_number(node.text)
  if not v then
    xml.fail(node.line, "%s is %s; right would be a number", what, node.text and ("%q"):format(node.text) or "empty")
  end
  return v
end

-- The same as a Lua number that is at most @max.
function M.small(node, what, max)
  local v = M.number(node, what)
  if v > max then xml.fail(node.line, "%s is %s; at most %s", what, hex(v), hex(max)) end
  return tonumber(v)
end

-- ---- names --------------------------------------------------------------------------------------

local keywords = {}
for word in ("and break do else elseif end false for function if in local nil not or repeat return then true until "
  .. "while goto"):gmatch("%a+") do
  keywords[word] = true
end

-- A name as a device file has it: letters, digits and _, small letters unless @exact.
function M.name(text, exact)
  local name = tostring(text or ""):gsub("[^%w_]+", "_"):gsub("^_+(%a)", "%1")
  if not exact then name = name:gsub("__+", "_"):lower() end
  if name:match("^%d") or name == "" then name = "_" .. name end
  return keywords[name] and name .. "_" or name
end

-- A function that makes names different: the second "x" is "x_2".
function M.unique()
  local seen = {}
  return function(name)
    local n, unique = 1, name
    while seen[unique] do
      n = n + 1
      unique = name .. "_" .. n
    end
    seen[unique] = true
    return unique
  end
end

-- ---- access words -------------------------------------------------------------------------------

local on_write = { oneToClear = "w1c", oneToSet = "w1s", oneToToggle = "w1t", zeroToClear = "w0c", zeroToSet = "w0s",
  zeroToToggle = "w0t" }
local plain = { ["read-only"] = "ro", ["read-write"] = "rw", ["write-only"] = "wo", ["writeOnce"] = "wo",
  ["read-writeOnce"] = "once", ["no-access"] = "rsvd" }

-- The word for what the formats say in three; @note(text) is told what the word leaves out.
function M.word(line, access, modified, read, note)
  access = access or "read-write"
  local word = plain[access]
  if not word then
    xml.fail(line, "access %q; right would be read-only, read-write, write-only, writeOnce or read-writeOnce", access)
  end
  if on_write[modified] and word ~= "ro" then word = on_write[modified]
  elseif modified == "clear" or modified == "set" then note(("any write %ss it"):format(modified)) end
  if read == "clear" and word == "ro" then return "rc" end
  if read == "set" and word == "ro" then return "rs" end
  if read then note(("a read %s it"):format(read == "clear" and "clears" or read == "set" and "sets" or "changes")) end
  return word
end

-- ---- a row made sound ---------------------------------------------------------------------------

local function is_reserved_name(name)
  return name:match("^reserved") or name:match("^rsvd") or name:match("^res%d+$")
end

-- Fields in order, without those outside or over others, and without what is named "reserved".
local function sound_fields(row)
  local kept, unique = {}, M.unique()
  for i, f in ipairs(row.fields) do f.order = i end
  table.sort(row.fields, function(a, b)
    if a.lo ~= b.lo then return a.lo < b.lo end
    return a.order < b.order
  end)
  local reach
  for _, f in ipairs(row.fields) do
    if f.hi >= row.width then
      xml.fail(f.line, "field %s has bit %d; the register %s has %d", f.name, f.hi, row.name, row.width)
    elseif is_reserved_name(f.name:lower()) and not row.exact then
      row.dropped_reserved = true
    elseif reach and f.lo <= reach.hi then      -- the first stays
      row.notes[#row.notes + 1] = ("bits %d to %d are also %s"):format(f.hi, f.lo, f.name)
    else
      f.name = unique(f.name)
      kept[#kept + 1], reach = f, f
    end
  end
  row.fields = kept
end

-- Enum values that fit, each name once.
local function sound_enum(row, f)
  local names, unique, max = {}, M.unique(), 2 ^ (f.hi - f.lo + 1) - 1
  local values = {}
  for v in pairs(f.enum) do values[#values + 1] = v end
  table.sort(values)
  for _, v in ipairs(values) do
    if v <= max then names[v] = unique(f.enum[v])
    else row.notes[#row.notes + 1] = ("%s = %d (%s) does not fit into its bits"):format(f.name, v, f.enum[v]) end
  end
  f.enum = next(names) and names or nil
end

-- Bits that are 1 after a reset and that no field names get one, so that the register reads as it should.
local function name_reset_bits(row)
  local named = 0ULL
  for _, f in ipairs(row.fields) do
    if f.access ~= "rsvd" then named = bit.bor(named, numbers.mask(f.lo, f.hi)) end
  end
  local rest = bit.band(row.reset, bit.bnot(named))
  local at = 0
  while rest ~= 0ULL and at < row.width do
    if bit.band(bit.rshift(rest, at), 1ULL) == 1ULL then
      local last = at
      while last + 1 < row.width and bit.band(bit.rshift(rest, last + 1), 1ULL) == 1ULL do last = last + 1 end
      row.fields[#row.fields + 1] = { name = last == at and "fixed_" .. at or ("fixed_%d_%d"):format(last, at), lo = at,
        hi = last, access = "const", doc = "Named by no field; 1 after a reset" }
      at = last
    end
    at = at + 1
  end
  table.sort(row.fields, function(a, b) return a.lo < b.lo end)
end

-- A single field that is the whole register says no more than a register without fields.
local function without_single_field(row)
  local f = row.fields[1]
  if #row.fields ~= 1 or f.lo ~= 0 or row.exact then return end
  if f.name == row.name or f.name == row.short_name then f.name = "value" end
  if f.hi ~= row.width - 1 or f.enum then return end
  row.access, row.volatile, row.fields = f.access, row.volatile or f.volatile, nil
  if not row.doc then row.doc = f.doc
  elseif f.doc and f.doc ~= row.doc then row.details = f.doc end
end

-- Make one row whole: called by the readers when all of it is there.
function M.finish_row(row)
  row.notes = row.notes or {}
  row.reset = bit.band(row.reset or 0ULL, numbers.width_mask(row.width))
  if row.fields and #row.fields > 0 then
    sound_fields(row)
    for _, f in ipairs(row.fields) do
      if f.enum then sound_enum(row, f) end
    end
    if not row.alias then name_reset_bits(row) end
    without_single_field(row)
  end
  if row.fields and #row.fields == 0 then row.fields = nil end
  return row
end

-- ---- rows beside each other ---------------------------------------------------------------------

-- Call see(offset, size) for each element of @row, which stands @base further on.
local function elements(row, base, group, see)
  local stride = row.stride or row.width / 8
  for g = 0, (group and group.count or 1) - 1 do
    for i = 0, (row.count or 1) - 1 do
      see(base + g * (group and group.stride or 0) + row.offset + i * stride, row.width / 8)
    end
  end
end

-- Is each byte of @row free in @taken? The name that has one, or nil.
local function taken_by(taken, row, group)
  local other
  elements(row, group and group.offset or 0, group, function(offset, size)
    for at = offset, offset + size - 1 do other = other or taken[at] end
  end)
  return other
end

local function take(taken, row, group, name)
  elements(row, group and group.offset or 0, group, function(offset, size)
    for at = offset, offset + size - 1 do taken[at] = name end
  end)
end

local function note_overlap(space, row, group, other)
  local fields = {}
  for i, f in ipairs(row.fields or {}) do fields[i] = f.name end
  space.notes[#space.notes + 1] = ("%s at %s is another view of %s%s"):format(
    group and group.name .. "." .. row.name or row.name, hex((group and group.offset or 0) + row.offset, 8), other,
    #fields > 0 and ": " .. table.concat(fields, ", ") or "")
end

-- Keep the rows of @space off each other, and its size a BAR's; count elements.
function M.finish_space(space)
  local taken, kept, total, last = {}, {}, 0, 0
  local function keep(row, group)
    elements(row, group and group.offset or 0, group, function(offset, size)
      total, last = total + 1, math.max(last, offset + size)
      if last > 2 ^ 32 then
        xml.fail(row.line, "%s at %s: a register stands within 4 GiB of its map's begin", row.name, hex(offset))
      end
      if total > M.MAX_ROWS then xml.fail(row.line, "%s: more than %d registers", row.name, M.MAX_ROWS) end
    end)
    local other = taken_by(taken, row, group)
    if other then
      note_overlap(space, row, group, other)
      return false
    end
    take(taken, row, group, group and group.name .. "." .. row.name or row.name)
    return true
  end
  for _, row in ipairs(space.rows) do
    if row.is_group then
      local rows = {}
      for _, member in ipairs(row.rows) do
        if keep(member, row) then rows[#rows + 1] = member end
      end
      row.rows = rows
      if #rows > 0 then kept[#kept + 1] = row end
    elseif keep(row) then
      kept[#kept + 1] = row
    end
  end
  table.sort(kept, function(a, b) return a.offset < b.offset end)
  space.rows, space.registers = kept, total
  if space.exact_size then return end
  local size = 16
  while size < math.max(last, space.size or 0) do size = size * 2 end
  space.size = size
end

-- Make the names of all rows different, for which unique(name) is asked.
function M.name_rows(space, unique)
  for _, row in ipairs(space.rows) do
    row.name = unique(row.name)
    local of_member = M.unique()
    for _, member in ipairs(row.rows or {}) do member.name = of_member(member.name) end
  end
end

return M
