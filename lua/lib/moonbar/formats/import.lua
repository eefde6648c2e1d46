-- SPDX-License-Identifier: MIT
-- import.lua: from a file of another format to a device file: read, choose what becomes a BAR, make it sound, fold,
-- write, and load the result once before anybody gets it.
--
-- Try it:  ./moonbar import --list FILE.svd
local chips = require "moonbar.formats.chip"
local extensions = require "moonbar.formats.extensions"
local fold = require "moonbar.formats.fold"
local lua_write = require "moonbar.formats.lua_write"
local mistakes_of = require "moonbar.mistakes"
local numbers = require "moonbar.numbers"
local xml = require "moonbar.formats.xml"

local M = {}

local MAX_BARS = 6

local readers = {
  device = function(...) return require("moonbar.formats.svd_read").chip(...) end,
  component = function(...) return require("moonbar.formats.ipxact_read").chip(...) end,
}

local function chip_of(root, wanted)
  local reader = readers[root.tag]
  if not reader then
    xml.fail(root.line, "<%s>: neither CMSIS-SVD (<device>) nor an IP-XACT component (<component>)", root.tag)
  end
  return reader(root, wanted)
end

local function names_text(spaces)
  local list = {}
  for i, space in ipairs(spaces) do
    if i > 24 then
      list[i] = "…"
      break
    end
    list[i] = space.name
  end
  return table.concat(list, ", ")
end

-- The spaces that become BARs: those asked for, in that order, or all if they are few.
local function choose(chip, only)
  if #only == 0 then
    if #chip.spaces == 0 then xml.fail(nil, "there is no register map in it") end
    if #chip.spaces > (chip.own and MAX_BARS + 1 or 1) then
      xml.fail(nil, "it has %d register maps; choose with --peripheral NAME (--list says more): %s", #chip.spaces,
        names_text(chip.spaces))
    end
    return chip.spaces
  end
  if #only > MAX_BARS then xml.fail(nil, "%d peripherals; a device has at most %d BARs", #only, MAX_BARS) end
  local list = {}
  for _, name in ipairs(only) do
    local found
    for _, space in ipairs(chip.spaces) do
      if space.name == name then found = space end
    end
    local known = {}
    for _, space in ipairs(chip.spaces) do known[space.name] = true end
    if not found then
      xml.fail(nil, "there is no peripheral %q%s", name, mistakes_of.hint(name, known))
    end
    list[#list + 1] = found
  end
  return list
end

-- BAR numbers from 0 on; a 64-bit one takes two.
local function number_bars(spaces)
  local n = 0
  for _, space in ipairs(spaces) do
    space.n, space.title = n, space.name
    n = n + (space.size > 2 ^ 31 and 2 or 1)
  end
  if n > MAX_BARS then xml.fail(nil, "the BARs do not fit: those over 2 GiB take two numbers") end
end

-- GPIO_CTRL of GPIO is ctrl: what all rows begin with and the space is called is left out.
local function strip_prefix(space)
  local prefix = chips.name(space.name) .. "_"
  for _, row in ipairs(space.rows) do
    if row.name:sub(1, #prefix) ~= prefix or not row.name:sub(#prefix + 1):match("^%a") then return end
  end
  for _, row in ipairs(space.rows) do row.name = chips.name(row.name:sub(#prefix + 1)) end
end

local function finish(chip, only)
  chip.spaces = choose(chip, only)
  if chip.own then
    extensions.apply(chip)
    table.sort(chip.spaces, function(a, b) return (a.n or 9) < (b.n or 9) end)
    for _, space in ipairs(chip.spaces) do
      table.sort(space.rows, function(a, b) return a.offset < b.offset end)
    end
    chip.device_name = chip.pci.name or chips.name(chip.name)
    chip.doc = chip.pci.doc
    return
  end
  local unique, total = chips.unique(), 0
  for _, space in ipairs(chip.spaces) do
    strip_prefix(space)
    chips.finish_space(space)
    fold.fold(space)
    chips.name_rows(space, unique)
    total = total + space.registers
  end
  if total > chips.MAX_ROWS then xml.fail(nil, "%d registers; a device has at most %d", total, chips.MAX_ROWS) end
  number_bars(chip.spaces)
  local first = chip.spaces[1]
  chip.device_name = chips.name(#chip.spaces == 1 and first.name or chip.name):sub(1, 63)
  if #chip.spaces == 1 then
    chip.title = ("%s of %s"):format(first.name, chip.name)
    chip.doc = first.doc
  end
end

local function wanted_of(only)
  if #only == 0 then return nil end
  local wanted = {}
  for _, name in ipairs(only) do wanted[name] = true end
  return wanted
end

-- The line of the file that made the row of that name, "reg" or "group.reg"; or nil.
local function line_of(chip, name)
  for _, space in ipairs(chip.spaces) do
    for _, row in ipairs(space.rows) do
      if row.name == name then return row.line end
      for _, member in ipairs(row.rows or {}) do
        if row.name .. "." .. member.name == name then return member.line end
      end
    end
  end
end

-- What the language says of a text that was made for it.
local function check(text, chip)
  local path = os.tmpname()
  local f = assert(io.open(path, "w"))
  f:write(text)
  f:close()
  local def = require("moonbar.device").define(path, {}, true)
  os.remove(path)
  if #def.mistakes == 0 then return end
  local first = def.mistakes[1]
  if first.message:match("constants$") then
    xml.fail(nil, "%d lines of rows, fields and values: more than one Lua file can hold",
      select(2, text:gsub("\n", "")))
  end
  xml.fail(line_of(chip, first.row), "what was read does not make a device: %s%s",
    first.row and first.row .. ": " or "", (first.message:gsub(", line %d+", ""):gsub(" %(line %d+%)", "")))
end

local function guarded(path, f)
  local ok, result = pcall(f)
  if ok then return result end
  if not xml.is_mistake(result) then error(result, 0) end
  return nil, ("%s%s: %s"):format(path, result.line and ":" .. result.line or "", result.text)
end

-- The device file that @path makes; or nil and "path:line: why not". @only: names of peripherals, or empty. @root:
-- the file as a tree (xml.lua), if it has been read already.
function M.text(path, only, root)
  return guarded(path, function()
    local chip = chip_of(root or xml.read(path), wanted_of(only))
    finish(chip, only)
    local text = lua_write.text(chip, path:match("[^/]*$"))
    check(text, chip)
    return text
  end)
end

local function short(doc)
  if not doc or #doc <= 64 then return doc or "" end
  return (doc:sub(1, 64):gsub("[\192-\255][\128-\191]*$", ""):gsub("%s*%S*$", "")) .. " …"
end

-- What is in the file at @path, a peripheral a line; or nil and why not.
function M.list(path)
  return guarded(path, function()
    local chip = chip_of(xml.read(path))
    local out = { ("%s: %s %s, %d register map%s"):format(path, chip.format, chip.name, #chip.spaces,
      #chip.spaces == 1 and "" or "s") }
    local wide = 8
    for _, space in ipairs(chip.spaces) do wide = math.max(wide, #space.name) end
    for _, space in ipairs(chip.spaces) do
      chips.finish_space(space)
      out[#out + 1] = ("  %-" .. wide .. "s  %5d register%s  %s  %s"):format(space.name, space.registers,
        space.registers == 1 and " " or "s", numbers.hex(space.base or 0, 32), short(space.doc)):gsub("%s+$", "")
    end
    return table.concat(out, "\n") .. "\n"
  end)
end

return M
