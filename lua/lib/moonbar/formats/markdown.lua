-- SPDX-License-Identifier: MIT
-- markdown.lua: a data sheet as Markdown, registers drawn as text, so that it reads in a terminal, in a review and
-- on a web page alike.
--
-- Try it:  ./moonbar doc lua/devices/edu.lua
local numbers = require "moonbar.numbers"
local sheets = require "moonbar.formats.sheet"
local hex = numbers.hex

local M = {}

local MAX = 100                 -- columns of a drawing

-- ---- a register drawn as text -------------------------------------------------------------------

local function centre(text, width)
  local left = math.floor((width - #text) / 2)
  return (" "):rep(left) .. text .. (" "):rep(width - #text - left)
end

-- "15     8", the bit numbers over a cell
local function label(cell, width)
  if cell.hi == cell.lo then return centre(tostring(cell.hi), width) end
  local hi, lo = tostring(cell.hi), tostring(cell.lo)
  return " " .. hi .. (" "):rep(width - #hi - #lo - 2) .. lo .. " "
end

-- Columns of a cell: what its texts need, and @scale for each of its bits.
local function width_of(cell, scale)
  local f = cell.field
  local labels = cell.hi == cell.lo and #tostring(cell.hi) or #tostring(cell.hi) + #tostring(cell.lo) + 1
  local needs = math.max(labels, f and #f.name or 1, f and #f.access or 1) + 2
  return math.max(needs, math.floor(scale * math.min(cell.hi - cell.lo + 1, 32)))
end

-- Rows of cells, each at most MAX columns wide and with at most 32 bits, and how many rows there would be without
-- the limit of columns.
local function split(cells, scale)
  local rows, width, least = { {} }, 1, 1
  for _, cell in ipairs(cells) do
    local w = width_of(cell, scale)
    local row = rows[#rows]
    local half = #row > 0 and row[1].hi >= 32 and cell.hi < 32
    if half or #row > 0 and width + w + 1 > MAX then
      row = {}
      rows[#rows + 1], width = row, 1
      least = least + (half and 1 or 0)
    end
    row[#row + 1] = cell
    width = width + w + 1
  end
  return rows, least
end

-- The widest drawing that needs no more rows than bits do.
local function fit(cells)
  for _, scale in ipairs { 2, 1.5, 1, 0.5 } do
    local rows, least = split(cells, scale)
    if #rows == least then return rows, scale end
  end
  return split(cells, 0), 0
end

local function line(row, scale, left, middle, right, fill)
  local parts = {}
  for i, cell in ipairs(row) do parts[i] = fill(cell, width_of(cell, scale)) end
  return left .. table.concat(parts, middle) .. right
end

local function rule(_, width) return ("─"):rep(width) end

-- A register's bits as lines of text.
function M.drawing(reg)
  local out = {}
  local rows, scale = fit(sheets.cells(reg))
  for _, row in ipairs(rows) do
    out[#out + 1] = line(row, scale, " ", " ", "", label):gsub("%s+$", "")
    out[#out + 1] = line(row, scale, "┌", "┬", "┐", rule)
    out[#out + 1] = line(row, scale, "│", "│", "│", function(cell, w)
      return centre(cell.field and cell.field.name or "-", w)
    end)
    out[#out + 1] = line(row, scale, "│", "│", "│", function(cell, w)
      return centre(cell.field and cell.field.access or "", w)
    end)
    out[#out + 1] = line(row, scale, "└", "┴", "┘", rule)
  end
  return out
end

-- ---- the sheet ----------------------------------------------------------------------------------

local function escape(text)
  return (tostring(text):gsub("%s+", " "):gsub("\\", "\\\\"):gsub("[|*]", "\\%0"):gsub("<", "&lt;"))
end

local function sentence(text) return (escape(text):gsub("[^.!?:]$", "%0.")) end

-- A sentence with `code` in it.
local function prose(text) return (text:gsub("%s+", " "):gsub("|", "\\|"):gsub("<", "&lt;")) end

local function row(out, ...) out[#out + 1] = "| " .. table.concat({ ... }, " | ") .. " |" end

-- The anchor that a heading gets where Markdown is shown.
local function anchor(heading) return (heading:lower():gsub("[^%w_ %-]", ""):gsub(" ", "-")) end

local function map_table(out, bar)
  out[#out + 1] = "| Offset | Register | Bits | Access | Reset | |"
  out[#out + 1] = "|---|---|---|---|---|---|"
  for _, r in ipairs(bar.rows) do
    if r.ram then
      row(out, "`" .. hex(r.offset, bar.digits) .. "`", "memory", "", "", "", numbers.size_text(r.ram.size))
    else
      local reg = r.reg
      local name, reset = sheets.name(reg), sheets.reset_text(reg)
      row(out, "`" .. hex(reg.offset, bar.digits) .. "`", ("[%s](#%s)"):format(name:gsub("[%[%]]", "\\%0"),
        anchor(name)), reg.width, sheets.access(reg), reset ~= "" and "`" .. reset .. "`" or "", escape(reg.doc or ""))
    end
  end
  out[#out + 1] = ""
end

local function field_table(out, reg)
  out[#out + 1] = "| Bits | Field | Access | Reset | |"
  out[#out + 1] = "|---|---|---|---|---|"
  for i = #reg.fields, 1, -1 do
    local f = reg.fields[i]
    local text = escape(sheets.field_text(f))
    local values = {}
    for j, e in ipairs(sheets.enum(f)) do values[j] = ("%s: %s"):format(e[1], escape(e[2])) end
    if #values > 0 then text = text .. (text ~= "" and "<br>" or "") .. table.concat(values, "<br>") end
    row(out, sheets.bits(f), "`" .. f.name .. "`", f.access, sheets.field_reset(reg, f), text)
  end
  out[#out + 1] = ""
end

local function register(out, def, bar, reg)
  local reset = sheets.reset_text(reg)
  local function add(text) out[#out + 1] = text end
  add("### " .. sheets.name(reg))
  add("")
  if reg.doc then
    add(sentence(reg.doc))
    add("")
  end
  add(("Offset `%s`, %d bits%s."):format(hex(reg.offset, bar.digits), reg.width,
    reset ~= "" and (", `%s` after a reset"):format(reset) or ""))
  for _, note in ipairs(sheets.notes(def, reg)) do add(prose(note)) end
  add("")
  add("```")
  for _, l in ipairs(M.drawing(reg)) do add(l) end
  add("```")
  add("")
  if reg.fields and not reg.alias then field_table(out, reg) end
end

-- A sheet (sheet.lua) as one text.
function M.text(sheet)
  local out = { "# " .. escape(sheet.title), "" }
  local function add(text) out[#out + 1] = text end
  if sheet.doc then add(sentence(sheet.doc)) add("") end
  if not sheet.partial then
    add("| | |")
    add("|---|---|")
    for _, kv in ipairs(sheet.identity) do row(out, kv[1], prose(kv[2])) end
    add("")
  end
  for _, bar in ipairs(sheet.bars) do
    add(("## %s, %s%s"):format(bar.title, bar.size, #bar.facts > 0 and ", " .. table.concat(bar.facts, ", ") or ""))
    add("")
    if bar.doc then add(sentence(bar.doc)) end
    if bar.sizes then add(bar.sizes) end
    if bar.doc or bar.sizes then add("") end
    if not sheet.partial and #bar.rows > 0 then map_table(out, bar) end
    for _, r in ipairs(bar.rows) do
      if r.reg then register(out, sheet.def, bar, r.reg) end
    end
  end
  if #sheet.words > 0 then
    add("## Access words")
    add("")
    add("| | |")
    add("|---|---|")
    for _, w in ipairs(sheet.words) do row(out, "`" .. w[1] .. "`", prose(w[2])) end
    add("")
  end
  add(("Made by `moonbar doc` from %s."):format(escape(sheet.file)))
  return table.concat(out, "\n") .. "\n"
end

return M
