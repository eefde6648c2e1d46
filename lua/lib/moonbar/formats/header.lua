-- SPDX-License-Identifier: MIT
-- header.lua: the register map as a header for C11, C++11 and the Linux kernel: identity, offsets, reset values,
-- masks and shifts, enums, and each BAR as a structure. The structure's offsets are asserted against the offsets'
-- macros, so that a compiler tells when the two disagree.
--
-- Try it:  ./moonbar header lua/devices/edu.lua
local map = require "moonbar.map"
local names = require "moonbar.formats.names"
local numbers = require "moonbar.numbers"
local place = require("moonbar.rows").place
local places = require "moonbar.formats.places"
local hex, upper = numbers.hex, names.upper

local M = {}

-- ---- lines --------------------------------------------------------------------------------------

local Text = {}
Text.__index = Text

function Text:add(fmt, ...)
  self[#self + 1] = select("#", ...) > 0 and fmt:format(...) or fmt
end

local function pad_tabs(text, column)
  local width = 0
  for c in text:gmatch("[^\128-\191]") do width = c == "\t" and width + 8 - width % 8 or width + 1 end
  return text .. ("\t"):rep(math.max(1, math.ceil((column - width) / 8)))
end

-- "#define NAME value  comment", values in a column as long as the names let them. Returns the name, which may
-- have got another end, to be the only one.
function Text:define(name, value, comment)
  name = self.unique(name)
  local line = pad_tabs("#define " .. name, 48) .. value
  if comment then line = pad_tabs(line, 64) .. "/* " .. names.comment(comment) .. " */" end
  self:add("%s", line)
  return name
end

function Text:comment(text) self:add("/* %s */", names.comment(text)) end

local function constant(v, width)
  return hex(v, width) .. (width > 32 and "ull" or "u")
end

-- ---- registers ----------------------------------------------------------------------------------

-- "ro", "w1s of irq_status", "doorbell", "ro and rw by field"
local function access_text(reg)
  if reg.doorbell then return "doorbell: write-only" end
  if reg.alias then return ("%s of %s"):format(reg.access, reg.alias) end
  if not reg.fields then return reg.access end
  local seen, list = {}, {}
  for _, f in ipairs(reg.fields) do
    if not seen[f.access] then
      seen[f.access], list[#list + 1] = true, f.access
    end
  end
  return table.concat(list, ", ")
end
M.access_text = access_text

local function full_name(reg) return reg.group and reg.group.name .. "_" .. reg.member or reg.name end

local function field_lines(out, reg, name)
  for _, f in ipairs(reg.fields) do
    local bits = f.hi == f.lo and "bit " .. f.lo or ("bits %d to %d"):format(f.hi, f.lo)
    local field = name .. "_" .. upper(f.name)
    local comment = ("%s, %s%s"):format(bits, f.access, f.doc and ": " .. f.doc or "")
    field = out:define(field, constant(f.mask, reg.width), comment)
    out:define(field .. "_SHIFT", f.lo)
  end
end

local function enum_lines(out, prefix, reg, name)
  for _, f in ipairs(reg.fields or {}) do
    if f.enum then
      local values = {}
      for v in pairs(f.enum) do values[#values + 1] = v end
      table.sort(values)
      out:add("")
      out:add("enum %s {", out.unique(("%s_%s_%s"):format(prefix, names.part(name), names.part(f.name)):lower()))
      for _, v in ipairs(values) do
        out:add("\t%s = %s,", out.unique(("%s_%s_%s_%s"):format(upper(prefix), upper(name), upper(f.name),
          upper(f.enum[v]))), hex(v))
      end
      out:add("};")
    end
  end
end

local function register_lines(out, prefix, reg, digits)
  local name = out.unique(upper(prefix .. "_" .. full_name(reg)))
  out.macros[reg] = name
  out:add("")
  out:comment(("%s%s: %s, %d bits"):format(reg.group and reg.group.name .. "." .. reg.member or reg.name,
    reg.doc and " - " .. reg.doc or "", access_text(reg), reg.width))
  if reg.is_array then
    local both = reg.inner and reg.group.is_array
    local text = ("(%s + %s * (i)%s)"):format(hex(reg.offset, digits), hex(reg.inner and not both and reg.inner_stride
      or reg.stride), both and (" + %s * (j)"):format(hex(reg.inner_stride)) or "")
    out:add("%s", pad_tabs("#define " .. name .. (both and "(i, j)" or "(i)"), 48) .. text)
    out:define(name .. "_COUNT", both and reg.group.count or reg.count)
    if both then out:define(name .. "_EACH", reg.inner) end
  else
    out:add("%s", pad_tabs("#define " .. name, 48) .. hex(reg.offset, digits))
  end
  if not reg.doorbell and not reg.alias and reg.access ~= "rsvd" then
    out:define(name .. "_RESET", constant(reg.reset, reg.width))
  end
  if reg.fields and not reg.alias then
    field_lines(out, reg, name)
    enum_lines(out, prefix, reg, full_name(reg))
  end
end

-- ---- structures ---------------------------------------------------------------------------------

local function gcd(a, b) while b > 0 do a, b = b, a % b end return a end

-- "uint32_t name", an array of smaller words where the register is not at a multiple of its size.
local function declare(reg, name, offset, count, stride)
  local align = gcd(gcd(offset, reg.size), count > 1 and stride or 0)
  local pieces = reg.size / math.min(align, reg.size)
  local kind = ("volatile uint%d_t %s"):format(8 * reg.size / pieces, name)
  if count > 1 then kind = kind .. ("[%d]"):format(count) end
  if pieces > 1 then kind = kind .. ("[%d]"):format(pieces) end
  return kind
end

local function struct_text(unique, name)
  return { at = 0, name = unique(name), member = names.unique() }
end

local function pad_to(s, offset)
  if offset > s.at then
    s[#s + 1] = ("\tuint8_t %s[%s];"):format(s.member("reserved_" .. hex(s.at):sub(3)), hex(offset - s.at))
  end
  s.at = offset
end

local function member_line(s, decl, comment)
  s[#s + 1] = pad_tabs("\t" .. decl .. ";", 48) .. "/* " .. names.comment(comment) .. " */"
end

-- What stands in one element of a block, by offset: an array in a group is one member if it is dense.
local function block_items(block)
  local items = {}
  for _, reg in ipairs(block.members) do
    local name, dense = reg.member or reg.name, not reg.inner or reg.inner_stride == reg.size
    for i = 0, dense and 0 or reg.inner - 1 do
      items[#items + 1] = { reg = reg, i = i, name = dense and name or name .. "_" .. i, offset = place(reg, i),
        count = dense and reg.inner or 1 }
    end
  end
  table.sort(items, function(a, b) return a.offset < b.offset end)
  return items
end

-- struct prefix_block { … }: what a group or interleaved arrays repeat; its path by register.
local function block_struct(out, prefix, block, paths)
  local s = struct_text(out.unique, prefix .. "_" .. names.part(block.name):lower())
  for _, item in ipairs(block_items(block)) do
    local reg = item.reg
    pad_to(s, item.offset - block.offset)
    local member = s.member(names.identifier(item.name))
    local step = gcd(block.offset, block.count > 1 and block.stride or 0)
    member_line(s, declare(reg, member, gcd(s.at, step), item.count, reg.size),
      ("%s %s"):format(hex(s.at, 8), access_text(reg)))
    paths[#paths + 1] = { reg = reg, path = member .. (item.count > 1 and "[0]" or ""), i = item.i }
    s.at = s.at + item.count * reg.size
  end
  pad_to(s, block.stride)
  out:add("")
  out:add("struct %s {", s.name)
  for _, line in ipairs(s) do out:add("%s", line) end
  out:add("};")
  return s.name
end

local function add_block(out, prefix, s, block, asserts, digits)
  local paths = {}
  local kind = block_struct(out, prefix, block, paths)
  local member = s.member(names.identifier(block.name))
  member_line(s, ("struct %s %s%s"):format(kind, member, block.count > 1 and ("[%d]"):format(block.count) or ""),
    hex(block.offset, digits))
  s.at = block.offset + block.count * block.stride
  for _, p in ipairs(paths) do
    local many = block.count > 1
    asserts[#asserts + 1] = { path = ("%s%s.%s"):format(member, many and "[0]" or "", p.path), reg = p.reg, i = p.i }
    if many then
      asserts[#asserts + 1] = { path = ("%s[1].%s"):format(member, p.path), reg = p.reg, i = p.i + (p.reg.inner or 1) }
    end
  end
end

local function bar_struct(out, prefix, n, def)
  local digits = places.digits(def, n)
  local bar_name = n == 6 and "config" or "bar" .. n
  local s, asserts = struct_text(out.unique, prefix .. "_" .. bar_name), {}
  local items = places.of(def, n)
  if #items == 0 then return end
  for i, item in ipairs(items) do
    pad_to(s, item.offset)
    local next_at = items[i + 1] and items[i + 1].offset or math.huge
    if item.is_block and item.offset + item.count * item.stride <= next_at then
      add_block(out, prefix, s, item, asserts, digits)
    elseif item.is_block then
      places.apart(item, items, i)
      item = items[i]
    end
    if not item.is_block then
      local member = s.member(names.identifier(item.name))
      member_line(s, declare(item.reg, member, item.offset, item.count, item.reg.stride),
        ("%s %s"):format(hex(item.offset, digits), access_text(item.reg)))
      asserts[#asserts + 1] = { path = member, reg = item.reg, i = item.i }
      if item.count > 1 then asserts[#asserts + 1] = { path = member .. "[1]", reg = item.reg, i = 1 } end
      s.at = item.stop
    end
  end
  out:add("")
  out:add("struct %s {", s.name)
  for _, line in ipairs(s) do out:add("%s", line) end
  out:add("};")
  out:add("")
  for _, a in ipairs(asserts) do
    local i, j = map.indices(a.reg, a.i)
    local at = out.macros[a.reg] .. (a.reg.is_array and ("(%s)"):format(j and i .. ", " .. j or i) or "")
    out:add("static_assert(offsetof(struct %s, %s) == %s, \"%s\");", s.name, a.path, at, a.path)
  end
end

-- ---- the file -----------------------------------------------------------------------------------

local function top(out, def, prefix)
  local guard = upper(prefix) .. "_REGS_H"
  out:add("/*")
  out:add(" * %s_regs.h: the registers of %s, PCI device %04x:%04x%s", prefix, names.comment(def.name), def.vendor,
    def.device, def.doc and ": " .. names.comment(def.doc) or "")
  out:add(" *")
  out:add(" * Made by `moonbar header` from %s: change that file, not this one.",
    names.comment(def.file:match("[^/]*$")))
  out:add(" * NAME is a register's offset, NAME_RESET its reset value, NAME_FIELD a field's mask in place.")
  out:add(" */")
  out:add("#ifndef %s", guard)
  out:add("#define %s", guard)
  out:add("")
  out:add("#ifdef __KERNEL__")
  out:add("#include <linux/build_bug.h>")
  out:add("#include <linux/stddef.h>")
  out:add("#include <linux/types.h>")
  out:add("#else")
  out:add("#include <assert.h>")
  out:add("#include <stddef.h>")
  out:add("#include <stdint.h>")
  out:add("#endif")
  return guard
end

local function identity(out, def, prefix)
  local P = upper(prefix)
  out:add("")
  out:define(P .. "_PCI_VENDOR", ("0x%04x"):format(def.vendor))
  out:define(P .. "_PCI_DEVICE", ("0x%04x"):format(def.device))
  if def.subsys_vendor then
    out:define(P .. "_PCI_SUBVENDOR", ("0x%04x"):format(def.subsys_vendor))
    out:define(P .. "_PCI_SUBDEVICE", ("0x%04x"):format(def.subsys_device))
  end
  out:define(P .. "_PCI_REVISION", ("0x%02x"):format(def.rev))
  out:define(P .. "_PCI_CLASS", ("0x%06x"):format(def.class))
end

local function memory_lines(out, def, prefix, n)
  for i, ram in ipairs(def.rams) do
    if ram.bar == n then
      local name = ("%s_BAR%d_RAM%s"):format(upper(prefix), n, #def.rams > 1 and i - 1 or "")
      out:add("")
      out:comment("memory")
      out:define(name, hex(ram.offset, 16))
      out:define(name .. "_SIZE", hex(ram.size, 16))
    end
  end
end

-- The header of a definition without mistakes, as one text, and the macros of its registers' offsets, by register.
function M.text(def)
  local out = setmetatable({ unique = names.unique(), macros = {} }, Text)
  local prefix = names.device(def)
  local guard = top(out, def, prefix)
  identity(out, def, prefix)
  for _, b in ipairs(places.bars(def)) do
    out:add("")
    out:add("/* ---- %s, %s%s ---- */", b.bar.title, numbers.size_text(b.bar.size),
      b.bar.doc and ": " .. names.comment(b.bar.doc) or "")
    if b.n < 6 then
      out:add("")
      out:define(("%s_BAR%d_SIZE"):format(upper(prefix), b.n), constant(b.bar.size, b.bar.is64 and 64 or 32))
    end
    for _, reg in ipairs(def.regs) do
      if reg.bar.n == b.n then register_lines(out, prefix, reg, places.digits(def, b.n)) end
    end
    memory_lines(out, def, prefix, b.n)
    bar_struct(out, prefix, b.n, def)
  end
  out:add("")
  out:add("#endif /* %s */", guard)
  return table.concat(out, "\n") .. "\n", out.macros
end

return M
