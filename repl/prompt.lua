-- SPDX-License-Identifier: MIT
-- prompt.lua: what a typed line means. repl.c brings lines, this file evaluates them in an
-- environment where every loaded device is a global, and says how it went.
--
-- A line is a command (commands.lua), an expression, whose value is shown, or a statement; a
-- statement that is not complete goes on in the next line.
--
-- Try it:  make && printf '6 * 7\nedu.id\n' | ./moonbar run lua/devices/edu.lua

local ffi = require "ffi"
local bit = require "bit"
local language = require "moonbar.words"
local mistakes = require "moonbar.mistakes"
local ask = require "repl.ask"
local commands = require "repl.commands"
local complete = require "repl.complete"
local handles = require "repl.handles"
local reload = require "repl.reload"
local show = require "repl.show"

local M = {
  demo = false,    -- greet somebody who sees this for the first time
}

local Prompt = {}
Prompt.__index = Prompt

local function fail(fmt, ...) error(string.format(fmt, ...), 0) end

-- ---- the environment ---------------------------------------------------------------------------

-- bit.band(edu.status, 1) and tonumber(edu.status) want a number, not a handle.
local function unwrapping(f)
  return function(...)
    local args = { ... }
    for i = 1, select("#", ...) do args[i] = handles.plain(args[i]) end
    return f(unpack(args, 1, select("#", ...)))
  end
end

-- LuaJIT's bit operations are signed; a register is not. What shifts a sign or asks for one keeps it.
local signed = { arshift = true, tobit = true, tohex = true }

local function bits(name, f)
  f = unwrapping(f)
  if signed[name] then return f end
  return function(...)
    local v = f(...)
    return type(v) == "number" and v % 2 ^ 32 or v
  end
end

local function words(prompt, mb)
  local env = {
    mb = mb, ffi = ffi, tonumber = unwrapping(tonumber), bit = {},
    device = handles.device_handle,
    driver = function(device)
      return handles.driver(handles.device_of(device) or handles.device(device))
    end,
  }
  for name, f in pairs(bit) do env.bit[name] = bits(name, f) end
  for name, f in pairs(language.bits) do env[name] = bits(name, f) end
  for name, n in pairs(mb.units) do env[name] = n end
  for _, name in ipairs(commands.names()) do
    env[name] = function(...) commands.run(prompt, commands.get(name), ...) end
  end
  return env
end

local function environment(prompt, mb)
  local own = words(prompt, mb)
  prompt.own = own
  local vars = prompt.vars
  return setmetatable({}, {
    __index = function(_, name)
      if vars[name] ~= nil then return vars[name] end
      if mb.devices[name] then return handles.device_handle(name) end
      if own[name] ~= nil then return own[name] end
      if _G[name] ~= nil then return _G[name] end
      if prompt.known[name] then return nil end
      fail("nothing is called '%s' here%s", tostring(name), prompt:guess(tostring(name)))
    end,
    __newindex = function(_, name, value)
      if mb.devices[name] then
        fail("%s is the device; to set a register: %s.REGISTER = VALUE", name, name)
      end
      vars[name] = value
      prompt.known[name] = true
    end,
  })
end

function Prompt:guess(name)
  if self.locals[name] then
    return ": a local lasts for one line; leave out the word `local`"
  end
  local names, typed = {}, {}
  local function known(word, as)
    names[#names + 1] = word
    typed[word] = typed[word] or as or word
  end
  for n in pairs(self.vars) do known(n) end
  for _, n in ipairs(commands.names()) do known(n) end
  for _, dev_name in ipairs(self:device_names()) do
    known(dev_name, handles.as_typed(dev_name))
    for _, reg in ipairs(self.mb.devices[dev_name].registers) do
      known(reg.name, handles.as_typed(dev_name) .. "." .. reg.name)
    end
  end
  local near = mistakes.nearest(name, names)
  return near and string.format("; did you mean '%s'?", typed[near])
    or "; `help` lists the words of the prompt"
end

-- ---- output ---------------------------------------------------------------------------------------

function Prompt:device_names()
  local names = {}
  for name in pairs(self.mb.devices) do names[#names + 1] = name end
  table.sort(names)
  return names
end

function Prompt:width() return self.term.width() end

-- print(text): output of the line itself; on a terminal above whatever is typed next.
function Prompt:print(text)
  if self.term.out then return self.term.out(text) end
  io.stdout:write(text, "\n")
end

local function painter(code)
  return function(self, text)
    return self.term.color and "\27[" .. code .. "m" .. text .. "\27[0m" or text
  end
end

Prompt.bold = painter "1"
Prompt.dim = painter "2"
Prompt.red = painter "31"

function Prompt:complain(message)
  self.failures = self.failures + 1
  self.message = message
  local prefix = self.term.error_prefix or self.term.tty and self:red "error:"
    or string.format("stdin:%d:", self.line_number)
  self.term.above(prefix .. " " .. message)
end

-- ---- evaluating -------------------------------------------------------------------------------------

-- A bare name at the end is no assignment that goes on, whatever Lua's parser hopes for.
local function incomplete(message)
  return message:find "near '<eof>'$" and not message:find "unfinished string"
    and not message:find "'=' expected"
end

-- compile(source) -> function, is_expression; or nil, message; or nil, "more"
local function compile(source)
  local chunk, as_value, as_statement
  chunk, as_value = loadstring("return " .. source, "=prompt")
  if chunk then return chunk, true end
  chunk, as_statement = loadstring(source, "=prompt")
  if chunk then return chunk, false end
  chunk = loadstring(source:gsub("^(.*;)", "%1 return ", 1), "=prompt")    -- edu.a = 1; edu.b
  if chunk then return chunk, true end
  if incomplete(as_statement) or incomplete(as_value) then return nil, "more" end
  return nil, as_statement
end

-- A chunk's own position says nothing when the chunk is one line.
local function without_position(message, source)
  if type(message) ~= "string" then return show.value(message) end
  if message:find ": interrupted$" then return "interrupted" end
  if source:find "\n" then return (message:gsub("^prompt:(%d+): ", "line %1: ")) end
  return (message:gsub("^prompt:%d+: ", ""))
end

local function pack(...) return { n = select("#", ...), ... } end

function Prompt:show_results(results)
  for i = 2, results.n do self:print(show.value(results[i])) end
  if results.n > 1 then
    self.result = results[2]
    self.vars._ = results[2]
    self.known._ = true
  end
end

-- protected(f, source): run f, show its results if wanted; "ok" or "error". Ctrl-C stops f, and
-- not what comes after it.
function Prompt:protected(f, source, wants_results)
  local term = self.term
  local ok, message = xpcall(function()
    term.running(true)
    local results = pack(true, f())
    if wants_results then self:show_results(results) end
    term.running(false)
  end, term.caught)
  if ok then return self.leaving and "quit" or "ok" end
  self:complain(without_position(message, source))
  return "error"
end

function Prompt:syntax_error(message, source)
  local first = source:match "^%s*([%a_][%w_]*)%s+[%w_]"
  local hint = ""
  if first and not self.mb.devices[first] then
    local near = mistakes.nearest(first, commands.names())
    if near then hint = "; did you mean the command `" .. near .. "`?" end
  end
  self:complain(without_position(message, source) .. hint)
  return "error"
end

function Prompt:evaluate(source)
  local chunk, second = compile(source)
  if not chunk then
    if second == "more" then
      self.pending = source
      return "more"
    end
    return self:syntax_error(second, source)
  end
  for names in source:gmatch "local%s+([%w_,%s]+)" do
    for name in names:gmatch "[%a_][%w_]*" do self.locals[name] = true end
  end
  return self:protected(setfenv(chunk, self.env), source, second)
end

-- ask(text, deep): `?text` and `??text`.
function Prompt:ask(text, deep)
  if text == "" then return commands.run(self, commands.get "help") end
  if not ask.tell(self, text, deep) then commands.run(self, commands.get "help", text) end
end

-- line(text) -> "ok", "error", "more" (the statement goes on) or "quit".
function Prompt:line(text)
  self.line_number = self.line_number + 1
  text = text:gsub("\r$", "")
  if self.pending then
    local source = self.pending .. "\n" .. text
    self.pending = nil
    return self:evaluate(source)
  end
  text = text:gsub("^%s*=%s*", "")
  if text:find "^%s*$" or (text:find "^%s*%-%-" and not text:find "^%s*%-%-%[=*%[") then
    return "ok"
  end
  local marks, asked = text:match "^%s*(%?%??)%s*(.-)%s*$"
  if marks then
    return self:protected(function() self:ask(asked, marks == "??") end, text, false)
  end
  local entry, args = commands.parse(text)
  if entry and self.vars[entry.name] == nil then
    return self:protected(function() commands.run(self, entry, unpack(args)) end, text, false)
  end
  return self:evaluate(text)
end

-- finish(): input has ended, perhaps in the middle of a statement.
function Prompt:finish()
  if not self.pending then return "ok" end
  self:complain("input ends in the middle of: " .. self.pending:match "[^\n]*")
  self.pending = nil
  return "error"
end

-- abandon(): Ctrl-C while typing.
function Prompt:abandon()
  self.pending = nil
  return "ok"
end

function Prompt:complete(text) return complete.line(self, text) end

-- changed(): a file beside the devices' own was written.
function Prompt:changed()
  reload.changed(self)
  return "ok"
end

-- ---- greeting -----------------------------------------------------------------------------------

function Prompt:greet()
  if not self.term.tty then return end
  local names = self:device_names()
  local name = names[1]
  if M.demo and name == "edu" then
    self:print "This is edu, a PCIe device described in lua/devices/edu.lua. At the > type:"
    self:print "  regs                    its registers; then  edu.status  for one of them"
    self:print "  edu.liveness:write(5)   write as a driver would; then  edu.liveness:read()"
    self:print "  edu.status.irqfact = 1  set a bit as the hardware would; `help` has the rest"
    return
  end
  self:print(string.format("%s. `regs` shows the registers, `help` the rest, `quit` leaves.",
    #names == 0 and "No device is loaded" or table.concat(names, ", ")))
end

-- ---- a new one --------------------------------------------------------------------------------

-- new(term) -> a prompt, which becomes the log of module "moonbar". term: tty and color (booleans), above(text),
-- which prints above the line being typed, width() -> columns or nil. There may be: running(on) and caught(message)
-- of interrupt.c, without which nothing can be stopped; watch(fd), after which changed() is called when fd is
-- readable; out(text) for output and error_prefix before errors, if they differ from a terminal's or a script's.
function M.new(term)
  local mb = require "moonbar"
  term.running = term.running or function() end
  term.caught = term.caught or function(message) return message end
  local prompt = setmetatable({
    term = term, mb = mb, vars = {}, known = {}, locals = {}, failures = 0, line_number = 0,
  }, Prompt)
  handles.use(mb)
  prompt.env = environment(prompt, mb)
  mb.log = term.above
  reload.start(prompt)
  return prompt
end

return M
