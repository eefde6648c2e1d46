-- SPDX-License-Identifier: MIT
-- ask.lua: `?edu.status` tells what there is to know of a register, field, group or device; `??edu.status`
-- shows the row and its hooks as they stand in the file, too.
-- Try it:  printf '?edu.status\n??edu.dma_cmd\n' | ./moonbar run lua/devices/edu.lua

local access = require "moonbar.access"
local check = require "moonbar.check"
local map = require "moonbar.map"
local handles = require "repl.handles"
local show = require "repl.show"

local M = {}

-- ---- finding -------------------------------------------------------------------------------------------

local function device_with(prompt, path)
  for _, name in ipairs(prompt:device_names()) do
    local dev = prompt.mb.devices[name]
    if map.find(dev.ctx.def, path) then return dev end
  end
end

-- find(prompt, "edu.slot[2].high") -> device, path within it, register's record or nil, field, element.
-- Without the device's name if only one has such a register. nil: it names nothing here. Raises with help
-- if the device is right and the rest is not.
function M.find(prompt, text)
  local first, rest = text:match "^([%a_][%w_]*)%.?(.*)$"
  local dev = prompt.mb.devices[text] or first and prompt.mb.devices[first]
  if dev and (text == dev.name or rest == "") then return dev end
  if not dev then dev, rest = device_with(prompt, text), text end
  if not dev then return nil end
  local group, index = rest:match "^([%a_][%w_]*)(%[?%d*%]?)$"
  if group and dev.ctx.def.groups[group] then return dev, group .. index, nil, nil, nil, dev.ctx.def.groups[group] end
  local reg, field, element = map.find(dev.ctx.def, rest)
  if reg then return dev, rest, reg, field, element end
  error(string.format("%s: %s", dev.name, field), 0)
end

-- ---- what there is to know ---------------------------------------------------------------------------------

local function facts(reg)
  local list = {}
  local function add(fmt, ...) list[#list + 1] = string.format(fmt, ...) end
  if reg.access then add("%s (%s)", reg.access, access.meaning[reg.access] or "?") end
  if reg.alias then add("an alias of %s", reg.alias) end
  if reg.sizes then add("accesses of %s bytes", table.concat(reg.sizes, " or ")) end
  if not reg.doorbell then add("reset value %s", show.hex(reg.reset, reg.width)) end
  if reg.lock then add("locked while %s is not 0", reg.lock) end
  if reg.vector then add("interrupt vector %d%s", reg.vector, reg.enable and ", enabled by " .. reg.enable or "") end
  return list
end

local function hook_names(reg)
  local names = {}
  for _, what in ipairs { "read", "write", "doorbell" } do
    if reg[what] then names[#names + 1] = what end
  end
  return names
end

local function enum_lines(fields, print)
  for _, f in ipairs(fields or {}) do
    local values = {}
    for v in pairs(f.enum or {}) do values[#values + 1] = v end
    table.sort(values)
    for i, v in ipairs(values) do values[i] = string.format("%d %s", v, f.enum[v]) end
    if #values > 0 then print(string.format("  %s is one of: %s", f.name, table.concat(values, ", "))) end
  end
end

local function tell_register(dev, reg, element, print)
  local row = handles.register_row(dev, reg.name)
  local full = handles.full_name(dev, row, element)
  if reg.is_array and not element then
    print(string.format("%s: %d registers of %d bits, %s + 0x%x, one every 0x%x, %s%s", full, reg.count, reg.width,
      reg.bar.title, reg.offset, reg.inner and reg.inner_stride or reg.stride,
      show.access(row), reg.doc and "\n  " .. reg.doc or ""))
    for _, line in ipairs(show.field_list(row)) do print(line) end
  else
    print(show.register(full, row, dev:peek(map.element_name(reg, element or 0)), element))
  end
  enum_lines(reg.fields, print)
  local list = facts(reg)
  if #list > 0 then print("  " .. table.concat(list, "; ")) end
  local read, write = check.cost(reg)
  print(string.format("  a driver's read: %s; write: %s", read, write))
  local hooks = hook_names(reg)
  if #hooks > 0 then print("  hook: " .. table.concat(hooks, ", ")) end
end

local function tell_field(dev, reg, field, element, print)
  local row = handles.register_row(dev, reg.name)
  print(string.format("%s.%s: bit%s %s of %s + 0x%x, %s", handles.full_name(dev, row, element), field.name,
    field.lo == field.hi and "" or "s", field.lo == field.hi and field.lo or field.hi .. " to " .. field.lo,
    reg.bar.title, row.place_of(element or 0), field.access or show.access(row)))
  if field.doc then print("  " .. field.doc) end
  local values = {}
  for v in pairs(field.enum or {}) do values[#values + 1] = v end
  table.sort(values)
  for _, v in ipairs(values) do print(string.format("  %d  %s", v, field.enum[v])) end
  if access.meaning[field.access] then print("  " .. access.meaning[field.access]) end
end

local function tell_group(dev, path, group, print)
  print(string.format("%s.%s: %d registers at %s + 0x%x%s%s", dev.name, path, #group.order, group.bar.title,
    group.offset, group.is_array and string.format(", %d times, one every 0x%x", group.count, group.stride) or "",
    group.doc and "\n  " .. group.doc or ""))
  for _, reg in ipairs(group.order) do
    print(string.format("  0x%02x  %s  %s", reg.offset - group.offset, reg.member, reg.doc or ""))
  end
end

local function tell_device(dev, print)
  print((check.report(dev.ctx.def):gsub(": no mistakes", "")))
  if dev.ctx.def.doc then print("  " .. dev.ctx.def.doc) end
  print(string.format("  on %s; `regs %s` shows its registers", dev.bus or "no bus", dev.name))
end

-- ---- and where it stands ----------------------------------------------------------------------------------------

local function tell_lines(def, file, first, last, what, print)
  print(string.format("%s%s:%d", what, file, first))
  local source = def.sources[file]
  for _, line in ipairs(source and source:lines(first, last) or {}) do print("  " .. line) end
end

local function tell_source(dev, reg, print)
  local def = dev.ctx.def
  tell_lines(def, reg.file, reg.line, reg.last or reg.line, "", print)
  for _, what in ipairs(hook_names(reg)) do
    local info = debug.getinfo(reg[what], "S")
    local file = info.source:gsub("^@", "")
    if file ~= reg.file or info.linedefined < reg.line or info.linedefined > (reg.last or reg.line) then
      tell_lines(def, file, info.linedefined, info.lastlinedefined, what .. " hook, ", print)
    end
  end
end

-- tell(prompt, text, deep) -> true if it named something here. @deep: with the source.
function M.tell(prompt, text, deep)
  local dev, path, reg, field, element, group = M.find(prompt, text)
  if not dev then return false end
  local function print(line) prompt:print(line) end
  if group then tell_group(dev, path, group, print)
  elseif not reg then tell_device(dev, print)
  elseif field then tell_field(dev, reg, field, element, print)
  else tell_register(dev, reg, element, print) end
  if deep and group then tell_lines(dev.ctx.def, group.file, group.line, group.last or group.line, "", print) end
  if deep and reg then tell_source(dev, reg, print) end
  if deep and not reg and not group then
    print(string.format("%s:%d", dev.ctx.def.file, dev.ctx.def.device_where.line))
  end
  return true
end

return M
