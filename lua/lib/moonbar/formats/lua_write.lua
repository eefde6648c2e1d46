-- SPDX-License-Identifier: MIT
-- lua_write.lua: a chip (chip.lua) as a device file: columns that line up, a row on a line where it fits, fields one
-- below the other where it does not, what is long as comments above.
--
-- Try it:  ./moonbar import FILE.svd
local access = require "moonbar.access"
local numbers = require "moonbar.numbers"
local hex = numbers.hex

local M = {}

local MAX, LONG = 118, 84       -- columns of a line; a doc string longer than this becomes a comment

-- ---- pieces of Lua ------------------------------------------------------------------------------

local function quote(text)
  return '"' .. text:gsub('[\\"]', "\\%0"):gsub("\n", "\\n"):gsub("%c", function(c)
    return ("\\%03d"):format(c:byte())
  end) .. '"'
end

local function columns(text)
  return select(2, text:gsub("[^\128-\191]", ""))
end

-- 4*KiB, 1*MiB, 0x30
local function size_text(n)
  for _, unit in ipairs { { 2 ^ 30, "GiB" }, { 2 ^ 20, "MiB" }, { 2 ^ 10, "KiB" } } do
    if n >= unit[1] and n % unit[1] == 0 then return ("%d*%s"):format(n / unit[1], unit[2]) end
  end
  return ("%d"):format(n)
end

-- @text as comment lines of at most MAX columns.
local function comment(out, indent, text)
  local line = indent .. "--"
  for word in text:gsub("%c", " "):gmatch("%S+") do
    if columns(line) + 1 + columns(word) > MAX and not line:match("%-%-$") then
      out[#out + 1] = line
      line = indent .. "--"
    end
    line = line .. " " .. word
  end
  out[#out + 1] = line
end

local function list_text(list) return "{" .. table.concat(list, ", ") .. "}" end

-- ---- fields -------------------------------------------------------------------------------------

local function enum_values(f)
  local values = {}
  for v in pairs(f.enum) do values[#values + 1] = v end
  table.sort(values)
  return values
end

-- [0] = "off", "on", [4] = "auto"
local function enum_parts(f)
  local parts, expected = {}, nil
  for _, v in ipairs(enum_values(f)) do
    local key = v == expected and v > 0 and "" or ("[%d] = "):format(v)
    parts[#parts + 1] = { key .. quote(f.enum[v]), v }
    expected = (v == 0 or key == "" or v == 1) and v + 1 or nil
    if key ~= "" and v > 1 then expected = nil end
  end
  return parts
end

local function field_options(f)
  local list = {}
  if f.sticky then list[#list + 1] = "sticky = true" end
  if f.volatile then list[#list + 1] = "volatile = true" end
  return list
end

local function field_head(f)
  return f.hi == f.lo and ("%s(%d"):format(f.access, f.lo) or ("%s(%d, %d"):format(f.access, f.hi, f.lo)
end

-- rw(7, 4, { [0] = "off", "on" }, "doc")
local function field_text(f, with_doc)
  local text, inner = field_head(f), {}
  if f.enum then
    for _, part in ipairs(enum_parts(f)) do inner[#inner + 1] = part[1] end
  end
  for _, option in ipairs(field_options(f)) do inner[#inner + 1] = option end
  if #inner > 0 then text = text .. ", { " .. table.concat(inner, ", ") .. " }" end
  if with_doc and f.doc then text = text .. ", " .. quote(f.doc) end
  return text .. ")"
end

local function is_key(name) return name:match("^[%a_][%w_]*$") end
local function key_text(name) return is_key(name) and name or ("[%s]"):format(quote(name)) end

local function has_enum_docs(f)
  for v, doc in pairs(f.enum_docs or {}) do
    if doc:lower():gsub("[^%w]", "") ~= (f.enum[v] or ""):lower():gsub("[^%w]", "") then return true end
  end
  return false
end

-- A field whose values are worth a line each.
local function long_enum(out, indent, f, name)
  if f.doc then comment(out, indent, f.doc) end
  out[#out + 1] = ("%s%s = %s, {"):format(indent, name, field_head(f))
  local parts, wide = enum_parts(f), 0
  for _, part in ipairs(parts) do wide = math.max(wide, math.min(#part[1], 32)) end
  for _, part in ipairs(parts) do
    local doc = f.enum_docs and f.enum_docs[part[2]]
    local line = ("%s  %s,"):format(indent, part[1])
    local padded = line .. (" "):rep(wide - #part[1])
    if doc and columns(padded) + columns(doc) + 5 <= MAX then line = ("%s  -- %s"):format(padded, doc)
    elseif doc then comment(out, indent .. "  ", doc) end
    out[#out + 1] = line
  end
  for _, option in ipairs(field_options(f)) do out[#out + 1] = ("%s  %s,"):format(indent, option) end
  out[#out + 1] = indent .. "}),"
end

local function field_lines(out, indent, fields)
  local wide = 0
  for _, f in ipairs(fields) do wide = math.max(wide, math.min(#key_text(f.name), 20)) end
  for _, f in ipairs(fields) do
    local name = key_text(f.name)
    name = name .. (" "):rep(wide - #name)
    local line = ("%s%s = %s,"):format(indent, name, field_text(f, true))
    if f.enum and (has_enum_docs(f) or columns(field_text(f)) > 90) then
      long_enum(out, indent, f, name)
    elseif columns(line) <= MAX then
      out[#out + 1] = line
    else
      if f.doc then comment(out, indent, f.doc) end
      out[#out + 1] = ("%s%s = %s,"):format(indent, name, field_text(f, false))
    end
  end
end

-- All fields on one line, if they are few and plain.
local function short_fields(fields)
  local parts = {}
  for _, f in ipairs(fields) do
    if f.enum and has_enum_docs(f) then return nil end
    parts[#parts + 1] = key_text(f.name) .. " = " .. field_text(f, true)
  end
  if #parts == 0 then return "{}" end
  return "{ " .. table.concat(parts, ", ") .. " }"
end

-- ---- rows ---------------------------------------------------------------------------------------

local function row_options(row, space)
  local list = {}
  local function add(fmt, ...) list[#list + 1] = fmt:format(...) end
  if row.width ~= space.width then add("width = %d", row.width) end
  if row.count and (not row.stride or row.stride == row.width / 8) then add("array = %d", row.count)
  elseif row.count then
    add("array = {%d, stride = %s}", row.count, row.stride < 32 and row.stride or hex(row.stride))
  end
  if row.sizes then add("sizes = %s", list_text(row.sizes)) end
  if row.lock then add("lock = %s", quote(row.lock)) end
  if row.vector then add("vector = %s", #row.vector == 1 and row.vector[1] or list_text(row.vector)) end
  if row.enable then add("enable = %s", quote(row.enable)) end
  if row.sticky then add("sticky = true") end
  if row.volatile then add("volatile = true") end
  if row.exclude then add("exclude = %s", quote(row.exclude)) end
  if row.doorbell then add("doorbell = function(dev, value) end") end
  return list
end

-- A point after one of these does not end a sentence.
local abbreviations = { ["i.e"] = true, ["e.g"] = true, etc = true, vs = true, no = true, cf = true, fig = true }

-- What a long text comes down to in a row: its first sentence, if that is short.
local function short_doc(doc)
  local from = 1
  while true do
    local at = doc:find("%.%s", from)
    local word = at and doc:sub(1, at - 1):match("([%w.]+)%)?$")
    if not at or word and not abbreviations[word:lower()] then
      local first = at and doc:sub(1, at - 1) or doc
      return columns(first) <= LONG and first or nil
    end
    from = at + 1
  end
end

local function row_head(row, space, digits)
  local parts = { hex(row.offset, digits) }
  if row.alias then parts[2] = ("%s %s"):format(row.access, quote(row.alias))
  elseif row.doorbell or row.fields then parts[2] = nil
  else parts[2] = row.access end
  if not row.alias and not row.doorbell and row.reset ~= 0ULL then
    parts[#parts + 1] = hex(row.reset, row.width) .. (row.reset >= 2 ^ 53 and "ULL" or "")
  end
  local doc = row.doc
  if doc and columns(doc) > LONG and not row.exact then doc = short_doc(doc) end
  local options = row_options(row, space)
  if doc and (tonumber(doc) or access.words[doc]) then          -- as a string of its own it would look like a slip
    table.insert(options, 1, "doc = " .. quote(doc))
  elseif doc then
    parts[#parts + 1] = quote(doc)
  end
  return parts, options, doc
end

-- @pieces behind @start, as many on a line as fit; what does not stands below the first one. @tail: after the last.
local function flow(out, start, pieces, tail)
  local indent, line = (" "):rep(columns(start)), start
  for i, piece in ipairs(pieces) do
    local text = piece .. (i < #pieces and "," or tail)
    if line ~= start and line ~= indent and columns(line) + columns(text) + 1 > MAX then
      out[#out + 1] = line
      line = indent
    end
    if line == indent then line = (" "):rep(math.max(4, math.min(#indent, MAX - columns(text)))) .. text
    else line = line .. (line == start and "" or " ") .. text end
  end
  out[#out + 1] = line
end

local function append(list, more)
  for _, part in ipairs(more) do list[#list + 1] = part end
  return list
end

-- Fields without texts and values of their own, several on a line; nil if they are not.
local function plain_fields(fields)
  local parts = {}
  for i, f in ipairs(fields) do
    if f.doc or f.enum then return nil end
    parts[i] = key_text(f.name) .. " = " .. field_text(f, false)
  end
  return parts
end

local function plain_row(out, indent, row, space, wide, digits)
  local parts, options, doc = row_head(row, space, digits)
  if row.doc and doc ~= row.doc then comment(out, indent, row.doc) end
  if row.details then comment(out, indent, row.details) end
  for _, note in ipairs(row.notes or {}) do comment(out, indent, note) end
  local start = ("%s%s%s = { "):format(indent, row.name, (" "):rep(wide - #row.name))
  local pieces = append(parts, options)
  if not row.fields or row.alias then return flow(out, start, pieces, " },") end
  local short, plain = short_fields(row.fields), plain_fields(row.fields)
  if short and columns(short) + columns(start) <= MAX - 3 then
    flow(out, start, append(pieces, { short }), " },")
  elseif plain then
    flow(out, start, pieces, ",")
    flow(out, (" "):rep(columns(start)) .. "{ ", plain, " } },")
  else
    flow(out, start, append(pieces, { "{" }), "")
    field_lines(out, indent .. "  ", row.fields)
    out[#out + 1] = indent .. "} },"
  end
end

-- A row; what hooks it had stands after it as far as there is room, else above it.
local function row_lines(out, indent, row, space, wide, digits)
  local at = #out + 1
  plain_row(out, indent, row, space, wide, digits)
  if not row.hook then return end
  local text = "hook: " .. row.hook:gsub(",", ", ")
  if columns(out[#out]) + columns(text) + 5 <= MAX then out[#out] = ("%s  -- %s"):format(out[#out], text)
  else table.insert(out, at, ("%s-- %s"):format(indent, text)) end
end

local function widest(rows)
  local wide = 0
  for _, row in ipairs(rows) do
    if #row.name <= 24 then wide = math.max(wide, #row.name) end
  end
  return wide
end

local function digits_of(rows)
  local last = 0
  for _, row in ipairs(rows) do last = math.max(last, row.offset) end
  return last < 0x100 and 8 or last < 0x1000 and 12 or last < 0x10000 and 16 or 32
end

local function group_lines(out, group, space, digits)
  local long = group.doc and columns(group.doc) > LONG and not group.exact
  if long then comment(out, "  ", group.doc) end
  for _, note in ipairs(group.notes or {}) do comment(out, "  ", note) end
  local head = hex(group.offset, digits)
  if group.count then head = ("%s, { %d, stride = %s }"):format(head, group.count, hex(group.stride)) end
  if group.doc and not long then head = head .. ", " .. quote(group.doc) end
  out[#out + 1] = ("  %s = group(%s) {"):format(group.name, head)
  local wide = widest(group.rows)
  for _, row in ipairs(group.rows) do
    row_lines(out, "    ", row, space, math.max(wide, #row.name), digits_of(group.rows))
  end
  out[#out + 1] = "  },"
end

local function space_rows(out, space)
  local wide, digits = widest(space.rows), digits_of(space.rows)
  for _, row in ipairs(space.rows) do
    if row.is_group then group_lines(out, row, space, digits)
    else row_lines(out, "  ", row, space, math.max(wide, #row.name), digits) end
  end
  for _, note in ipairs(space.notes or {}) do comment(out, "  ", note) end
end

-- ---- the device ---------------------------------------------------------------------------------

local function option_text(key, v)
  if type(v) == "table" then return list_text(v) end
  if numbers.is_u64(v) then return hex(v) .. "ULL" end
  if type(v) == "number" and key ~= "vectors" and v > 9 then return hex(v) end
  return tostring(v)
end

local function cap_text(c)
  local keys, parts = {}, {}
  for k in pairs(c.options) do keys[#keys + 1] = k end
  table.sort(keys)
  for i, k in ipairs(keys) do parts[i] = ("%s = %s"):format(k, option_text(k, c.options[k])) end
  return ("cap.%s{%s}"):format(c.kind, #parts > 0 and " " .. table.concat(parts, ", ") .. " " or "")
end

local function only_vectors(c)
  for k in pairs(c.options) do
    if k ~= "vectors" then return false end
  end
  return c.options.vectors ~= nil
end

local function device_lines(out, name, pci)
  local parts = { ("id = %s"):format(quote(pci.id)) }
  local function add(fmt, ...) parts[#parts + 1] = fmt:format(...) end
  if pci.subsystem then add("subsystem = %s", quote(pci.subsystem)) end
  if pci.rev and pci.rev ~= 0 then add("rev = %s", hex(pci.rev, 8)) end
  if pci.class and pci.class ~= 0xff0000 then add("class = %s", hex(pci.class, 24)) end
  if pci.intx then add("intx = true") end
  local caps = pci.caps or {}
  if #caps == 1 and caps[1].kind == "msi" and only_vectors(caps[1]) then
    add("msi = %d", caps[1].options.vectors)
  elseif #caps > 0 then
    for i, c in ipairs(caps) do
      add("%s%s%s", i == 1 and "caps = { " or "", cap_text(c), i == #caps and " }" or "")
    end
  end
  if pci.dma_bits then add("dma_bits = %d", pci.dma_bits) end
  if pci.timeout then add("timeout = %d", pci.timeout) end
  if pci.doc then add("doc = %s", quote(pci.doc)) end
  local line = ("device %s { "):format(quote(name))
  for i, part in ipairs(parts) do
    local piece = part .. (i < #parts and ", " or " }")
    if columns(line) + columns(piece) > MAX and not line:match("^%s*$") then
      out[#out + 1] = line:gsub("%s+$", "")
      line = "  "
    end
    line = line .. piece
  end
  out[#out + 1] = line
end

local function ram_lines(out, chip)
  local rams = chip.pci and chip.pci.rams or {}
  for _, ram in ipairs(rams) do
    local bar = ram.bar ~= chip.spaces[1].n and (", %d"):format(ram.bar) or ""
    out[#out + 1] = ("ram(%s, %s%s)"):format(hex(ram.offset), size_text(ram.size), bar)
  end
  if #rams > 0 then out[#out + 1] = "" end
end

-- The width that most rows of a space have, which its BAR then says once.
local function usual_width(space)
  local count = {}
  local function see(row) count[row.width] = (count[row.width] or 0) + 1 end
  for _, row in ipairs(space.rows) do
    if row.is_group then for _, member in ipairs(row.rows) do see(member) end else see(row) end
  end
  local best = 32
  for width, n in pairs(count) do
    if n > (count[best] or 0) then best = width end
  end
  return best
end

local function space_head(space)
  if space.is_config then return "config {" end
  local options = {}
  if space.is64 or space.size > 2 ^ 31 then options[#options + 1] = "is64 = true" end
  if space.prefetch then options[#options + 1] = "prefetch = true" end
  if space.width ~= 32 then options[#options + 1] = ("width = %d"):format(space.width) end
  if space.sizes then options[#options + 1] = "sizes = " .. list_text(space.sizes) end
  if space.doc and columns(space.doc) <= 70 then options[#options + 1] = "doc = " .. quote(space.doc) end
  return ("bar(%d, %s%s) {"):format(space.n, size_text(space.size),
    #options > 0 and ", { " .. table.concat(options, ", ") .. " }" or "")
end

-- A chip as one text. @from: the name of the file that it was read from.
function M.text(chip, from)
  local out = {}
  local name = chip.device_name
  local doc = chip.doc and chip.doc ~= name and short_doc(chip.doc)
  local what = chip.title and doc and chip.title .. ", " .. doc or chip.title or doc
  comment(out, "", ("%s.lua%s. Read from %s (%s) by moonbar import."):format(name,
    what and ": " .. what:gsub("%.$", "") or "", from, chip.format))
  if chip.pci then comment(out, "", "What hooks and events did is not in such a file: it is to be written here.")
  else
    comment(out, "", "What the registers do is to be written here: docs/author.md has the words. The file knew of no "
      .. "PCI device: choose the id.")
  end
  device_lines(out, name, chip.pci or { id = "1234:0001" })
  out[#out + 1] = ""
  ram_lines(out, chip)
  for i, space in ipairs(chip.spaces) do
    if i > 1 then out[#out + 1] = "" end
    space.width = space.is_config and 32 or usual_width(space)
    local long = space.doc and columns(space.doc) > 70 and space.doc or nil
    if space.title and #chip.spaces > 1 then comment(out, "", space.title .. (long and ": " .. long or ""))
    elseif long then comment(out, "", long) end
    out[#out + 1] = space_head(space)
    space_rows(out, space)
    out[#out + 1] = "}"
  end
  return table.concat(out, "\n") .. "\n"
end

return M
