-- SPDX-License-Identifier: MIT
-- commands.lua: the words of the prompt, in the order `help` lists them.
--
-- Each entry: name; args, what follows it; doc, one sentence; example, a line that works on
-- edu (a test types every one of them); run(prompt, ...) for a command, absent for a form of
-- Lua that is worth a line of help. Commands get words typed after their name as strings, or,
-- called as functions, whatever they were called with.
--
-- Try it:  make && echo help | ./moonbar run lua/devices/edu.lua

local language = require "moonbar.help"
local map = require "moonbar.map"
local ask = require "repl.ask"
local config = require "repl.config"
local dma = require "repl.dma"
local dump = require "repl.dump"
local glob = require "repl.pattern"
local handles = require "repl.handles"
local irq = require "repl.irq"
local reload = require "repl.reload"
local show = require "repl.show"
local trace = require "repl.trace"

local M = {}

local list = {}
local by_name = {}

local function add(entry)
  for _, key in ipairs { "name", "args", "doc", "example" } do
    assert(type(entry[key]) == "string", "a command without " .. key)
  end
  list[#list + 1] = entry
  by_name[entry.name] = entry
end

local function fail(fmt, ...) error(string.format(fmt, ...), 0) end

-- ---- forms of Lua -------------------------------------------------------------------------------

add {
  name = "peek", args = "DEVICE.REGISTER[.FIELD]", example = "edu.status",
  doc = "Look at a register or a field, with no side effect on the device.",
}

add {
  name = "poke", args = "DEVICE.REGISTER[.FIELD] = VALUE", example = "edu.status.irqfact = 1",
  doc = "Set it as the hardware itself would: no hook runs. Fields take enum names, too.",
}

add {
  name = "read", args = "DEVICE.REGISTER:read()", example = "edu.liveness:read()",
  doc = "Read as the driver would: over the bus, hooks and side effects included.",
}

add {
  name = "write", args = "DEVICE.REGISTER:write(VALUE)", example = "edu.liveness:write(5)",
  doc = "Write as the driver would: over the bus, hooks and side effects included.",
}

add {
  name = "driver", args = '"DEVICE"', example = 'd = driver "edu"',
  doc = "The driver's API: d.liveness = 5, d:dma_alloc(4096), d:wait_irq(0, 1*s).",
}

add {
  name = "?", args = "?DEVICE.REGISTER[.FIELD]", example = "?edu.status",
  doc = "What it is: description, fields, access, and what an access costs. Also ?DEVICE and ?WORD.",
}

add {
  name = "??", args = "??DEVICE.REGISTER", example = "??edu.dma_cmd",
  doc = "The same, and its row and hooks as they stand in the file.",
}

-- ---- commands -------------------------------------------------------------------------------------

local function all_devices(prompt)
  local names = prompt:device_names()
  if #names == 0 then fail "no device is loaded" end
  local devs = {}
  for i, name in ipairs(names) do devs[i] = handles.device(name) end
  return devs
end

-- Elements of a short array are shown one by one, of a long one together.
local function register_rows(dev, matches)
  local bars, order = {}, {}
  for _, reg in ipairs(dev.registers) do
    if matches(reg.name) then
      if not bars[reg.place] then
        bars[reg.place] = {}
        order[#order + 1] = reg.place
      end
      local rows = bars[reg.place]
      if not handles.is_array(reg) then
        rows[#rows + 1] = { reg = reg, name = reg.name, value = dev:peek(reg.name) }
      elseif reg.count > 8 then
        rows[#rows + 1] = { reg = reg,
          name = map.element_name(reg.record) }
      else
        for i = 0, reg.count - 1 do
          local name = handles.element_name(reg, i)
          rows[#rows + 1] = { reg = reg, name = name, value = dev:peek(name),
            offset = reg.place_of(i) }
        end
      end
    end
  end
  return bars, order
end

local function show_registers(prompt, dev, pattern)
  local bars, order = register_rows(dev, pattern and glob(pattern) or function() return true end)
  for _, bar in ipairs(order) do
    prompt:print(prompt:bold(string.format("%s  %s", dev.name, bar)))
    for i, line in ipairs(show.table(bars[bar], prompt:width())) do
      prompt:print(i == 1 and prompt:dim(line) or line)
    end
  end
  return #order > 0
end

add {
  name = "regs", args = "[DEVICE] [PATTERN]", example = "regs edu irq*", words = { "register" },
  doc = "The table of registers, by BAR and offset; PATTERN is part of a name, or has * and ?.",
  run = function(prompt, first, pattern)
    local dev = first and handles.device_of(first)
    if not dev and first then pattern = pattern or tostring(first) end
    local devs, found = dev and { dev } or all_devices(prompt), false
    for _, d in ipairs(devs) do
      found = show_registers(prompt, d, pattern and tostring(pattern)) or found
    end
    if found then return end
    local names = prompt:device_names()
    for _, d in ipairs(devs) do
      for _, reg in ipairs(d.registers) do names[#names + 1] = reg.name end
    end
    fail("no register is called '%s'%s", tostring(pattern),
      handles.hint(tostring(pattern or ""), names, "; `regs` alone lists all"))
  end,
}

local function only_device(prompt, usage)
  local devs = all_devices(prompt)
  if #devs == 1 then return devs[1] end
  fail("which device? %s, with one of: %s", usage, table.concat(prompt:device_names(), ", "))
end

add {
  name = "irq", args = "[DEVICE] VECTOR", example = "irq edu 0", words = { "device" },
  doc = "Fire an interrupt as the device would, by a cause in its status register if it has one.",
  run = function(prompt, first, second)
    local dev = handles.device_of(first)
    local vector = first
    if dev then vector = second end
    if not dev and second ~= nil then handles.device(first) end
    dev = dev or only_device(prompt, "irq DEVICE VECTOR")
    local n = tonumber(handles.plain(vector))
    if not n or n < 0 or n ~= math.floor(n) then
      fail("irq takes a vector number: irq %s 0", dev.name)
    end
    prompt:print(irq.fire(dev, n))
  end,
}

-- How many words a command takes: those that its args name.
local function most(entry)
  return select(2, entry.args:gsub("[%a][%a|]*", ""))
end

local function one_of(which)
  local dev = which and handles.device_of(which)
  if which and not dev then handles.device(which) end
  return dev
end

add {
  name = "trace", args = "on|off [PATTERN]", example = "trace on irq*", words = { { "on", "off" }, "register" },
  doc = "Show the driver's accesses as they happen, all or those of registers that fit PATTERN.",
  run = function(prompt, state, pattern)
    if state == nil then return trace.tell(prompt) end
    local act = ({ on = trace.on, off = trace.off })[state]
    if not act then fail("trace takes on or off, and a pattern after it: trace on %s", tostring(state)) end
    act(prompt, pattern and tostring(pattern))
  end,
}

add {
  name = "reload", args = "[DEVICE|on|off]", example = "reload edu", words = { { "on", "off", "device" } },
  doc = "Read the file again, now; or by itself whenever it is saved (on, as it is at first) or not (off).",
  run = function(prompt, which)
    if which == "on" or which == "off" then
      prompt.no_reload = which == "off"
      return
    end
    local dev = one_of(which)
    for _, d in ipairs(dev and { dev } or all_devices(prompt)) do prompt:print(reload.now(prompt, d)) end
  end,
}

add {
  name = "md", args = "[DEVICE] WHERE [LENGTH]", example = "md edu bar0+0x40000 32", words = { "register" },
  doc = "Memory as bytes: WHERE is bar0+0x100, dma+0x100000 (a bus address), or a register; md(page) works, too.",
  run = function(prompt, first, second, third)
    if dump.is_memory(first) then return dump.show(prompt, nil, first, second) end
    local dev = handles.device_of(first)
    if dev then return dump.show(prompt, dev, second == nil and "bar0" or handles.plain(second), third) end
    if first == nil then fail "md of what? md DEVICE bar0+0x100 64" end
    if third ~= nil then handles.device(first) end
    dump.show(prompt, only_device(prompt, "md DEVICE WHERE"), handles.plain(first), second)
  end,
}

local function each(prompt, which, f)
  local dev = one_of(which)
  for _, d in ipairs(dev and { dev } or all_devices(prompt)) do f(prompt, d) end
end

add {
  name = "dma", args = "[DEVICE]", example = "dma edu", words = { "device" },
  doc = "The driver's mappings, where the bus tells them, and the device's latest transfers.",
  run = function(prompt, which) each(prompt, which, dma.show) end,
}

add {
  name = "config", args = "[DEVICE]", example = "config edu", words = { "device" },
  doc = "Configuration space decoded: header, BARs, capabilities, extended capabilities.",
  run = function(prompt, which) each(prompt, which, config.show) end,
}

local function usage(entry)
  local has_name = not entry.run and entry.name ~= "driver"
  return has_name and entry.args or entry.name .. (entry.args == "" and "" or " " .. entry.args)
end

-- A long sentence goes on in lines of its own, below what it explains.
local function help_all(prompt)
  local wide = 0
  for _, entry in ipairs(list) do wide = math.max(wide, #usage(entry)) end
  for _, entry in ipairs(list) do
    local lines = show.wrap(entry.doc, (prompt:width() or 1000) - wide - 5)
    for i, line in ipairs(lines) do
      prompt:print(string.format("  %-" .. wide .. "s  %s", i == 1 and usage(entry) or "", line))
    end
  end
  prompt:print ""
  prompt:print "Any Lua works; the last result is `_`. Variables without `local` stay."
  local names = prompt:device_names()
  if #names > 0 then prompt:print("Devices: " .. table.concat(names, ", ")) end
end

add {
  name = "help", args = "[NAME]", example = "help regs", words = { "help" },
  doc = "This list, or what NAME is: a command, a word of the language, a device, DEVICE.REGISTER[.FIELD].",
  run = function(prompt, topic)
    if topic == nil then return help_all(prompt) end
    if type(topic) ~= "string" then
      local dev = handles.device_of(topic)
      return prompt:print(dev and tostring(topic) or show.value(topic))
    end
    local entry = by_name[topic]
    if entry then
      prompt:print(usage(entry))
      prompt:print("  " .. entry.doc)
      return prompt:print("  Example: " .. entry.example)
    end
    if ask.tell(prompt, topic) then return end
    local form, sentence = language.of(topic)
    if form then
      prompt:print(form)
      prompt:print("  " .. sentence)
      return prompt:print "  docs/author.md has the rest."
    end
    local names = prompt:device_names()
    for _, word in ipairs(language.names()) do names[#names + 1] = word end
    for name in pairs(by_name) do names[#names + 1] = name end
    fail("there is no help on '%s'%s", topic,
      handles.hint(topic, names, "; `help` alone lists what there is"))
  end,
}

add {
  name = "quit", args = "", example = "quit",
  doc = "Leave. So does the end of input (Ctrl-D); Ctrl-C abandons the line.",
  run = function(prompt) prompt.leaving = true end,
}

-- ---- what prompt.lua and the tests use ---------------------------------------------------------

M.list = list

-- names() -> the names of what can be typed as a command.
function M.names()
  local names = {}
  for _, entry in ipairs(list) do
    if entry.run then names[#names + 1] = entry.name end
  end
  return names
end

-- get(name) -> the entry of that command, or nil; a form of Lua is no command.
function M.get(name)
  local entry = by_name[name]
  return entry and entry.run and entry
end

-- run(prompt, entry, ...): a command with its arguments; too many of them are a mistake.
function M.run(prompt, entry, ...)
  local n = most(entry)
  if select("#", ...) > n then
    fail("%s: %s is one word too many; it is `%s`", entry.name, show.value((select(n + 1, ...))), usage(entry))
  end
  return entry.run(prompt, ...)
end

-- parse(line) -> entry, { words… } if the line is a command, else nil: `irq(0)`, `regs = 5`
-- and `help.x` are Lua.
function M.parse(line)
  local name, rest = line:match "^%s*([%a_][%w_]*)(.*)$"
  local entry = name and M.get(name)
  if not entry or rest:find "^%s*[%(=%.%[:,\"'{]" then return nil end
  if rest ~= "" and not rest:find "^%s" then return nil end
  local words = {}
  for word in rest:gmatch "%S+" do
    words[#words + 1] = word:match '^"(.*)"$' or word:match "^'(.*)'$" or word
  end
  return entry, words
end

return M
