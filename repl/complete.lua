-- SPDX-License-Identifier: MIT
-- complete.lua: what TAB offers: commands, devices, registers and fields of the live map.
-- Try it:  make && ./moonbar run lua/devices/edu.lua     then type:  edu.st TAB

local commands = require "repl.commands"

local M = {}

local function field_names(reg)
  local names = {}
  for _, f in ipairs(reg.fields or {}) do names[#names + 1] = f.name end
  return names
end

-- candidates(prompt, path) -> prefix, names: what may follow a path such as "edu.status."
local function members(prompt, path)
  local dev_name, reg_name = path:match "^([%w_]+)%.([%w_]*)"
  local dev = dev_name and prompt.mb.devices[dev_name]
  if not dev then return {} end
  local names = {}
  if not path:find "^[%w_]+%.[%w_]+[%.:]" then
    for _, reg in ipairs(dev.registers) do names[#names + 1] = reg.name end
    return names
  end
  if path:find ":$" then return { "read()", "write(" } end
  for _, reg in ipairs(dev.registers) do
    if reg.name == reg_name then return field_names(reg) end
  end
  return {}
end

local function top_level(prompt, before)
  local names = prompt:device_names()
  local command = before:match "^%s*([%a_]+)%s+$"
  if before:find "^%s*$" or command == "help" then
    for _, name in ipairs(commands.names()) do names[#names + 1] = name end
  end
  if not command then
    for name in pairs(prompt.vars) do names[#names + 1] = name end
  end
  return names
end

local function common(list)
  local prefix = list[1]
  for _, word in ipairs(list) do
    while word:sub(1, #prefix) ~= prefix do prefix = prefix:sub(1, -2) end
  end
  return prefix
end

-- line(prompt, text): text up to the cursor. Answers what readline wants to hear: nothing, the
-- only candidate, or the longest common start and then the candidates, newlines between.
function M.line(prompt, text)
  local before, word = text:match "^(.-)([%w_%.:]*)$"
  local path, partial = word:match "^(.*[%.:])([%w_]*)$"
  partial = partial or word
  local names = path and members(prompt, path) or top_level(prompt, before)
  local found = {}
  for _, name in ipairs(names) do
    if name:sub(1, #partial) == partial then found[#found + 1] = (path or "") .. name end
  end
  table.sort(found)
  if #found < 2 then return found[1] end
  return common(found) .. "\n" .. table.concat(found, "\n")
end

return M
