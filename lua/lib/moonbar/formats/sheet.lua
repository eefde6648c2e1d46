-- SPDX-License-Identifier: MIT
-- sheet.lua: what a data sheet says of a device, in an order and in words, but in no format yet: Markdown and HTML
-- are made of it. In its sentences `x` stands for code.
--
-- Try it:  ./moonbar doc lua/devices/edu.lua
local access = require "moonbar.access"
local numbers = require "moonbar.numbers"
local places = require "moonbar.formats.places"
local hex = numbers.hex

local M = {}

local function plural(n, what) return ("%d %s%s"):format(n, what, n == 1 and "" or "s") end

-- "a, b and c"
local function list_text(list)
  if #list <= 1 then return list[1] or "" end
  return table.concat(list, ", ", 1, #list - 1) .. " and " .. list[#list]
end

-- ---- the device ---------------------------------------------------------------------------------

local function interrupts(def)
  local kinds = {}
  if def.intx then kinds[#kinds + 1] = "INTx" end
  for _, c in ipairs(def.caps) do
    if c.kind == "msi" then kinds[#kinds + 1] = "MSI, " .. plural(c.vectors, "vector") end
    if c.kind == "msix" then
      kinds[#kinds + 1] = ("MSI-X, %s (table at `%s`, PBA at `%s` of BAR %d)"):format(plural(c.vectors, "vector"),
        hex(c.table), hex(c.pba), c.bar)
    end
  end
  return #kinds > 0 and table.concat(kinds, "; ") or "none"
end

local cap_names = { pm = "power management", express = "PCI Express", msi = "MSI", msix = "MSI-X",
  vendor = "vendor-specific", aer = "advanced error reporting", serial = "device serial number",
  ltr = "latency tolerance reporting", vsec = "vendor-specific (extended)", dvsec = "designated vendor-specific" }

local function identity(def)
  local t = { { "Vendor and device", ("`%04x:%04x`"):format(def.vendor, def.device) } }
  if def.subsys_vendor then
    t[#t + 1] = { "Subsystem", ("`%04x:%04x`"):format(def.subsys_vendor, def.subsys_device) }
  end
  t[#t + 1] = { "Revision", ("`0x%02x`"):format(def.rev) }
  t[#t + 1] = { "Class code", ("`0x%06x`"):format(def.class) }
  t[#t + 1] = { "Interrupts", interrupts(def) }
  if def.dma_bits > 0 then t[#t + 1] = { "DMA", ("addresses of %d bits"):format(def.dma_bits) } end
  local caps = {}
  for i, c in ipairs(def.caps) do caps[i] = cap_names[c.kind] or c.kind end
  if #caps > 0 then t[#t + 1] = { "Capabilities", list_text(caps) } end
  return t
end

-- ---- a register ---------------------------------------------------------------------------------

-- "status", "counter[i]", "chan[i].ctrl"
function M.name(reg)
  if not reg.is_array then return reg.name end
  if reg.group then
    local both = reg.inner and reg.group.is_array
    return ("%s%s.%s%s"):format(reg.group.name, reg.group.is_array and "[i]" or "", reg.member,
      both and "[j]" or reg.inner and "[i]" or "")
  end
  return reg.name .. "[i]"
end

-- The access word of the map: of all fields if they agree.
function M.access(reg)
  if reg.doorbell then return "wo" end
  if not reg.fields or reg.alias then return reg.access end
  local word
  for _, f in ipairs(reg.fields) do
    if word and word ~= f.access then return "mixed" end
    word = f.access
  end
  return word or reg.access or "rsvd"
end

function M.reset_text(reg)
  if reg.doorbell or reg.alias or reg.access == "rsvd" then return "" end
  return hex(reg.reset, reg.width)
end

local function sizes_text(sizes)
  local list = {}
  for i, n in ipairs(sizes) do list[i] = tostring(n) end
  return ("Takes accesses of %s byte%s only."):format(list_text(list), sizes[1] == 1 and #sizes == 1 and "" or "s")
end

local function vector_text(reg)
  if #reg.vectors > 0 then
    return ("An interrupt while a bit is set, element by element on vectors %s."):format(
      table.concat(reg.vectors, ", "))
  end
  return ("Interrupt vector %d, while one of its bits is set%s."):format(reg.vector,
    reg.enable and (" that is also set in `%s`"):format(reg.enable) or "")
end

-- What a row says beyond its bits, a sentence each.
function M.notes(def, reg)
  local t = {}
  local function add(fmt, ...) t[#t + 1] = fmt:format(...) end
  if reg.inner then
    local both = reg.group.is_array
    add("%s%s, %s apart: `%s` is at `%s%s + %s * %s`.", plural(reg.inner, "register"), both and " in each group" or "",
      plural(reg.inner_stride, "byte"), M.name(reg), hex(reg.offset),
      both and (" + %s * i"):format(hex(reg.stride)) or "", hex(reg.inner_stride), both and "j" or "i")
  elseif reg.is_array then
    add("%s, %s apart: `%s` is at `%s + %s * i`.", plural(reg.count, "register"), plural(reg.stride, "byte"),
      M.name(reg), hex(reg.offset), hex(reg.stride))
  end
  if reg.alias then add("Another way to `%s`: %s.", reg.alias, access.meaning[reg.access]) end
  if reg.doorbell then add("A doorbell: writing it tells the device; nothing is stored, a read gives 0.") end
  if reg.lock then add("Writes are ignored while `%s` is not 0.", reg.lock) end
  if reg.vector then t[#t + 1] = vector_text(reg) end
  for _, other in ipairs(def.regs) do
    if other.enable_reg == reg then add("Enables the interrupts of `%s`, bit for bit.", M.name(other)) end
  end
  if reg.own_sizes then t[#t + 1] = sizes_text(reg.own_sizes) end
  if reg.sticky then add("Only a cold reset puts it back.") end
  if reg.volatile then add("Two reads may differ.") end
  return t
end

-- A field's part of the register's reset value.
function M.field_reset(reg, f)
  local v = bit.rshift(bit.band(reg.reset, f.mask), f.lo)
  return v < 10 and tostring(tonumber(v)) or hex(v)
end

-- What is to be said of a field beside its bits, its access and its reset value.
function M.field_text(f)
  local text = f.doc or ""
  local tail = {}
  if f.sticky then tail[#tail + 1] = "only a cold reset puts it back" end
  if f.volatile then tail[#tail + 1] = "two reads may differ" end
  if #tail > 0 then text = (text ~= "" and text .. "; " or "") .. table.concat(tail, "; ") end
  return text
end

-- { { value, name }… } in order
function M.enum(f)
  local list = {}
  for v, name in pairs(f.enum or {}) do list[#list + 1] = { v, name } end
  table.sort(list, function(a, b) return a[1] < b[1] end)
  return list
end

function M.bits(f) return f.hi == f.lo and tostring(f.lo) or ("%d:%d"):format(f.hi, f.lo) end

-- A register's bits from the highest down: { hi =, lo =, field = or nil }.
function M.cells(reg)
  if not reg.fields then
    local of = { name = reg.doorbell and "value" or reg.member or reg.name,
      access = reg.doorbell and "wo" or reg.access, hi = reg.width - 1, lo = 0, doc = reg.doc }
    return { { hi = of.hi, lo = 0, field = of } }
  end
  local cells, next_hi = {}, reg.width - 1
  for i = #reg.fields, 1, -1 do
    local f = reg.fields[i]
    if f.hi < next_hi then cells[#cells + 1] = { hi = next_hi, lo = f.hi + 1 } end
    cells[#cells + 1] = { hi = f.hi, lo = f.lo,
      field = reg.alias and { name = f.name, access = reg.access, doc = f.doc } or f }
    next_hi = f.lo - 1
  end
  if next_hi >= 0 then cells[#cells + 1] = { hi = next_hi, lo = 0 } end
  return cells
end

-- ---- the whole ----------------------------------------------------------------------------------

local function bar_facts(b)
  local facts = {}
  if b.is64 then facts[#facts + 1] = "64-bit" end
  if b.prefetch then facts[#facts + 1] = "prefetchable" end
  return facts
end

local function words_used(regs)
  local used, list = {}, {}
  for _, reg in ipairs(regs) do
    if reg.alias or reg.doorbell or not reg.fields then used[reg.doorbell and "wo" or reg.access] = true
    else for _, f in ipairs(reg.fields) do used[f.access] = true end end
  end
  for _, word in ipairs { "ro", "rw", "wo", "rc", "rs", "w1c", "w1s", "w1t", "w0c", "w0s", "w0t", "once", "const",
    "rsvd" } do
    if used[word] then list[#list + 1] = { word, access.meaning[word] } end
  end
  return list
end

-- "status", "chan.ctrl", "chan[i].ctrl" as the register; or nil and why not.
local function pick(def, name)
  local plain = name:gsub("%[[^%]]*%]", "")
  if def.by_name[plain] then return def.by_name[plain] end
  return nil, ("there is no register %q%s"):format(name, require("moonbar.mistakes").hint(plain, def.by_name))
end

-- The sheet of @def. @only: names of registers that it is to be about, or empty. nil and why not if there is none
-- of a name. { title, doc, identity, words, bars = { { title, text, facts, digits, rows = { reg or ram… } }… } }
function M.of(def, only)
  local wanted
  for _, name in ipairs(only or {}) do
    local reg, why = pick(def, name)
    if not reg then return nil, why end
    wanted = wanted or {}
    wanted[reg] = true
  end
  local sheet = { title = def.name, doc = def.doc, identity = identity(def), bars = {}, partial = wanted ~= nil,
    file = def.file:match("[^/]*$"), def = def }
  local all = {}
  for _, b in ipairs(places.bars(def)) do
    local bar = { n = b.n, title = b.n == 6 and "Configuration space" or b.bar.title, doc = b.bar.doc,
      size = numbers.size_text(b.bar.size), facts = bar_facts(b.bar), digits = places.digits(def, b.n), rows = {},
      sizes = b.bar.sizes and sizes_text(b.bar.sizes):gsub("%.$", ", unless a register says otherwise.") }
    for _, reg in ipairs(def.regs) do
      if reg.bar.n == b.n and (not wanted or wanted[reg]) then
        bar.rows[#bar.rows + 1] = { reg = reg, offset = reg.offset }
        all[#all + 1] = reg
      end
    end
    for _, ram in ipairs(wanted and {} or def.rams) do
      if ram.bar == b.n then bar.rows[#bar.rows + 1] = { ram = ram, offset = ram.offset } end
    end
    table.sort(bar.rows, function(x, y) return x.offset < y.offset end)
    if not wanted or #bar.rows > 0 then sheet.bars[#sheet.bars + 1] = bar end
  end
  sheet.words = words_used(all)
  return sheet
end

return M
