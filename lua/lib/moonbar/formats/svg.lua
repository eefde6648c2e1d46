-- SPDX-License-Identifier: MIT
-- svg.lua: registers drawn as bits: numbers above, names in the boxes, access words below them and in their colour.
-- 32 bits stand in a row; a name that is too long for its box stands upright.
--
-- Try it:  ./moonbar doc -o edu.svg lua/devices/edu.lua
local numbers = require "moonbar.numbers"
local sheets = require "moonbar.formats.sheet"
local hex = numbers.hex

local M = {}

local WIDTH = 832               -- of 32 bits
local GLYPH = 6.7               -- width of a letter of a name, about
local NUMBERS, NAME, WORD, GAP = 16, 26, 18, 10         -- heights: bit numbers, name, access word, between rows

-- { background, text, faint text and lines, reserved bits }, then each kind of access
local light = { back = "#ffffff", text = "#1c2430", faint = "#66727f", line = "#9aa5b1", hole = "#f1f3f5",
  read = "#e4effc", write = "#e3f5e7", only = "#efe8fb", event = "#fdf0d8", fixed = "#e9edf1" }
local dark = { back = "#14181d", text = "#e3e8ee", faint = "#97a3b0", line = "#56626f", hole = "#1d2329",
  read = "#1b3350", write = "#1c3d29", only = "#35274f", event = "#4a3710", fixed = "#2a323b" }

-- The colour of an access word.
local kind_of = { ro = "read", rw = "write", wo = "only", once = "only", const = "fixed", rsvd = "hole" }
for _, word in ipairs { "rc", "rs", "w1c", "w1s", "w1t", "w0c", "w0s", "w0t" } do kind_of[word] = "event" end
M.kind_of = kind_of

local function rules(c)
  local out = {
    (".mb-bits text{fill:%s}"):format(c.text), (".mb-bits .n,.mb-bits .w{fill:%s}"):format(c.faint),
    (".mb-bits rect{stroke:%s}"):format(c.line), (".mb-bits .hole{fill:%s}"):format(c.hole),
  }
  for _, kind in ipairs { "read", "write", "only", "event", "fixed" } do
    out[#out + 1] = (".mb-bits .%s{fill:%s}"):format(kind, c[kind])
  end
  return table.concat(out, "\n")
end

-- The style of drawings, for a page or a file of its own.
function M.style()
  return table.concat({
    ".mb-bits text{font-family:ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace;font-size:11px;"
      .. "text-anchor:middle}",
    ".mb-bits .n{font-size:9px}.mb-bits .w{font-size:9px}",
    ".mb-bits rect{stroke-width:1}",
    rules(light), "@media (prefers-color-scheme:dark){", rules(dark), "}",
  }, "\n")
end

M.light, M.dark = light, dark

function M.escape(text)
  return (tostring(text):gsub("[&<>\"]", { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;" })
    :gsub("[%z\1-\8\11\12\14-\31]", " "))
end
local escape = M.escape

-- Rows of cells of 32 bits; a field across the middle of a wide register is in both.
local function rows_of(reg)
  local high, low = {}, {}
  for _, cell in ipairs(sheets.cells(reg)) do
    if cell.lo >= 32 then high[#high + 1] = cell
    elseif cell.hi < 32 then low[#low + 1] = cell
    else
      high[#high + 1] = { hi = cell.hi, lo = 32, field = cell.field }
      low[#low + 1] = { hi = 31, lo = cell.lo, field = cell.field }
    end
  end
  if #high == 0 then return { low } end
  return { high, low }
end

local function text(out, class, x, y, s, more)
  out[#out + 1] = ('<text%s x="%.1f" y="%.1f"%s>%s</text>'):format(class and (' class="%s"'):format(class) or "", x, y,
    more or "", escape(s))
end

local function fits(cell, step) return #cell.field.name * GLYPH + 6 <= (cell.hi - cell.lo + 1) * step end

-- How high the boxes of a row are: higher where a name stands upright.
local function height_of(row, step)
  local height = NAME + WORD
  for _, cell in ipairs(row) do
    if cell.field and not fits(cell, step) then
      height = math.max(height, #cell.field.name * GLYPH + 12 + WORD)
    end
  end
  return height
end

local function bit_numbers(out, cell, x, width, y, step)
  if cell.hi == cell.lo then return text(out, "n", x + width / 2, y, cell.hi) end
  text(out, "n", x + step / 2, y, cell.hi)
  text(out, "n", x + width - step / 2, y, cell.lo)
end

local function box(out, cell, x, width, y, height, step)
  local f = cell.field
  local where = sheets.bits(cell)
  if not f then
    out[#out + 1] = ('<rect class="hole" x="%.1f" y="%.1f" width="%.1f" height="%.1f"><title>%s: reserved</title>'
      .. "</rect>"):format(x, y, width, height, where)
    return
  end
  local doc = f.doc and ": " .. f.doc or ""
  out[#out + 1] = ("<g><title>%s %s, %s%s</title>"):format(escape(where), escape(f.name), f.access, escape(doc))
  out[#out + 1] = ('<rect class="%s" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>'):format(
    kind_of[f.access] or "read", x, y, width, height)
  local middle = x + width / 2
  if fits(cell, step) then
    text(out, nil, middle, y + (height - WORD) / 2 + 6, f.name)
  else
    local at = y + (height - WORD) / 2 + 2
    text(out, nil, middle, at, f.name, (' transform="rotate(-90 %.1f %.1f)" dy="4"'):format(middle, at))
  end
  text(out, "w", middle, y + height - 6, f.access)
  out[#out + 1] = "</g>"
end

-- Draw @reg at @x, @y into @out, a list of lines. Returns its width and height.
function M.draw(out, reg, x, y)
  local bits = math.min(reg.width, 32)
  local step = math.min(WIDTH / bits, 48)
  local top = y
  for i, row in ipairs(rows_of(reg)) do
    if i > 1 then y = y + GAP end
    local height = height_of(row, step)
    local high = row[1].hi
    for _, cell in ipairs(row) do
      local left, width = x + (high - cell.hi) * step, (cell.hi - cell.lo + 1) * step
      bit_numbers(out, cell, left, width, y + NUMBERS - 5, step)
      box(out, cell, left, width, y + NUMBERS, height, step)
    end
    y = y + NUMBERS + height
  end
  return bits * step, y - top
end

-- One register as an <svg> to stand in a page.
function M.inline(reg)
  local out = {}
  local width, height = M.draw(out, reg, 1, 0)
  return ('<svg class="mb-bits" role="img" aria-label="the bits of %s" width="%d" height="%d" viewBox="0 0 %d %d">\n')
    :format(escape(sheets.name(reg)), width + 2, math.ceil(height + 1), width + 2, math.ceil(height + 1))
    .. table.concat(out, "\n") .. "\n</svg>"
end

-- The drawings of a sheet's registers, one below the other, as a file of its own.
function M.text(sheet)
  local out, y, widest = {}, 10, 0
  for _, bar in ipairs(sheet.bars) do
    for _, r in ipairs(bar.rows) do
      if r.reg then
        local title = ("%s  %s"):format(hex(r.reg.offset, bar.digits), sheets.name(r.reg))
        out[#out + 1] = ('<text x="16" y="%d" style="text-anchor:start;font-size:13px"><tspan class="w" style="'
          .. 'font-size:13px">%s</tspan> <tspan style="font-weight:bold">%s</tspan>%s</text>'):format(y + 14,
          hex(r.reg.offset, bar.digits), escape(sheets.name(r.reg)), r.reg.doc and (' <tspan class="w" '
          .. 'style="font-size:12px" dx="8">%s</tspan>'):format(escape(r.reg.doc)) or "")
        local width, height = M.draw(out, r.reg, 16, y + 22)
        widest = math.max(widest, width, (#title + (r.reg.doc and #r.reg.doc or 0)) * 7.8 + 24)
        y = y + 22 + height + 18
      end
    end
  end
  local width, height = math.ceil(widest + 32), math.ceil(y)
  return table.concat({
    '<?xml version="1.0" encoding="UTF-8"?>',
    ('<svg xmlns="http://www.w3.org/2000/svg" class="mb-bits" width="%d" height="%d" viewBox="0 0 %d %d">'):format(
      width, height, width, height),
    ("<title>%s</title>"):format(escape(sheet.title)),
    "<style>", (M.style():gsub("&", "&amp;"):gsub("<", "&lt;")),
    (".mb-back{fill:%s;stroke:none!important}"):format(light.back),
    ("@media (prefers-color-scheme:dark){.mb-back{fill:%s}}"):format(dark.back),
    "</style>",
    ('<rect class="mb-back" width="%d" height="%d"/>'):format(width, height),
    table.concat(out, "\n"), "</svg>", "",
  }, "\n")
end

return M
