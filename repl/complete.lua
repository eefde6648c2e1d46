-- SPDX-License-Identifier: MIT
-- complete.lua: what TAB offers: commands, devices, registers, fields and enum values of the live map, a
-- driver's methods, and what else Lua has under a name.
-- Try it:  make && ./moonbar run lua/devices/edu.lua     then type:  edu.st TAB

local driver = require "moonbar.driver"
local memory = require "moonbar.memory"
local commands = require "repl.commands"
local handles = require "repl.handles"

local M = {}

-- ---- what an expression stands for -------------------------------------------------------------------

-- A node is { kind =, … }: device and driver (dev), group (dev, group, index), register (dev, reg, index,
-- of = "device" or "driver"), field (field), table (value), span.

local function root(prompt, name)
  local dev = prompt.mb.devices[name]
  if dev then return { kind = "device", dev = dev } end
  local v = prompt.vars[name]
  if v == nil then v = prompt.own[name] end
  if v == nil then v = rawget(_G, name) end
  dev = v ~= nil and driver.device(v)
  if dev then return { kind = "driver", dev = dev } end
  if handles.is_register(v) then
    local d, reg, _, index = handles.open(v)
    return { kind = "register", dev = d, reg = reg, index = index, of = "device" }
  elseif memory.is_span(v) or type(v) == "table" and rawget(v, "span") then
    return { kind = "span" }
  elseif type(v) == "table" then
    return { kind = "table", value = v }
  end
end

local function member(node, name)
  local dev = node.dev
  if node.kind == "device" or node.kind == "driver" then
    local group = dev.ctx.def.groups[name]
    local reg = handles.register_row(dev, name)
    if reg then return { kind = "register", dev = dev, reg = reg, of = node.kind } end
    return group and { kind = "group", dev = dev, group = group, of = node.kind }
  elseif node.kind == "group" then
    local reg = node.group.members[name] and handles.register_row(dev, node.group.name .. "." .. name)
    local index = reg and not reg.inner and node.index or nil
    return reg and { kind = "register", dev = dev, reg = reg, index = index, of = node.of }
  elseif node.kind == "register" then
    for _, f in ipairs(node.reg.fields or {}) do
      if f.name == name then return { kind = "field", field = f } end
    end
  elseif node.kind == "table" then
    local v = rawget(node.value, name)
    return type(v) == "table" and { kind = "table", value = v }
  end
end

local function element(node, index)
  if (node.kind ~= "register" and node.kind ~= "group") or node.index then return nil end
  node.index = index
  return node
end

-- resolve(prompt, "edu.slot[2]") -> a node, or nil.
local function resolve(prompt, path)
  local name, rest = path:match "^([%a_][%w_]*)(.*)$"
  local node = name and root(prompt, name)
  while node and rest ~= "" do
    local next_name, after = rest:match "^%.([%a_][%w_]*)(.*)$"
    if next_name then
      node = member(node, next_name)
    else
      local index
      index, after = rest:match "^%[(%d+)%](.*)$"
      node = index and element(node, tonumber(index))
    end
    rest = after
  end
  return node or nil
end

-- ---- what may follow it ------------------------------------------------------------------------------------

local function register_names(dev, names)
  for _, reg in ipairs(dev.registers) do
    if not reg.group then names[#names + 1] = reg.name .. (handles.is_array(reg) and "[" or "") end
  end
  for _, group in ipairs(dev.ctx.def.groups) do
    names[#names + 1] = group.name .. (group.is_array and "[" or "")
  end
  return names
end

local function method_names(methods)
  local names = {}
  for name in pairs(methods) do names[#names + 1] = name .. "(" end
  return names
end

local function table_names(t, with_functions)
  local names = {}
  for name, v in pairs(t) do
    if type(name) == "string" and name:find "^[%a_][%w_]*$" and (not with_functions or type(v) == "function") then
      names[#names + 1] = name .. (type(v) == "function" and "(" or "")
    end
  end
  return names
end

local function members(node, colon)
  if node.kind == "driver" then
    return colon and method_names(driver.methods) or register_names(node.dev, {})
  elseif node.kind == "device" then
    return colon and {} or register_names(node.dev, {})
  elseif node.kind == "group" and not colon then
    local names = {}
    for _, reg in ipairs(node.group.order) do names[#names + 1] = reg.member .. (reg.inner and "[" or "") end
    return names
  elseif node.kind == "register" then
    if colon then return node.of == "device" and { "read()", "write(" } or {} end
    local names = {}
    for _, f in ipairs(node.reg.fields or {}) do names[#names + 1] = f.name end
    return names
  elseif node.kind == "span" then
    return colon and method_names(memory.methods) or { "bus", "len" }
  elseif node.kind == "table" then
    return table_names(node.value, colon)
  end
  return {}
end

-- `edu.dma_cmd.dir = "to` and `==`: the names of the field's values. A quote that is open is closed by readline.
local function enum_values(prompt, before)
  local path, quote = before:match "([%a_][%w_%.%[%]]*)%s*=+%s*([\"']?)$"
  local node = path and resolve(prompt, path)
  if not node or node.kind ~= "field" or not node.field.enum then return nil end
  local names = {}
  for _, name in pairs(node.field.enum) do
    names[#names + 1] = quote ~= "" and name or '"' .. name .. '"'
  end
  return names
end

-- In a string: a device's name after driver and device, a register's after `d:read`; else nothing is known.
local function string_names(prompt, before)
  local names = {}
  if not before:find "[\"']$" then return nil end
  if before:find "%f[%w]driver%s*%(?%s*.$" or before:find "%f[%w]device%s*%(%s*.$" then
    for _, name in ipairs(prompt:device_names()) do names[#names + 1] = name end
    return names
  end
  local path, method = before:match "([%a_][%w_]*):([%a_]+)%s*%(?%s*.$"
  local node = path and (method == "read" or method == "write") and resolve(prompt, path)
  if not node or node.kind ~= "driver" then return names end
  for _, reg in ipairs(node.dev.registers) do names[#names + 1] = reg.name end
  return names
end

-- ---- commands and names --------------------------------------------------------------------------------------

local arguments = {}

function arguments.device(prompt) return prompt:device_names() end

function arguments.register(prompt)
  local names = prompt:device_names()
  for _, name in ipairs(prompt:device_names()) do
    for _, reg in ipairs(prompt.mb.devices[name].registers) do names[#names + 1] = reg.name end
  end
  return names
end

function arguments.help(prompt)
  local names = prompt:device_names()
  for _, entry in ipairs(commands.list) do names[#names + 1] = entry.name end
  return names
end

-- entry.words: what its arguments are, one after the other: a key of arguments, or a list of words.
local function argument_names(prompt, entry, before)
  local n = select(2, before:gsub("%S+", ""))
  local kind = entry.words and (entry.words[n] or entry.words[#entry.words])
  if type(kind) ~= "table" then return kind and arguments[kind](prompt) or {} end
  local names = {}
  for _, word in ipairs(kind) do
    if not arguments[word] then names[#names + 1] = word end
    for _, name in ipairs(arguments[word] and arguments[word](prompt) or {}) do names[#names + 1] = name end
  end
  return names
end

local function top_level(prompt, before, partial)
  local entry = commands.parse(before)
  if entry and before:find "%s$" then return argument_names(prompt, entry, before) end
  local names = prompt:device_names()
  if before:find "^%s*$" then
    for _, name in ipairs(commands.names()) do names[#names + 1] = name end
  end
  for name in pairs(prompt.vars) do names[#names + 1] = name end
  if partial ~= "" then
    for _, set in ipairs { prompt.own, _G } do
      for name in pairs(set) do
        if not commands.get(name) and not name:find "^_" then names[#names + 1] = name end
      end
    end
  end
  return names
end

-- ---- the answer --------------------------------------------------------------------------------------------------

local function common(list)
  local prefix = list[1]
  for _, word in ipairs(list) do
    while word:sub(1, #prefix) ~= prefix do prefix = prefix:sub(1, -2) end
  end
  return prefix
end

local function candidates(prompt, before, path, partial)
  if not path then
    return enum_values(prompt, before) or string_names(prompt, before) or top_level(prompt, before, partial)
  end
  local whole = (before:match "[%a_][%w_%.%[%]]*$" or "") .. path
  local node = resolve(prompt, whole:sub(1, -2))
  return node and members(node, path:sub(-1) == ":") or {}
end

-- line(prompt, text): text up to the cursor. Answers what readline wants to hear: nothing, the
-- only candidate, or the longest common start and then the candidates, newlines between.
function M.line(prompt, text)
  local before, word = text:match "^(.-)([%w_%.:]*)$"
  local path, partial = word:match "^(.*[%.:])([%w_]*)$"
  partial = partial or word
  local found, seen = {}, {}
  for _, name in ipairs(candidates(prompt, before:gsub("^%s*%?+", ""), path, partial)) do
    if name:sub(1, #partial) == partial and not seen[name] then
      seen[name] = true
      found[#found + 1] = (path or "") .. name
    end
  end
  table.sort(found)
  if #found < 2 then return found[1] end
  return common(found) .. "\n" .. table.concat(found, "\n")
end


return M
