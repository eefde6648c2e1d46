-- SPDX-License-Identifier: MIT
-- linux_driver.lua: a Linux PCI driver to begin with. It binds, maps the BARs, takes the interrupts and acknowledges
-- them as the map says, and shows every register that can be read in debugfs. What the device is for is to be added.
--
-- Try it:  ./moonbar driver lua/devices/edu.lua
local access = require "moonbar.access"
local header = require "moonbar.formats.header"
local names = require "moonbar.formats.names"
local numbers = require "moonbar.numbers"
local places = require "moonbar.formats.places"
local template = require "moonbar.formats.linux_template"

local M = {}

local CONFIG = 6

-- ---- registers ------------------------------------------------------------------------------------------

-- How a register is read: the largest access that it takes, in bytes.
local function access_of(reg)
  local best
  for _, n in ipairs(reg.sizes or {}) do
    if n <= reg.size then best = math.max(best or 0, n) end
  end
  return best or math.min(reg.size, reg.bar.n == CONFIG and 4 or 8)
end

local function is_readable(reg)
  if reg.doorbell or reg.access == "wo" and not reg.fields or reg.access == "rsvd" then return false end
  for _, f in ipairs(reg.fields or {}) do
    if f.access ~= "wo" and f.access ~= "rsvd" then return true end
  end
  return not reg.fields
end

-- "EDU_STATUS", "EDU_CHAN_CTRL(0)", "EDU_CHAN_KEY(0, 0)"
local function offset_of(reg, macro)
  if not reg.is_array then return macro end
  return macro .. (reg.inner and reg.group.is_array and "(0, 0)" or "(0)")
end

local function row_line(reg, macro)
  local count, stride, each, step = reg.count, reg.is_array and reg.stride or 0, 1, 0
  if reg.inner then
    count, each, step = reg.count / reg.inner, reg.inner, reg.inner_stride
    if not reg.group.is_array then stride = 0 end
  end
  local text = ('\t{ "%s", %d, %d, %d, %s'):format(reg.name, reg.bar.n, reg.size, access_of(reg), offset_of(reg, macro))
  if not reg.is_array then return text .. " }," end
  return ("%s, %d, %s%s },"):format(text, count, numbers.hex(stride), each > 1 and (", %d, %s"):format(each,
    numbers.hex(step)) or "")
end

local function table_lines(def, macros)
  local out = {}
  for _, reg in ipairs(def.regs) do
    if is_readable(reg) then out[#out + 1] = row_line(reg, macros[reg]) end
  end
  return out
end

-- ---- interrupts ----------------------------------------------------------------------------------------------

-- The bits of a register whose access word is one of @words, or nil.
local function bits_of(reg, words)
  if not reg.fields then return words[reg.access] and numbers.width_mask(reg.width) or nil end
  local bits = 0ULL
  for _, f in ipairs(reg.fields) do
    if words[f.access] then bits = bit.bor(bits, f.mask) end
  end
  return bits ~= 0ULL and bits or nil
end

local write_of = { [1] = "writeb", [2] = "writew", [4] = "writel", [8] = "writeq" }
local read_of = { [1] = "readb", [2] = "readw", [4] = "readl", [8] = "readq" }

local function at(reg, macro, i)
  local place = macro
  if reg.is_array then place = ("%s(%s)"):format(macro, reg.count == 1 and "0" or i) end
  return ("priv->bar[%d] + %s"):format(reg.bar.n, place)
end

local function alias_with(def, reg, word)
  for _, other in ipairs(def.regs) do
    if other.target == reg and other.access == word then return other end
  end
end

-- How the causes in @reg are acknowledged, a line of C, or nil if the map does not tell.
local function acknowledge(def, reg, macros, i)
  local write = write_of[access_of(reg)]
  local clear = alias_with(def, reg, "w1c")
  if clear then return ("%s(status, %s);"):format(write, at(clear, macros[clear], i)) end
  if bits_of(reg, { w1c = true }) then return ("%s(status, %s);"):format(write, at(reg, macros[reg], i)) end
  if bits_of(reg, { w0c = true }) then return ("%s(~status, %s);"):format(write, at(reg, macros[reg], i)) end
  if bits_of(reg, { rc = true }) then return "/* reading it has cleared it */" end
end

local function status_registers(def)
  local list = {}
  for _, reg in ipairs(def.regs) do
    if reg.vector and reg.bar.n < CONFIG and not reg.inner and access_of(reg) == reg.size then list[#list + 1] = reg end
  end
  return list
end

local function status_lines(def, reg, macros)
  local out, indent = {}, "\t"
  local function add(fmt, ...) out[#out + 1] = indent .. fmt:format(...) end
  if reg.count > 1 then
    add("for (i = 0; i < %d; i++) {", reg.count)
    indent = "\t\t"
  end
  local ack = acknowledge(def, reg, macros, "i")
  local causes = numbers.hex(bits_of(reg, access.masks) or 0ULL, reg.width) .. (reg.width > 32 and "ull" or "")
  add("status = %s(%s) & %s;", read_of[access_of(reg)], at(reg, macros[reg], "i"), causes)
  add("if (status) {")
  add("\tdev_dbg(&priv->pdev->dev, \"%s: %%#llx\\n\", status);", reg.name)
  add("\t%s", ack or ("/* To do: nothing in the map says how to acknowledge %s. */"):format(reg.name))
  add("\thandled = IRQ_HANDLED;")
  add("}")
  if reg.count > 1 then out[#out + 1] = "\t}" end
  return out
end

-- Registers that let causes through: written when the driver binds, 0 when it goes.
local function enable_lines(def, macros, on)
  local out, seen = {}, {}
  for _, reg in ipairs(status_registers(def)) do
    local enable = reg.enable_reg
    local bits = enable and bits_of(enable, { rw = true })
    if bits and not seen[enable] and not enable.inner then
      seen[enable] = true
      local value = on and numbers.hex(bit.band(bits, reg.exists), reg.width) or "0"
      local write = ("%s(%s, %s);"):format(write_of[access_of(enable)], value, at(enable, macros[enable], "i"))
      if enable.count > 1 then
        out[#out + 1] = ("\tfor (int i = 0; i < %d; i++)"):format(enable.count)
        out[#out + 1] = "\t\t" .. write
      else
        out[#out + 1] = "\t" .. write
      end
    end
  end
  return out
end

local function irq_lines(def, macros)
  local out, arrays = {}, false
  for _, reg in ipairs(status_registers(def)) do
    arrays = arrays or reg.count > 1
    for _, line in ipairs(status_lines(def, reg, macros)) do out[#out + 1] = line end
  end
  return out, arrays
end

-- ---- the file ---------------------------------------------------------------------------------------------------

local function bar_lines(def)
  local list = {}
  for _, b in ipairs(places.bars(def)) do
    if b.n < CONFIG then list[#list + 1] = tostring(b.n) end
  end
  return list
end

local function join(lines) return table.concat(lines, "\n") end

-- A definition without mistakes as the text of one C file.
function M.text(def)
  local prefix = names.device(def)
  local _, macros = header.text(def)
  local irq, arrays = irq_lines(def, macros)
  local status = #irq > 0
  local vars = {
    prefix = prefix, PREFIX = names.upper(prefix), name = names.comment(def.name),
    id = ("%04x:%04x"):format(def.vendor, def.device), file = names.comment(def.file:match("[^/]*$")),
    doc = def.doc and ": " .. names.comment(def.doc) or "", rows = join(table_lines(def, macros)),
    bars = table.concat(bar_lines(def), ", "), vectors = math.max(def.vectors, 1),
    dma_bits = def.dma_bits > 0 and def.dma_bits or 64, enable = join(enable_lines(def, macros, true)),
    disable = join(enable_lines(def, macros, false)), irq = join(irq),
  }
  local has = { irq = def.vectors > 0, status = status, arrays = arrays, config = def.config ~= nil,
    enable = vars.enable ~= "", bars = vars.bars ~= "" }
  return template.fill(vars, has)
end

return M
