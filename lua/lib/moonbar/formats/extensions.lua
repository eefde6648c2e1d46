-- SPDX-License-Identifier: MIT
-- extensions.lua: what moonbar export keeps beside SVD, read back into a chip (chip.lua): who the device is, its BARs
-- and memory, and what rows say that SVD has no words for.
--
-- Try it:  ./moonbar export lua/devices/edu.lua >/tmp/edu.svd; ./moonbar import /tmp/edu.svd
local access = require "moonbar.access"
local chips = require "moonbar.formats.chip"
local xml = require "moonbar.formats.xml"

local M = {}

local function number(node, key)
  local text = node.attributes[key]
  if text == nil then return nil end
  local v = chips.parse_number(text)
  if not v or v > 2 ^ 53 then xml.fail(node.line, "%s=%q; right would be a number", key, text) end
  return tonumber(v)
end

local function numbers_of(node, key)
  local text = node.attributes[key]
  if not text then return nil end
  local list = {}
  for part in text:gmatch("[^,]+") do
    local v = chips.parse_number(part)
    if not v or v > 2 ^ 31 then xml.fail(node.line, "%s=%q; right would be numbers", key, text) end
    list[#list + 1] = tonumber(v)
  end
  return list
end

local function flag(node, key) return node.attributes[key] == "true" or nil end

local function capability(node)
  local kind = node.attributes.kind or ""
  if not kind:match("^%a[%w_]*$") then xml.fail(node.line, "kind=%q is no capability", kind) end
  local c = { kind = kind, options = {} }
  for key, text in pairs(node.attributes) do
    if key ~= "kind" and type(key) == "string" and key:match("^%a[%w_]*$") then
      local bytes = text:match("^hex:(%x*)$")
      if bytes then
        local list = {}
        for b in bytes:gmatch("%x%x") do list[#list + 1] = tonumber(b, 16) end
        c.options[key] = list
      elseif text == "true" or text == "false" then
        c.options[key] = text == "true"
      else
        local v = chips.parse_number(text) or xml.fail(node.line, "%s=%q; right would be a number", key, text)
        c.options[key] = v < 2 ^ 53 and tonumber(v) or v
      end
    end
  end
  return c
end

local function pci_of(own)
  local node = own:child "pci" or xml.fail(own.line, "<moonbar> without <pci>")
  local a = node.attributes
  local pci = { name = a.name, id = a.id, subsystem = a.subsystem, rev = number(node, "rev"),
    class = number(node, "class"), intx = flag(node, "intx"), dma_bits = number(node, "dma_bits"),
    timeout = number(node, "timeout"), doc = a.doc, caps = {}, bars = {}, rams = {} }
  for c in own:each "capability" do pci.caps[#pci.caps + 1] = capability(c) end
  for b in own:each "bar" do
    pci.bars[number(b, "n") or -1] = { size = number(b, "size"), is64 = flag(b, "is64"), prefetch = flag(b, "prefetch"),
      sizes = numbers_of(b, "sizes"), doc = b.attributes.doc }
  end
  for r in own:each "ram" do
    pci.rams[#pci.rams + 1] = { bar = number(r, "bar"), offset = number(r, "offset"), size = number(r, "size") }
  end
  return pci
end

local function word(node)
  local text = node.attributes.access
  if text and not access.words[text] then xml.fail(node.line, "access=%q is no access word", text) end
  return text
end

local function find_field(row, name)
  for _, f in ipairs(row and row.fields or {}) do
    if f.name == name then return f end
  end
end

local function apply(rows, own)
  for node in own:each "row" do
    local a, row = node.attributes, rows[node.attributes.name or ""]
    if not row then xml.fail(node.line, "<row name=%q>: there is no such register", tostring(a.name)) end
    row.access = word(node) or row.access
    row.alias, row.lock, row.enable, row.exclude = a.alias, a.lock, a.enable, a.exclude
    row.doorbell, row.sticky, row.volatile, row.sync = flag(node, "doorbell"), flag(node, "sticky"),
      flag(node, "volatile"), flag(node, "sync")
    row.sizes, row.vector = numbers_of(node, "sizes"), numbers_of(node, "vector")
    row.hook = a.hook
  end
  for node in own:each "field" do
    local f = find_field(rows[node.attributes.row or ""], node.attributes.name)
    if not f then xml.fail(node.line, "<field>: there is no field %q", tostring(node.attributes.name)) end
    f.access = word(node) or f.access
    f.sticky, f.volatile = flag(node, "sticky"), flag(node, "volatile")
  end
end

-- Put what <moonbar> in @chip.own says into @chip. Its spaces become the BARs that they were.
function M.apply(chip)
  chip.pci = pci_of(chip.own)
  local rows, at = {}, {}
  for _, space in ipairs(chip.spaces) do
    for _, row in ipairs(space.rows or {}) do
      if row.is_group then
        for _, member in ipairs(row.rows) do rows[row.name .. "." .. member.name] = member end
      else
        rows[row.name] = row
      end
    end
    at[space.name] = space
  end
  apply(rows, chip.own)
  for n, bar in pairs(chip.pci.bars) do
    local space = at["BAR" .. n] or xml.fail(chip.own.line, "there is no peripheral BAR%s", tostring(n))
    space.n, space.size, space.is64, space.prefetch, space.sizes, space.doc = n, bar.size, bar.is64, bar.prefetch,
      bar.sizes, bar.doc
  end
  if at.CONFIG then at.CONFIG.n, at.CONFIG.is_config = 6, true end
end

return M
