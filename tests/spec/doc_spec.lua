-- SPDX-License-Identifier: MIT
-- moonbar doc: the sheet of every device names all there is, drawings are whole, and no text of a device can break
-- the page it stands in.
--
-- Try it:  tests/spec/run tests/spec/doc_spec.lua
local support = dofile "tests/spec/support.lua"
local device = require "moonbar.device"
local html = require "moonbar.formats.html"
local lxp = require "lxp"
local markdown = require "moonbar.formats.markdown"
local sheets = require "moonbar.formats.sheet"
local svg = require "moonbar.formats.svg"
local mb = support.mb

local function define(text)
  return support.with_file(text, function(path)
    local def = device.define(path, {}, true)
    assert(#def.mistakes == 0, mb.mistakes_text(def.mistakes))
    return def
  end)
end

local function has(text, what)
  assert(text:find(what, 1, true), ("%q is not in it"):format(what))
end

local function columns(line)
  local n = 0
  for _ in line:gmatch("[^\128-\191]") do n = n + 1 end
  return n
end

-- Elements of an XML text: { { name, attributes } … }; raises if it is not well formed.
local function elements(text)
  local list = {}
  local parser = lxp.new { StartElement = function(_, name, attributes) list[#list + 1] = { name, attributes } end }
  assert(parser:parse(text))
  assert(parser:parse())
  return list
end

-- Per row of boxes: bits that they cover together, from x and width alone.
local function row_widths(text)
  local rows = {}
  for _, e in ipairs(elements(text)) do
    if e[1] == "rect" and e[2].class ~= "mb-back" then
      local y = e[2].y
      rows[y] = rows[y] or { next_x = tonumber(e[2].x), width = 0 }
      assert.is_near(rows[y].next_x, tonumber(e[2].x), 0.11)                -- no gap, no overlap
      rows[y].next_x = tonumber(e[2].x) + tonumber(e[2].width)
      rows[y].width = rows[y].width + tonumber(e[2].width)
    end
  end
  return rows
end

local files = { "edu", "exar", "i6300esb", "nvme", "pci_endpoint_test", "pvpanic", "ten" }

describe("moonbar doc", function()
  for _, name in ipairs(files) do
    local def = device.define("lua/devices/" .. name .. ".lua", {}, true)
    local sheet = sheets.of(def)

    it(name .. ": Markdown and HTML name every register and field", function()
      local md, page = markdown.text(sheet), html.text(sheet)
      for _, reg in ipairs(def.regs) do
        has(md, "\n### " .. sheets.name(reg) .. "\n")
        has(page, "<code>" .. sheets.name(reg) .. "</code>")
        for _, f in ipairs(reg.fields or {}) do
          has(md, "`" .. f.name .. "`")
          has(page, "<code>" .. f.name .. "</code>")
        end
      end
      has(md, ("`%04x:%04x`"):format(def.vendor, def.device))
      assert.is_nil(page:find("http", 1, true))                 -- it needs nothing from elsewhere
      assert.is_nil(page:find("<script", 1, true))
    end)

    it(name .. ": drawings in text are straight and show every bit once", function()
      for _, reg in ipairs(def.regs) do
        local lines, bits = markdown.drawing(reg), 0
        for i = 1, #lines, 5 do
          local width = columns(lines[i + 1])
          assert.is_true(width <= 100 or #sheets.cells(reg) == 1)
          for j = 2, 4 do assert.equal(width, columns(lines[i + j])) end
        end
        for _, cell in ipairs(sheets.cells(reg)) do bits = bits + cell.hi - cell.lo + 1 end
        assert.equal(reg.width, bits)
      end
    end)

    it(name .. ": drawings as SVG are well formed, and their boxes fill each row", function()
      for _, reg in ipairs(def.regs) do
        for _, row in pairs(row_widths(svg.inline(reg))) do
          assert.is_near(math.min(reg.width, 32) * math.min(832 / math.min(reg.width, 32), 48), row.width, 0.5)
        end
      end
      elements(svg.text(sheet))
    end)
  end

  it("says what a row says", function()
    local def = define [[
device "d" { id = "1234:0001", intx = true, doc = "A device" }
bar(0, 4*KiB, { doc = "All of it" }) {
  status = { 0x00, w1c, { done = w1c(0, "it is done") }, vector = 0, enable = "mask" },
  mask   = { 0x04, { done = rw(0) } },
  mode   = { 0x08, { speed = rw(3, 2, { [0] = "slow", "fast", reset = "fast" }) }, lock = "status.done" },
  chan   = group(0x100, {2, stride = 0x10}) { len = { 0x04, rw, sticky = true } },
  ack    = { 0x0c, w1c "status" },
  kick   = { 0x10, doorbell = function() end },
}]]
    local md = markdown.text(sheets.of(def))
    for _, what in ipairs {
      "Interrupt vector 0, while one of its bits is set that is also set in `mask`.",
      "Enables the interrupts of `status`, bit for bit.",
      "Writes are ignored while `status.done` is not 0.",
      "| 3:2 | `speed` | rw | 1 | 0: slow<br>1: fast |",
      "| 0 | `done` | w1c | 0 | it is done |",
      "2 registers, 16 bytes apart: `chan[i].len` is at `0x104 + 0x10 * i`.",
      "Only a cold reset puts it back.",
      "Another way to `status`: writing 1 clears the bit.",
      "A doorbell:", "A device.", "All of it.", "`0x00000004` after a reset",
      "| `w1c` | writing 1 clears the bit |",
    } do has(md, what) end
  end)

  it("takes --register, also of groups, and says which there is", function()
    local def = device.define("lua/devices/exar.lua", {}, true)
    local md = markdown.text(assert(sheets.of(def, { "channel[1].lcr", "int0" })))
    has(md, "### channel[i].lcr")
    has(md, "### int0")
    assert.is_nil(md:find("### channel[i].mcr", 1, true))
    local none, why = sheets.of(def, { "chanel.lcr" })
    assert.is_nil(none)
    has(why, 'no register "chanel.lcr"')
  end)

  it("keeps a device's texts within their place", function()
    local def = define [=[
device "d" { id = "1234:0001", doc = "<script>alert(1)</script> & more | of it" }
bar(0, 16) { a = { 0x00, { f = rw(1, 0, { [0] = "<b>|", "x\n\ny" }, "a | b </title>") }, "</pre> `|`" } }]=]
    local sheet = sheets.of(def)
    local page, md = html.text(sheet), markdown.text(sheet)
    assert.is_nil(page:find("<script>", 1, true))
    assert.is_nil(page:find("<b>", 1, true))
    assert.is_nil(page:find("</pre>", 1, true))
    elements(svg.text(sheet))
    for line in md:gmatch("[^\n]+") do
      if line:match("^| 1:0") then
        local bars = select(2, line:gsub("\\|", ""):gsub("|", ""))
        assert.equal(6, bars)
      end
      assert.is_nil(line:find("<script>", 1, true))
    end
  end)
end)
