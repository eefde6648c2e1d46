-- SPDX-License-Identifier: MIT
-- device.lua: from a device file to a definition: run it in its environment, let every part say what is
-- wrong, and only if nothing is, compile it. Then the device object, which puts the definition on a bus,
-- looks at it, and takes another definition when the file is loaded again.
--
-- Try it:  ./moonbar check lua/devices/edu.lua
local ffi = require "ffi"
local caps = require "moonbar.caps"
local env_of = require "moonbar.env"
local errors = require "moonbar.errors"
local habits = require "moonbar.habits"
local hooks = require "moonbar.hooks"
local layout = require "moonbar.layout"
local lib = require "moonbar.lib"
local map = require "moonbar.map"
local memory = require "moonbar.memory"
local mistakes_of = require "moonbar.mistakes"
local model = require "moonbar.model"
local numbers = require "moonbar.numbers"
local options = require "moonbar.options"
local rows_of = require "moonbar.rows"
local uses = require "moonbar.uses"
local work = require "moonbar.work"
local C = lib.C

local M = {}

-- ---- a definition ------------------------------------------------------------------------------------------

local function new_definition(path)
  return {
    path = path,
    file = #path <= 50 and path or path:match("[^/]*$"),        -- Lua cuts longer names in messages
    dir = path:match("^(.*/)") or "",
    mistakes = mistakes_of.new(#path <= 50 and path or path:match("[^/]*$")),
    sources = {}, modules = {}, bars = {}, regs = {}, by_name = {}, rams = {}, caps = {},
    groups = {}, events = {}, on = {}, owned = {},
  }
end

-- The file raised while it ran. After an unknown word that is mostly an echo of it.
local function add_raised(def, message)
  if message == "stopped" or #def.mistakes > 0 then return end
  local text = tostring(message)
  local file, line, what = mistakes_of.split(text:match("^(.-)\nstack traceback:") or text)
  if file and not def.sources[file] then        -- raised elsewhere: who called?
    for f, l in text:gmatch("\n%s+([^\n]-):(%d+): ") do
      if def.sources[f] then
        file, line = f, tonumber(l)
        break
      end
    end
  end
  local right = habits.raised(what)
  def.mistakes:add({ file = file or def.file, line = line }, nil, "%s%s", what, right and "; " .. right or "")
end

local function finish_rams(def)
  for _, ram in ipairs(def.rams) do
    for n = 5, 0, -1 do
      if ram.given_bar == nil and def.bars[n] then ram.default_bar = n end
    end
    ram.bar = ram.bar or ram.default_bar or 0
  end
end

-- A BAR wants its braces; a device wants something that a driver can reach.
local function check_bars(def)
  local any = def.config ~= nil
  for n = 0, 5 do
    local b = def.bars[n]
    any = any or b ~= nil
    if b and not b.has_rows then
      def.mistakes:add(b, "bar " .. n, "no rows; right would be bar(%d, size) { … }, with braces even around nothing "
        .. "if the BAR is all ram()", n)
    end
  end
  if not any and #def.mistakes == 0 then
    def.mistakes:add(def.device_where, "device", "no BAR: a driver has nothing to read or write; right would be "
      .. "bar(0, 4*KiB) { name = { 0x00, rw } }")
  end
end

local function finish(def, given)
  if not def.device_where then
    if def.device_called then
      def.mistakes:add(def.device_called, "device", "device \"name\" wants a table after it: { id = \"1234:11e8\" }")
    else
      def.mistakes:add({ line = 1 }, "device", "the file describes no device; right would be "
        .. "device \"name\" { id = \"1234:11e8\" }")
    end
    def.name = def.name or "?"
  end
  check_bars(def)
  finish_rams(def)
  caps.finish(def)
  map.resolve(def)
  layout.run(def, def.vendor and caps.owners(def))
  uses.check(def)
  options.check_unknown(def, given)
  table.sort(def.regs, function(a, b)
    if a.bar.n ~= b.bar.n then return a.bar.n < b.bar.n end
    return a.offset < b.offset
  end)
end

-- Read @path for @ctx. The definition; its .mistakes say whether it is any good.
local function define(path, ctx, given, dry)
  local def = new_definition(path)
  local text = env_of.read_file(path)
  if not text then
    local _, why = io.open(path, "rb")
    why = why and why:gsub("^.*: ", "") or "it is a directory"
    def.mistakes:add(nil, nil, "cannot be read: %s", why)
    return def
  end
  local ptr = ctx.ptr
  ctx.ptr, ctx.loading, def.running = nil, def, true          -- what is read does not touch what runs
  local env = env_of.new(def, ctx, given, dry)
  local chunk = env_of.compile(def, env, text, def.file)
  if chunk then
    local ok, message = model.while_read(ctx, xpcall, chunk, debug.traceback)
    if not ok then add_raised(def, message) end
    if ok then finish(def, given) end
  end
  ctx.ptr, ctx.loading, def.running = ptr, nil, false
  def.mistakes:sort()
  return def
end

-- ---- the C device behind it ------------------------------------------------------------------------------------

-- struct mb_desc of @def, and what it points to.
local function describe(def)
  local rows, n = map.compile(def)
  local rams = ffi.new("struct mb_ram[?]", math.max(#def.rams, 1))
  for i, ram in ipairs(def.rams) do
    rams[i - 1].offset, rams[i - 1].size, rams[i - 1].bar = ram.offset, ram.size, ram.bar
  end
  def.rows, def.nrows = rows, n
  return caps.describe(def, rows, n, def.first_config, rams, #def.rams), rams
end

local function make_core(ctx, def)
  local desc, rams = describe(def)
  local core, why = lib.core.device(desc, hooks.door(ctx))
  return core, why, rams        -- rams: alive until C has copied them
end

-- Would C take it? Put a device without handlers on the simulated bus, and away again.
local function try_core(def)
  local err = ffi.new("struct mb_error")
  local desc, rams = describe(def)
  local dev = C.mb_device_new(desc, nil, nil, err)
  local ok = dev ~= nil and C.mb_attach_sim(dev, true, err) == 0
  C.mb_device_free(dev)
  if not ok then def.mistakes:add(nil, nil, "%s", ffi.string(err.text)) end
  return rams
end

-- Where state and memory are now; they move when the device is attached.
local function refresh(ctx)
  local state = C.mb_state(ctx.ptr)
  ctx.s32, ctx.s64 = ffi.cast("uint32_t *", state), ffi.cast("uint64_t *", state)
  state = C.mb_config_state(ctx.ptr)
  ctx.config.s32, ctx.config.s64 = ffi.cast("uint32_t *", state), ffi.cast("uint64_t *", state)
  memory.refresh(ctx)
end

-- Let ctx run @def from now on.
local function adopt(ctx, def)
  ctx.def, ctx.name, ctx.events, ctx.on = def, def.name, def.events, def.on
  ctx.forget_causes()
  ctx.forget_guests()
  refresh(ctx)
  model.build(ctx)
  hooks.build(ctx)
end

local function bind(ctx, core)
  ctx.core = core
  ctx.ptr = ffi.cast("struct mb_device *", lib.core.ptr(core))
  errors.by_core[core] = ctx
  hooks.bind(ctx)
  C.mb_trace(ctx.ptr, ctx.tracer ~= nil)
end

-- ---- what the prompt and tools see of a register ----------------------------------------------------------------

local function public_field(f)
  return { name = f.name, lo = f.lo, hi = f.hi, access = f.access, enum = f.enum, doc = f.doc, line = f.line }
end

local function public_register(reg)
  local r = {
    name = reg.name, bar = reg.bar.n, place = reg.bar.title, offset = reg.offset, width = reg.width, doc = reg.doc,
    access = reg.doorbell and "wo" or reg.access, alias = reg.alias, reset = numbers.shrink(reg.reset, reg.width),
    count = reg.is_array and reg.count or nil, stride = reg.is_array and reg.stride or nil,
    group = reg.group and reg.group.name, member = reg.member,
    groups = reg.group and reg.group.is_array and reg.group.count or nil, inner = reg.inner,
    place_of = function(i) return rows_of.place(reg, i) end,
    sizes = reg.sizes, lock = reg.lock, vector = reg.vector, enable = reg.enable, exclude = reg.exclude,
    record = reg, has_read = reg.read ~= nil, has_write = reg.write ~= nil, is_doorbell = reg.doorbell ~= nil,
    file = reg.file, line = reg.line, fields = {},
  }
  for i, f in ipairs(reg.fields or {}) do r.fields[i] = public_field(f) end
  return r
end

local function public_registers(def)
  local list = {}
  for i, reg in ipairs(def.regs) do list[i] = public_register(reg) end
  return list
end

-- ---- the device object --------------------------------------------------------------------------------------------

local Device = {}
Device.__index = Device
M.Device = Device

function Device:__tostring()
  return ("device %s (%s), %s"):format(self.name, self.file, self.bus and "on " .. self.bus or "on no bus")
end

-- peek("reg"), ("reg.field"), ("reg[2]"): the model's value, with no side effect.
function Device:peek(name) return model.peek(self.ctx, name) end

-- poke("reg.field", v): set it as the hardware would; no hook runs.
function Device:poke(name, v) return model.poke(self.ctx, name, v) end

-- Raise a vector, or "register.field".
function Device:raise(what)
  if type(what) == "number" then
    if C.mb_irq(self.ctx.ptr, what, lib.irq_op.raise) ~= 0 then
      return nil, ("%s has no interrupt vector %d"):format(self.name, what)
    end
    return true
  end
  self.ctx.raise(what)
  return true
end

-- The kernel answers reads of configuration space from an image that the model keeps up to date: what a
-- read itself does would not happen there. true; or nil and why not.
local function fits_kernel(ctx)
  for _, reg in ipairs(ctx.def.regs) do
    local why = reg.bar.is_config and map.sees_reads(reg)
    if why then
      return nil, ("%s: %s (%s:%d): %s in configuration space: not supported on the kernel's bus"):format(
        ctx.name, reg.name, reg.file, reg.line, why)
    end
  end
  return true
end

-- Put the device on "sim", "sim:stepped", "pciem" or "pciem:PATH". true; or nil and why not.
function Device:attach(bus)
  local ok, why
  if bus and tostring(bus):match("^pciem") then
    ok, why = fits_kernel(self.ctx)
    if not ok then return nil, why end
  end
  if bus == "sim" or bus == "sim:stepped" then
    ok, why = self.core:attach_sim(bus == "sim:stepped")
  elseif bus == "pciem" or tostring(bus):match("^pciem:") then
    ok, why = self.core:attach_pciem(bus:match("^pciem:(.+)$"))
  else
    return nil, ("there is no bus %q; right would be sim, sim:stepped, pciem or pciem:PATH"):format(tostring(bus))
  end
  if not ok then return nil, why end
  self.bus, self.hears_config = bus, self.ctx.def.on.config_write ~= nil
  refresh(self.ctx)
  return true
end

-- Run a handler of `on` that no access waits for; its error is told as a hook's is.
function Device:handle(name, ...)
  local f = self.ctx.on[name]
  if not f then return end
  local ok, message = xpcall(function(...) return f(self.ctx.model, ...) end, debug.traceback, ...)
  if not ok then errors.on_error(self.ctx, 0, 0, message) end
end

-- Drivers may bind from now on. true; or nil and why not.
function Device:start()
  self:handle("start")
  local ok, why = self.core:start()
  if not ok then return nil, why end
  self.started = true
  return true
end

-- Begin an orderly removal. true; or nil and why not.
function Device:stop()
  local ok, why = self.core:stop()
  self:handle("stop")
  if not ok then return nil, why end
  return true
end

-- Take the device away for good.
function Device:free()
  if M.devices[self.name] == self then M.devices[self.name] = nil end
  self.core:free()
  self.ctx.ptr = nil
end

-- ---- reload -------------------------------------------------------------------------------------------------------

-- Do two definitions look the same to C (all but hooks and names)?
local function same_shape(a, b)
  if a.nrows ~= b.nrows or a.first_config ~= b.first_config or #a.rams ~= #b.rams then return false end
  if a.nrows > 0 and ffi.string(a.rows, a.nrows * ffi.sizeof("struct mb_reg"))
    ~= ffi.string(b.rows, b.nrows * ffi.sizeof("struct mb_reg")) then
    return false
  end
  for i, ram in ipairs(a.rams) do
    local other = b.rams[i]
    if ram.offset ~= other.offset or ram.size ~= other.size or ram.bar ~= other.bar then return false end
  end
  return a.desc_text == b.desc_text
end

local function values_by_name(self)
  local values = {}
  for _, reg in ipairs(self.ctx.def.regs) do
    if not reg.alias and reg.access ~= "const" and not reg.doorbell then
      for i = 0, reg.count - 1 do
        values[map.element_name(reg, i)] = model.stored(self.ctx, reg, i)
      end
    end
  end
  return values
end

local function put_values(self, values)
  for _, reg in ipairs(self.ctx.def.regs) do
    for i = 0, not reg.alias and reg.access ~= "const" and reg.count - 1 or -1 do
      local v = values[map.element_name(reg, i)]
      if v then C.mb_poke(self.ctx.ptr, reg.rows[i], reg.exists, v, false) end
    end
  end
end

-- The map has changed: a new C device in the place of the old one, on the simulated bus only. The driver's
-- memory stays. @idle: the caller is a loop's own function, so nothing comes back to the old one, but the loop
-- still has its address: it is taken off its bus now and freed when nobody knows it any more.
local function replace_core(self, def, idle)
  local bus, started, values, old, old_ptr = self.bus, self.started, values_by_name(self), self.core, self.ctx.ptr
  if bus and not bus:match("^sim") then
    return nil, "the register map has changed and a driver may be using it; stop the device and start it again"
  elseif old:is_running() and not idle then
    return nil, "the register map has changed and the device is being used"
  end
  local core, why = make_core(self.ctx, def)
  if not core then return nil, why end
  self.ctx.cancel_all()
  self.core, self.bus, self.started = core, nil, nil
  bind(self.ctx, core)
  adopt(self.ctx, def)
  if bus then
    assert(self:attach(bus))
    C.mb_dma_inherit(self.ctx.ptr, old_ptr)
  end
  C.mb_detach(old_ptr)
  if not old:is_running() then old:free() end
  if started then assert(self.core:start()) self.started = true end
  put_values(self, values)
  refresh(self.ctx)
  return true
end

-- Load the file again and swap its hooks in between two accesses; register values stay, by name. true, and
-- whether the register map is another; or nil and the mistakes, and the old code goes on. @idle: the caller is
-- the function that a loop calls, whose devices' cores are to be looked up again.
function Device:reload(given, idle)
  local def = define(self.ctx.def.path, self.ctx, given or self.given, false)
  if self.bus and self.bus:match "^pciem" and def.on.config_write and not self.hears_config then
    def.mistakes:add(nil, nil, "on.config_write is new, and the kernel was not asked to tell of writes; stop the "
      .. "device and start it again")
  end
  if #def.mistakes > 0 then return nil, def.mistakes end
  def.rows, def.nrows = map.compile(def)
  def.desc_text = M.describe_text(def)
  local same = same_shape(self.ctx.def, def)
  if same then
    adopt(self.ctx, def)
  else
    local ok, why = replace_core(self, def, idle)
    if not ok then
      def.mistakes:add(nil, nil, "%s", why)
      return nil, def.mistakes
    end
  end
  self.ctx.name = self.name
  self.registers = public_registers(def)
  return true, not same
end

-- The files that the device was read from.
function Device:files()
  local def = self.ctx.def
  local list = { def.path }
  for file in pairs(def.sources) do
    if file ~= def.file then list[#list + 1] = file end
  end
  return list
end

-- From now on f(access) is called for each access of the driver's that this process sees: kind ("read",
-- "write", "config read", "config write"), bar, offset, size, value and, if it is a register's, reg and index.
-- nil ends it.
function Device:trace(f)
  self.ctx.tracer = f
  C.mb_trace(self.ctx.ptr, f ~= nil)
end

-- What C is told of a definition apart from rows and memory.
function M.describe_text(def)
  local d = caps.describe(def, nil, 0, 0, nil, 0)
  return ffi.string(d, ffi.sizeof(d))
end

-- ---- load ------------------------------------------------------------------------------------------

M.devices = {}                  -- by name

local function unique_name(name)
  if not M.devices[name] then return name end
  local n = 2
  while M.devices[name .. "#" .. n] do n = n + 1 end
  return name .. "#" .. n
end

local function new_context()
  local ctx = { model = setmetatable({}, {}), pending = {}, state = {}, events = {}, on = {}, config = {} }
  ctx.name = "?"
  errors.attach(ctx)
  work.attach(ctx)
  return ctx
end

-- Read the file at @path with option values @given. The definition, whose .mistakes may be many.
-- @dry: touch no file of the user's.
function M.define(path, given, dry)
  local def = define(path, new_context(), given or {}, dry)
  if #def.mistakes == 0 then try_core(def) end
  return def
end

-- Load a device file. The device object; or nil and the list of mistakes.
function M.load(path, given)
  if type(path) ~= "string" then
    mistakes_of.blame("load(%s): right would be the path of a device file, as in mb.load \"edu.lua\"", tostring(path))
  end
  local ctx = new_context()
  local def = define(path, ctx, given or {}, false)
  if #def.mistakes > 0 then return nil, def.mistakes end
  local core, why = make_core(ctx, def)
  if not core then
    def.mistakes:add(nil, nil, "%s", why)
    return nil, def.mistakes
  end
  def.desc_text = M.describe_text(def)
  local self = setmetatable({
    name = unique_name(def.name), file = path, given = given or {}, ctx = ctx, core = core, model = ctx.model,
    options = def.options,
  }, Device)
  ctx.device = self
  bind(ctx, core)
  adopt(ctx, def)
  ctx.name = self.name
  self.registers = public_registers(def)
  M.devices[self.name] = self
  return self
end

return M
