-- SPDX-License-Identifier: MIT
-- errors.lua: what went wrong while a device runs, told once. A hook that raises is the device's
-- mistake; a driver that misprograms the device is a guest error, with register, value and the row's
-- file and line; what the model lacks is unimplemented. Each is shown once per place.
--
-- Try it:  ./moonbar -e 'driver("edu").id = 5' lua/devices/edu.lua
local bit = require "bit"
local access = require "moonbar.access"
local lib = require "moonbar.lib"
local map = require "moonbar.map"
local memory = require "moonbar.memory"
local mistakes_of = require "moonbar.mistakes"
local numbers = require "moonbar.numbers"
local hex = numbers.hex

local M = {}

local BAR_CONFIG = 0xff       -- MB_BAR_CONFIG

local MAX_PLACES = 1000         -- a driver gone mad shall not fill memory

-- Where all text goes; moonbar.log replaces it.
M.write = function(text) io.stderr:write(text, "\n") end

function M.attach(ctx)
  local seen, places = {}, 0

  -- kind of guest error → row → true; kept as long as the rows are what they were
  function ctx.forget_guests()
    ctx.guests_told = setmetatable({}, { __index = function(t, kind)
      local rows = {}
      t[kind] = rows
      return rows
    end })
  end
  ctx.forget_guests()

  function ctx.log(text) M.write(ctx.name .. ": " .. text) end

  -- Log a line the first time that key comes by.
  function ctx.log_once(key, fmt, ...)
    if seen[key] then return end
    if places >= MAX_PLACES then return end
    places = places + 1
    seen[key] = true
    ctx.log(select("#", ...) > 0 and fmt:format(...) or fmt)
    if places == MAX_PLACES then ctx.log "more messages of this kind are not shown" end
  end
end

-- ---- hooks that raise ---------------------------------------------------------------------------------

local function row_name(ctx, row)
  local element = ctx.def.elements[row + 1]
  if not element then return nil end
  return map.element_name(element.reg, element.i), element.reg
end

local function hook_text(ctx, event, row)
  if event == lib.event.read or event == lib.event.write then
    local name, reg = row_name(ctx, row)
    if not name then return "a hook" end
    local what = event == lib.event.read and "read" or reg.doorbell and "doorbell" or "write"
    return ("%s, %s hook"):format(name, what)
  elseif event == lib.event.timer then
    if ctx.resumed then return ctx.resumed end
    return ctx.running and ("event %s"):format(ctx.running) or "an event"
  end
  return "a handler in on"
end

-- The message without its traceback, and the traceback's lines.
local function split_trace(message)
  message = tostring(message)
  local at = message:find("\nstack traceback:", 1, true)
  if not at then return message, "" end
  return message:sub(1, at - 1), message:sub(at + 1)
end

-- The lines of a traceback that are in the device's own files.
local function own_lines(ctx, trace)
  local lines = {}
  for line in trace:gmatch("[^\n]+") do
    local file = line:match("^%s+(.-):%d+:")
    if file and ctx.def.sources[file] and #lines < 4 then
      lines[#lines + 1] = "  " .. line:gsub("^%s+", "")
    end
  end
  return lines
end

-- `return raise "x"` leaves no trace of the hook, which Lua calls a tail call; the place that blame() found is then
-- the driver's, or none. The hook itself is near enough.
local function in_hook(ctx, event, row, text)
  local file, _, what = mistakes_of.split(text)
  if not mistakes_of.is_blamed(text) or file and ctx.def.sources[file] then return text end
  local _, reg = row_name(ctx, row)
  local f = event == lib.event.timer and ctx.events[ctx.running]
  if reg and (event == lib.event.read or event == lib.event.write) then
    f = event == lib.event.read and reg.read or reg.doorbell or reg.write
  end
  if not f then return text end
  local info = debug.getinfo(f, "S")
  return ("%s:%d: %s"):format(info.short_src, info.linedefined, what)
end

M.raised = 0                    -- how many hooks and events have raised, of all devices

function M.on_error(ctx, event, row, message)
  local text, trace = split_trace(message)
  local where, is_outside = hook_text(ctx, event, row), memory.is_outside(text)
  text = in_hook(ctx, event, row, text)
  ctx.running, ctx.resumed = nil, nil
  if is_outside then
    local place, what = text:match("^(.-:%d+): (.*)$")
    ctx.log_once(where .. (place or ""), "guest error: %s: %s%s", where, what or text,
      place and " (" .. place .. ")" or "")
    return
  end
  M.raised = M.raised + 1
  if ctx.hook_failed then ctx.hook_failed(where .. ": " .. text) end    -- selftest.lua
  local lines = own_lines(ctx, trace)
  local effect = event == lib.event.read and "; the driver reads the stored value"
    or event == lib.event.write and not where:find("doorbell", 1, true) and "; the write is kept" or ""
  local whole = ("%s: %s%s%s"):format(where, text, effect, #lines > 1 and "\n" .. table.concat(lines, "\n") or "")
  if text:find(": interrupted$") then ctx.log(whole)            -- somebody has pressed Ctrl-C
  else ctx.log_once(where .. "\0" .. text, "%s", whole) end
end

function M.install(core)
  core.on_error = function(device, event, row, message)       -- C tells of a hook that raised
    local ctx = M.by_core[device]
    if not ctx then return M.write(tostring(message)) end
    M.on_error(ctx, event, row, message)
  end
end
M.by_core = setmetatable({}, { __mode = "k" })

-- ---- guest errors ----------------------------------------------------------------------------------------

local function sizes_text(reg)
  return "it takes " .. table.concat(reg.sizes or { 1, 2, 4, 8 }, " or ") .. " bytes"
end

-- What each enum mb_guest_error says. @g: size, offset, bar, value; name, reg of the row, if any.
local texts = {
  function(g)
    return ("read of %d bytes at BAR %d + %s, where nothing is: reads as ones"):format(g.size, g.bar, hex(g.offset))
  end,
  function(g)
    return ("write of %s to BAR %d + %s, where nothing is: ignored"):format(hex(g.value), g.bar, hex(g.offset))
  end,
  function(g) return ("%d-byte read of %s: %s; reads as ones"):format(g.size, g.name, sizes_text(g.reg)) end,
  function(g)
    return ("%d-byte write of %s to %s: %s; ignored"):format(g.size, hex(g.value), g.name, sizes_text(g.reg))
  end,
  function(g)
    return ("write of %s to %s while %s is not 0: ignored"):format(hex(g.value), g.name, g.reg.lock or "its lock")
  end,
  function(g)
    return ("write of %s to %s: reserved bits %s"):format(hex(g.value), g.name, hex(g.reserved))
  end,
  function(g)
    local word = g.reg.access or "ro"
    return ("write of %s to %s, which is %s (%s): ignored"):format(hex(g.value), g.name, word,
      access.meaning[word] or "not writable")
  end,
}

-- From the door: MB_EV_GUEST_ERROR with ctx.call filled.
function M.guest_error(ctx, row)
  local call = ctx.call
  local kind = call.size
  local told = ctx.guests_told[kind]
  if told[row] then return end          -- a driver may do it a million times
  if row ~= lib.none then told[row] = true end
  local name, reg = row_name(ctx, row)
  local g = { size = tonumber(call.raw), offset = call.offset, bar = call.bar, value = call.value,
    name = name, reg = reg }
  if reg then
    local exists = reg.exists
    g.reserved = bit.band(numbers.u64(g.value), bit.bnot(exists))
    if kind == 6 and g.reserved == 0 then g.reserved = g.value end
  end
  local key = ("guest %d %s"):format(kind, name or hex(g.offset) .. "@" .. g.bar)
  local text = texts[kind] and texts[kind](g) or ("guest error %d"):format(kind)
  ctx.log_once(key, "guest error: %s%s", text, reg and (" (%s:%d)"):format(reg.file, reg.line) or "")
end

local function place_text(call)
  if call.bar == BAR_CONFIG then return "configuration space at " .. hex(call.offset) end
  return "BAR " .. call.bar .. " + " .. hex(call.offset)
end

function M.timeout(ctx, row)
  local name, reg = row_name(ctx, row)
  ctx.timeouts = (ctx.timeouts or 0) + 1
  name = name or place_text(ctx.call)
  ctx.log_once("timeout " .. name, "the driver's access to %s was given up: no answer within the "
    .. "completion timeout; it read as ones%s", name,
    reg and (" (%s:%d)"):format(reg.file, reg.line) or "")
end

-- The words log, guest_error and unimplemented for a device.
function M.words(ctx)
  local function where()
    local info = debug.getinfo(3, "Sl")
    return ("%s:%d"):format(info.short_src, info.currentline)
  end
  -- What a format does not take stands behind it, as print() would have it.
  local function text_of(fmt, ...)
    local given = select("#", ...)
    if given == 0 then return tostring(fmt) end
    local wanted = select(2, tostring(fmt):gsub("%%%%", ""):gsub("%%", ""))
    local ok, text = pcall(string.format, fmt, ...)
    if not ok then
      local why = wanted > given and (" and has %d"):format(given) or ": " .. text:gsub("^.-#(%d+).-%(", "value %1 (")
      return ("%s (the format wants %d value%s%s)"):format(tostring(fmt), wanted, wanted == 1 and "" or "s", why)
    end
    for i = wanted + 1, given do text = text .. " " .. tostring((select(i, ...))) end
    return text
  end
  return {
    log = function(fmt, ...) ctx.log(text_of(fmt, ...)) end,
    -- The driver did wrong: told once for each place in the device file that finds it.
    guest_error = function(fmt, ...)
      local place = where()
      ctx.log_once("guest " .. place, "guest error: %s (%s)", text_of(fmt, ...), place)
    end,
    -- The driver did right and the model lacks it.
    unimplemented = function(fmt, ...)
      local text = text_of(fmt, ...)
      ctx.log_once("unimplemented " .. text, "unimplemented: %s (%s)", text, where())
    end,
  }
end

return M
