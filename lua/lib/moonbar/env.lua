-- SPDX-License-Identifier: MIT
-- env.lua: the strict environment that a device file runs in: the words of the language and ordinary
-- Lua. A name that is neither is a mistake with its line and the nearest known word, found before the
-- file runs, in functions nobody has called yet as well.
--
-- Try it:  ./moonbar check FILE.lua
local access = require "moonbar.access"
local caps = require "moonbar.caps"
local dma = require "moonbar.dma"
local errors = require "moonbar.errors"
local events = require "moonbar.events"
local groups = require "moonbar.groups"
local habits = require "moonbar.habits"
local hooks = require "moonbar.hooks"
local irq = require "moonbar.irq"
local map = require "moonbar.map"
local memory = require "moonbar.memory"
local mistakes_of = require "moonbar.mistakes"
local numbers = require "moonbar.numbers"
local options = require "moonbar.options"
local rows = require "moonbar.rows"
local source = require "moonbar.source"
local uses = require "moonbar.uses"
local words = require "moonbar.words"
local blame = mistakes_of.blame

local M = {}

-- Where the caller's caller @level up stands.
local function here(level)
  local info = debug.getinfo(level + 1, "Sl")
  return { file = info.source:gsub("^@", ""), line = info.currentline }
end

-- ---- bar ---------------------------------------------------------------------------------------------------

local bar_options = { sizes = "table", width = "number", is64 = "boolean", prefetch = "boolean", doc = "string" }

local bar_examples = { sizes = "sizes = {4} or {4, 8}", width = "width = 16", is64 = "is64 = true",
  prefetch = "prefetch = true", doc = "doc = \"what it is for\"" }

local function next_power_of_two(n)
  local p = 16
  while p < n do p = p * 2 end
  return p
end

local function check_bar_size(b, size, add)
  if type(size) ~= "number" then
    if not mistakes_of.is_unknown(size) then
      add("%s; right would be bar(%s, 4*KiB) { … }", size == nil and "no size" or "the size is a " .. type(size),
        tostring(b.n))
    end
    return 2 ^ 31
  elseif size < 16 or not numbers.is_power_of_two(size) then
    local right = next_power_of_two(size)
    add("a size of %s; a BAR is a power of two from 16 bytes on, here %s", numbers.is_integer(size) and
      numbers.hex(size) or tostring(size), right == right and right < 2 ^ 63 and numbers.size_text(right) or "4 KiB")
    return right
  elseif size > 2 ^ 31 and not b.is64 then
    add("%s; more than 2 GiB needs a 64-bit BAR: bar(%d, size, { is64 = true })", numbers.size_text(size), b.n)
  end
  return size
end

local function take_bar_options(b, opts, add)
  if opts ~= nil and type(opts) ~= "table" then
    add("options are a table: bar(%s, size, { sizes = {4} })", tostring(b.n))
    return
  end
  for key, v in pairs(opts or {}) do
    if not bar_options[key] then
      b.has_rows = b.has_rows or type(v) == "table"
      add(type(v) == "table" and "no option '%s'%s; rows stand in braces of their own: bar(n, size) { … }"
        or "no option '%s'%s", tostring(key), mistakes_of.hint(key, bar_options))
    elseif type(v) ~= bar_options[key] then
      add("%s = %s; right would be %s", key, tostring(v), bar_examples[key])
    elseif key == "sizes" then
      b.sizes = rows.take_sizes(v, add)
    elseif key == "width" and v ~= 8 and v ~= 16 and v ~= 32 and v ~= 64 then
      add("width = %s; a register has 8, 16, 32 or 64 bits", tostring(v))
    else
      b[key] = v
    end
  end
end

local function check_bar_number(def, b, add)
  local n = b.n
  if type(n) ~= "number" or n < 0 or n > 5 or n ~= math.floor(n) then
    add("BAR %s; a device has BARs 0 to 5", tostring(n))
    b.n = 0
    return
  end
  local before = def.bars[n - 1]
  if def.bars[n] then
    add("BAR %d stands here twice, first on line %d; put all rows into one", n, def.bars[n].line)
  elseif before and before.is64 then
    add("BAR %d is the upper half of BAR %d, which is 64-bit (line %d); right would be bar(%d, …)", n, n - 1,
      before.line, n + 1)
  elseif b.is64 and (n == 5 or def.bars[n + 1]) then
    add("a 64-bit BAR takes the next one as well, and BAR %d %s", n + 1, n == 5 and "does not exist" or "is in use")
  else
    def.bars[n] = b
  end
end

-- Rows in the order they stand in, so that mistakes come in that order too.
local function in_order(t, lines)
  local names = {}
  for name in pairs(t) do names[#names + 1] = name end
  table.sort(names, function(a, b)
    local la, lb = lines[a] or 0, lines[b] or 0
    if la ~= lb then return la < lb end
    return tostring(a) < tostring(b)
  end)
  return names
end

-- The keys of a table of rows: lines by name; what stands there twice is a mistake.
local function row_lines(def, b, node)
  local lines, twice = source.keys(node)
  for _, dup in ipairs(twice) do
    def.mistakes:add({ file = b.file, line = dup.line }, dup.key,
      "stands here twice, first on line %d; one of them wants another name", dup.first)
  end
  return lines
end

local function add_register(def, reg)
  local other = def.by_name[reg.name] or def.groups[reg.name]
  if other then
    def.mistakes:add(reg, reg.name, "%s has a %s of that name already (line %d); "
      .. "names are unique in a device", other.bar.title, other.members and "group" or "register", other.line)
    return
  end
  def.by_name[reg.name] = reg
  def.regs[#def.regs + 1] = reg
end

-- name = group(offset, { n, stride = }) { rows }: each row is an array of its own, one element a group.
local function take_group(def, b, name, g, node)
  local entry = source.entry(node, name)
  local where = { file = b.file, line = entry and entry.line or g.line }
  if not groups.check(def, b, name, g, where) then return end
  g.name = name
  local inner = entry and entry.inner[1]
  local group = { name = name, bar = b, members = {}, count = g.count, is_array = g.is_array, offset = g.offset,
    stride = g.stride, file = b.file, line = where.line, doc = g.doc, order = {} }
  local other = def.by_name[name] or def.groups[name]
  if other then
    def.mistakes:add(where, name, "%s has a %s of that name already (line %d); names are unique in a device",
      other.bar.title, other.members and "group" or "register", other.line)
    return
  end
  def.groups[name] = group
  def.groups[#def.groups + 1] = group
  for _, member in ipairs(in_order(g.rows, row_lines(def, b, inner))) do
    local reg = rows.parse(b, member, g.rows[member], source.entry(inner, member), def.mistakes, g)
    if reg then
      reg.member, reg.group = member, group
      group.members[member] = reg
      group.order[#group.order + 1] = reg
      add_register(def, reg)
    end
  end
end

local function take_rows(def, b, t, add, word)
  if type(t) ~= "table" then
    add("rows are a table: %s { name = { 0x00, rw } }", word == "bar" and ("bar(%d, size)"):format(b.n) or word)
    return
  end
  local node = def.sources[b.file] and def.sources[b.file]:constructor(word, b.line)
  for _, name in ipairs(in_order(t, row_lines(def, b, node))) do
    if groups.is(t[name]) then
      take_group(def, b, name, t[name], node)
    else
      local reg = rows.parse(b, name, t[name], source.entry(node, name), def.mistakes)
      if reg then add_register(def, reg) end
    end
  end
end

local function bar_word(def)
  return function(n, size, opts)
    local where = here(2)
    if type(n) == "number" and n > 5 and size == nil then
      def.mistakes:add(where, "bar", "bar(%s): the BAR's number is missing; right would be bar(0, %s) { … }",
        tostring(n), tostring(n))
      n, size = 0, numbers.is_power_of_two(n) and n >= 16 and n or 4096
    end
    local b = { n = n, title = "BAR " .. tostring(n), file = where.file, line = where.line }
    local function add(fmt, ...)
      def.mistakes:add(where, type(n) == "number" and "bar " .. n or "bar", fmt, ...)
    end
    take_bar_options(b, opts, add)
    b.size = check_bar_size(b, size, add)
    check_bar_number(def, b, add)
    return function(t)
      b.has_rows = true
      take_rows(def, b, t, add, "bar")
    end
  end
end

-- config { rows }: registers in configuration space, after the header and between the capabilities.
local function config_word(def)
  return function(t)
    local where = here(2)
    local function add(fmt, ...) def.mistakes:add(where, "config", fmt, ...) end
    if def.config then
      add("config stands here twice, first on line %d; put all rows into one", def.config.line)
      return
    end
    def.config = { n = map.config_space, title = "configuration space", is_config = true, size = 4096,
      file = where.file, line = where.line }
    take_rows(def, def.config, t, add, "config")
  end
end

-- ---- device, ram, event, on ------------------------------------------------------------------------------

local function device_word(def)
  return function(name, given)
    local where = here(2)
    local function take(t)
      if def.device_where then
        def.mistakes:add(where, "device", "a second device in one file, the first is on line %d; "
          .. "a file describes one", def.device_where.line)
        return
      end
      caps.device(def, name, t, where)
    end
    if type(name) ~= "string" then
      def.mistakes:add(where, "device", "right would be device \"name\" { id = \"1234:11e8\" }")
      if type(name) == "table" then
        local t = name
        name = "unnamed"
        take(t)
      end
      return function() end
    end
    def.device_called = where
    if given ~= nil then take(given) end
    return take
  end
end

local function ram_word(def)
  return function(offset, size, bar)
    local where = here(2)
    if type(bar) == "table" then bar = bar.bar end
    local sound = true
    for what, v in pairs { offset = offset or false, size = size or false } do
      if mistakes_of.is_unknown(v) then
        sound = false
      elseif type(v) ~= "number" or v < 0 or v ~= math.floor(v) or (what == "size" and v == 0) then
        def.mistakes:add(where, "ram", "the %s is %s; right would be ram(0x1000, 4*KiB)", what, tostring(v))
        sound = false
      end
    end
    local ram = memory.ram(sound and offset or 0, sound and size or 1, bar, where)
    if sound then def.rams[#def.rams + 1] = ram end
    return ram
  end
end

-- A table that takes functions by name, as in function event.done(dev) … end.
local function handlers(def, what, into, known)
  return setmetatable({}, {
    __index = function(_, name) return into[name] end,
    __newindex = function(_, name, f)
      local where = here(2)
      local row = what .. "." .. tostring(name)
      if type(f) ~= "function" then
        def.mistakes:add(where, row, "is a %s; right would be function %s(dev) … end", type(f), row)
      elseif known and not known[name] then
        def.mistakes:add(where, row, "no such handler%s", mistakes_of.hint(tostring(name), known))
      elseif into[name] then
        def.mistakes:add(where, row, "stands here twice; the first is on line %d",
          debug.getinfo(into[name], "S").linedefined)
      else
        into[name] = f
      end
    end,
  })
end

M.on_known = { start = true, stop = true, reset = true, bus_master = true, dma = true, power = true,
  config_write = true }

-- ---- modules beside the file --------------------------------------------------------------------------------

local function read_file(path)
  local f = io.open(path, "rb")
  if not f then return nil end
  local text = f:read("*a")             -- nil: a directory
  f:close()
  return text
end
M.read_file = read_file

-- Check a chunk's global names against env, as mistakes.
function M.check_names(def, env, chunk, file)
  source.globals(chunk, function(name, line, assigns)
    local where = { file = file, line = line }
    if assigns then
      local handler = name:match("^on_?(.+)$")
      if M.on_known[handler] then
        def.mistakes:add(where, nil, "'%s': right would be function on.%s(dev) … end", name, handler)
        return
      end
      def.mistakes:add(where, nil, "assignment to the global '%s'%s; right would be local %s = …, or a field of "
        .. "state if it is to survive a reload", name,
        rawget(env, name) ~= nil and ", a word of the language" or "", name)
    elseif rawget(env, name) == nil then
      def.mistakes:add(where, nil, "unknown word '%s'%s", name,
        uses.hint(name, line, def.sources[file].tokens, env, caps.kinds))
    end
  end)
end

-- Compile a text in env; the chunk, or nil after a mistake was added.
function M.compile(def, env, text, file)
  text = text:gsub("^#[^\n]*", "")
  local chunk, message = loadstring(text, "@" .. file)
  if not chunk then
    local _, line, what = mistakes_of.split(message)
    local hints = habits.hints(text, line, what)
    for _, hint in ipairs(hints) do def.mistakes:add({ file = file, line = hint[1] }, nil, "not Lua: %s", hint[2]) end
    if not hints[1] or hints[1][1] > line then
      def.mistakes:add({ file = file, line = line }, nil, "not Lua: %s", what)
    end
    return nil
  end
  def.sources[file] = source.new(file, text)
  M.check_names(def, env, chunk, file)
  return setfenv(chunk, env)
end

local function require_word(def, env)
  local loading = {}
  return function(name)
    if type(name) ~= "string" then blame("require wants a module's name, as in require \"nvme.queue\"") end
    if def.modules[name] ~= nil then return def.modules[name] end
    if loading[name] then blame("require %q: the module requires itself in a circle", name) end
    local base = def.dir .. name:gsub("%.", "/")
    for _, path in ipairs { base .. ".lua", base .. "/init.lua" } do
      local text = read_file(path)
      if text then
        local chunk = M.compile(def, env, text, path)
        if not chunk then error("stopped", 0) end
        loading[name] = true
        local result = chunk(name)
        loading[name] = nil
        if result == nil then result = true end
        def.modules[name] = result
        return result
      end
    end
    local ok, result = pcall(require, name)
    if ok then return result end
    local why = tostring(result):match("^[^\n]*"):gsub(":$", "")
    blame("require %q: there is no %s.lua beside the file, and Lua has none: %s", name, base, why)
  end
end

-- ---- the environment ------------------------------------------------------------------------------------------

-- @given: option values from the user; @dry: check only, touch no files of the user's.
function M.new(def, ctx, given, dry)
  local env = words.into({})
  for name, word in pairs(access.words) do env[name] = word end
  env.device, env.bar, env.ram = device_word(def), bar_word(def), ram_word(def)
  env.cap = caps.word(def, here)
  env.option = options.word(def, given, here)
  env.event = handlers(def, "event", def.events)
  env.on = handlers(def, "on", def.on, M.on_known)
  env.config, env.group = config_word(def), groups.word(here)
  env.state, env.dev, env.drop = ctx.state, ctx.model, hooks.drop
  env.buffer = function(n) return memory.buffer(n, def.owned) end
  env.store = function(path, size)
    return memory.store(not dry and path or nil, size or (dry and 4096) or 0, def.owned)
  end
  for _, set in ipairs { dma.words(ctx), irq.words(ctx), events.words(ctx), errors.words(ctx) } do
    for name, word in pairs(set) do env[name] = word end
  end
  env.require = require_word(def, env)
  env._G = env
  local meta = {}
  function meta.__index(_, name)
    if def.running then return mistakes_of.unknown(name) end
    blame("unknown word '%s'%s", tostring(name), mistakes_of.hint(tostring(name), env))
  end
  function meta.__newindex(_, name)
    if def.running then return end      -- a mistake already
    blame("assignment to the global '%s'; right would be local %s = …, or a field of state", tostring(name),
      tostring(name))
  end
  return setmetatable(env, meta)
end

return M
