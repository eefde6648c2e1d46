-- SPDX-License-Identifier: MIT
-- html.lua: a data sheet as one page that needs nothing else, for a bright and a dark screen and for paper.
--
-- Try it:  ./moonbar doc -o edu.html lua/devices/edu.lua
local numbers = require "moonbar.numbers"
local sheets = require "moonbar.formats.sheet"
local svg = require "moonbar.formats.svg"
local hex, escape = numbers.hex, svg.escape

local M = {}

local function colours(c)
  return ("--back:%s;--text:%s;--faint:%s;--line:%s;--hole:%s;--read:%s;--write:%s;--only:%s;--event:%s;--fixed:%s;")
    :format(c.back, c.text, c.faint, c.line, c.hole, c.read, c.write, c.only, c.event, c.fixed)
end

local page = [[
*{box-sizing:border-box}
html{scroll-behavior:smooth}
body{margin:0;background:var(--back);color:var(--text);font:15px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,
"DejaVu Sans",sans-serif}
main{max-width:900px;margin:0 auto;padding:32px 28px 80px}
h1{font-size:34px;margin:0 0 4px;letter-spacing:-.01em}
h2{font-size:22px;margin:52px 0 12px;padding-bottom:6px;border-bottom:1px solid var(--line)}
h3{font-size:17px;margin:0;font-family:ui-monospace,"DejaVu Sans Mono",Menlo,Consolas,monospace}
h3 a{color:inherit;text-decoration:none}
p{margin:8px 0}
.lead{font-size:17px;color:var(--faint);margin:0 0 20px}
.faint,.foot{color:var(--faint)}
.foot{margin-top:60px;font-size:13px}
code{font:13px ui-monospace,"DejaVu Sans Mono",Menlo,Consolas,monospace}
table{border-collapse:collapse;width:100%;margin:12px 0;font-size:14px}
th{text-align:left;font-weight:600;color:var(--faint);font-size:12.5px}
th,td{padding:5px 14px 5px 0;border-bottom:1px solid var(--hole);vertical-align:top}
thead th{border-bottom:1px solid var(--line)}
td.r{white-space:nowrap}
table.fields th:last-child{width:52%}
table.facts{width:auto}
table.facts th{padding-right:28px;font-size:14px}
a{color:inherit;text-decoration-color:var(--line);text-underline-offset:3px}
a:hover{text-decoration-color:currentColor}
section.reg{margin:38px 0 0;padding-top:6px}
section.reg:target h3{text-decoration:underline;text-decoration-thickness:2px;text-underline-offset:5px}
.head{display:flex;gap:14px;align-items:baseline;flex-wrap:wrap}
.head .at{color:var(--faint)}
.bits{overflow-x:auto;margin:12px 0 6px}
.bits svg{display:block;max-width:none}
.word{display:inline-block;min-width:38px;text-align:center;padding:0 7px;border-radius:4px;font:12px/19px
ui-monospace,"DejaVu Sans Mono",Menlo,Consolas,monospace}
.read{background:var(--read)}.write{background:var(--write)}.only{background:var(--only)}
.event{background:var(--event)}.fixed{background:var(--fixed)}.hole{background:var(--hole)}
ul.values{list-style:none;margin:3px 0 0;padding:0}
ul.values code{display:inline-block;min-width:34px;color:var(--faint)}
@media print{main{max-width:none;padding:0}section.reg{break-inside:avoid}.bits{overflow:visible}
.bits svg{max-width:100%;height:auto}}
]]

-- A sentence with `code` in it.
local function prose(text) return (escape(text):gsub("`([^`]*)`", "<code>%1</code>")) end

local function sentence(text) return (escape(text):gsub("[^.!?:]$", "%0.")) end

local function word(w) return ('<span class="word %s">%s</span>'):format(svg.kind_of[w] or "hole", w) end

local function id_of(reg) return "r-" .. reg.name:gsub("[^%w_]", "-") end

local function map_table(add, bar)
  add('<table><thead><tr><th>Offset<th>Register<th>Bits<th>Access<th>Reset<th></tr></thead><tbody>')
  for _, r in ipairs(bar.rows) do
    if r.ram then
      add(('<tr><td class="r"><code>%s</code><td class="faint">memory<td><td><td><td>%s</tr>'):format(
        hex(r.offset, bar.digits), numbers.size_text(r.ram.size)))
    else
      local reg = r.reg
      add(('<tr><td class="r"><code>%s</code><td class="r"><a href="#%s"><code>%s</code></a><td>%d<td>%s'
        .. '<td class="r"><code>%s</code><td>%s</tr>'):format(hex(reg.offset, bar.digits), id_of(reg),
        escape(sheets.name(reg)), reg.width, word(sheets.access(reg)), sheets.reset_text(reg), escape(reg.doc or "")))
    end
  end
  add("</tbody></table>")
end

local function field_table(add, reg)
  add('<table class="fields"><thead><tr><th>Bits<th>Field<th>Access<th>Reset<th></tr></thead><tbody>')
  for i = #reg.fields, 1, -1 do
    local f = reg.fields[i]
    add(('<tr><td class="r"><code>%s</code><td class="r"><code>%s</code><td>%s<td><code>%s</code><td>%s')
      :format(sheets.bits(f), escape(f.name), word(f.access), sheets.field_reset(reg, f), escape(sheets.field_text(f))))
    if f.enum then
      add('<ul class="values">')
      for _, e in ipairs(sheets.enum(f)) do add(("<li><code>%s</code> %s"):format(e[1], escape(e[2]))) end
      add("</ul>")
    end
    add("</tr>")
  end
  add("</tbody></table>")
end

local function register(add, def, bar, reg)
  local reset = sheets.reset_text(reg)
  add(('<section class="reg" id="%s">'):format(id_of(reg)))
  add(('<div class="head"><h3><a href="#%s">%s</a></h3>'):format(id_of(reg), escape(sheets.name(reg))))
  add(('<span class="at"><code>%s</code> · %d bits%s</span></div>'):format(hex(reg.offset, bar.digits), reg.width,
    reset ~= "" and (" · reset <code>%s</code>"):format(reset) or ""))
  if reg.doc then add(("<p>%s</p>"):format(sentence(reg.doc))) end
  add('<div class="bits">')
  add(svg.inline(reg))
  add("</div>")
  local notes = sheets.notes(def, reg)
  if #notes > 0 then
    for i, note in ipairs(notes) do notes[i] = prose(note) end
    add(("<p>%s</p>"):format(table.concat(notes, " ")))
  end
  if reg.fields and not reg.alias then field_table(add, reg) end
  add("</section>")
end

local function bar_section(add, sheet, bar)
  add(("<h2>%s <span class=\"faint\">%s%s</span></h2>"):format(bar.title, bar.size,
    #bar.facts > 0 and ", " .. table.concat(bar.facts, ", ") or ""))
  if bar.doc then add(("<p>%s</p>"):format(sentence(bar.doc))) end
  if bar.sizes then add(("<p>%s</p>"):format(prose(bar.sizes))) end
  if not sheet.partial and #bar.rows > 0 then map_table(add, bar) end
  for _, r in ipairs(bar.rows) do
    if r.reg then register(add, sheet.def, bar, r.reg) end
  end
end

-- A sheet (sheet.lua) as one page.
function M.text(sheet)
  local out = {}
  local function add(line) out[#out + 1] = line end
  add('<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">')
  add('<meta name="viewport" content="width=device-width, initial-scale=1">\n<meta name="color-scheme" '
    .. 'content="light dark">')
  add(("<title>%s</title>\n<style>"):format(escape(sheet.title)))
  add((":root{%s}"):format(colours(svg.light)))
  add(("@media (prefers-color-scheme:dark){:root{%s}}"):format(colours(svg.dark)))
  add(page .. svg.style() .. "\n</style>\n</head>\n<body>\n<main>")
  add(("<h1>%s</h1>"):format(escape(sheet.title)))
  if sheet.doc then add(('<p class="lead">%s</p>'):format(sentence(sheet.doc))) end
  if not sheet.partial then
    add('<table class="facts"><tbody>')
    for _, kv in ipairs(sheet.identity) do add(("<tr><th>%s<td>%s</tr>"):format(kv[1], prose(kv[2]))) end
    add("</tbody></table>")
  end
  for _, bar in ipairs(sheet.bars) do bar_section(add, sheet, bar) end
  if #sheet.words > 0 then
    add('<h2>Access words</h2>\n<table class="facts"><tbody>')
    for _, w in ipairs(sheet.words) do add(("<tr><td>%s<td>%s</tr>"):format(word(w[1]), prose(w[2]))) end
    add("</tbody></table>")
  end
  add(('<p class="foot">Made by <code>moonbar doc</code> from %s.</p>'):format(escape(sheet.file)))
  add("</main>\n</body>\n</html>")
  return table.concat(out, "\n") .. "\n"
end

return M
