-- SPDX-License-Identifier: MIT
-- hooks.lua: what C calls: a closure per row with a hook, made at load, that takes values out of struct
-- mb_call and puts the answer back, and one function for every other event. Per access nothing is looked
-- up by name and nothing is allocated.
--
-- Try it:  ./moonbar -e 'driver("edu").liveness = 5; print(edu.liveness)' lua/devices/edu.lua
local bit = require "bit"
local errors = require "moonbar.errors"
local fields = require "moonbar.fields"
local lib = require "moonbar.lib"
local mistakes_of = require "moonbar.mistakes"
local map = require "moonbar.map"
local model = require "moonbar.model"
local numbers = require "moonbar.numbers"
local ffi = require "ffi"
local blame, element_name = mistakes_of.blame, map.element_name

local M = {}

-- What a write hook returns so that nothing is stored.
M.drop = setmetatable({}, { __tostring = function() return "drop" end })
local drop = M.drop

local KEEP, STORE, DROP = nil, true, false      -- what a row's function returns to C

-- ---- access: what a hook may ask about the access ------------------------------------------------------

-- access.old: the value before; access.raw: what the driver wrote; access.index: the element;
-- access.name: the register. Read from struct mb_call when asked for, so valid until the hook ends or
-- makes a bus access itself.
local function make_access(ctx, reg, i)
  local call, call32, wide = ctx.call, ctx.call32, reg.width > 32
  local OLD, RAW = 2, 4                 -- 32-bit words into struct mb_call: value, old, raw
  local function taken_for_index()
    blame("%s: the third argument of a hook is the access; the index is the fourth: function(dev, v, access, index)",
      reg.name)
  end
  return setmetatable({}, {
    __add = taken_for_index, __sub = taken_for_index, __mul = taken_for_index, __mod = taken_for_index,
    __lt = taken_for_index, __le = taken_for_index, __concat = taken_for_index,
    __tostring = function() return "the access to " .. reg.name end,
    __index = function(_, key)
      if key == "old" then if wide then return call.old end return call32[OLD] end
      if key == "raw" then if wide then return call.raw end return call32[RAW] end
      if key == "index" then return i end
      if key == "name" then return reg.name end
      blame("access has no '%s'; it has old, raw, index, name", tostring(key))
    end,
    __newindex = function() blame("access tells, it does not take; a hook's answer is what it returns") end,
  })
end

-- ---- answers ---------------------------------------------------------------------------------------------

local function is_plain_table(v)
  return type(v) == "table" and getmetatable(v) == nil
end

-- What a hook should not have returned: an error on the hook's own line.
local function refuse(reg, what, v)
  local hook = debug.getinfo(reg[what], "S")
  local place = ("%s:%d: %s: "):format(hook.short_src, hook.linedefined, reg.name)
  if v == drop then error(place .. "a read hook returned drop; only a write can be dropped", 0) end
  local right = what == "write" and "a number, drop or nothing" or "a number, or nothing for the stored value"
  local got = type(v) == "number" and tostring(v) or type(v) == "boolean" and tostring(v) or "a " .. type(v)
  error(("%sa %s hook returns %s; this one returned %s%s"):format(place, what, right, got,
    is_plain_table(v) and ", and the register has no fields" or ""), 0)
end

-- Put a hook's answer that is no plain number in range into call.value.
local function put_slowly(ctx, reg, what, v)
  local given = v
  if model.is_view(v) then v = v() end
  if is_plain_table(v) and reg.fields then v = fields.assemble(reg, v) end
  if not numbers.is_integer(v) then refuse(reg, what, given) end
  ctx.call.value = numbers.u64(v)
end

local function make_put(ctx, reg, what)
  if what == "write" and reg.constant ~= 0ULL then              -- a field that is const stays what it is
    return function(v)
      put_slowly(ctx, reg, what, v)
      ctx.call.value = bit.bor(bit.band(ctx.call.value, bit.bnot(reg.constant)), bit.band(reg.reset, reg.constant))
    end
  end
  local call32 = ctx.call32
  return function(v)
    if model.is_view(v) then v = v() end
    if type(v) == "number" then
      call32[0], call32[1] = v, 0
      if call32[0] == v then return end -- it was one of 0 to 2^32 - 1
    end
    put_slowly(ctx, reg, what, v)       -- C reduces to the width
  end
end

-- ---- a closure per row ---------------------------------------------------------------------------------------

-- The value as the hook gets it: a number, a uint64_t or a view; and where that keeps it.
local function make_take(ctx, reg)
  local call, call32 = ctx.call, ctx.call32
  if reg.fields then
    local view, store = model.snapshot(reg)
    local words = store.s32
    return function()
      words[0], words[1] = call32[0], call32[1]
      return view
    end, store.s64
  elseif reg.width > 32 then
    return function() return call.value end
  end
  return function() return call32[0] end
end

-- The JIT compiles a closure per function in the source, not per closure: rows that shared one would share
-- a trace, and each access would search it for its row. So every row's closure is made from a copy of its
-- maker, which therefore has arguments only and no upvalues.
local function fresh(maker)
  return loadstring(string.dump(maker))
end

local function write_maker(hook, dev, take, put, access, i, j, nothing, keep, store, dropped)
  return function()
    local v = hook(dev, take(), access, i, j)
    if v == nil then return keep end
    if v == nothing then return dropped end
    put(v)
    return store
  end
end

local function read_maker(hook, dev, take, put, access, i, j, keep)
  return function()
    local v = hook(dev, take(), access, i, j)
    if v ~= nil then put(v) end
    return keep
  end
end

local function doorbell_maker(hook, dev, take, access, i, j, keep)
  return function()
    hook(dev, take(), i, access, j)
    return keep
  end
end

-- @f, so that it may wait for DMA that takes time (work.lua). A driver waits for what a `sync` hook or a read
-- hook does, so these cannot.
local function may_wait(ctx, label, words, f)
  return function(dev, v, a, b, c) return ctx.work(label, words, f, dev, v, a, b, c) end
end

-- The closures of one register; its elements run the same code for another index and share the copy.
local function add_closures(ctx, reg)
  local dev, core, READ, WRITE = ctx.model, ctx.core, lib.event.read, lib.event.write
  local read = reg.read and fresh(read_maker)
  local write = reg.write and fresh(write_maker)
  local doorbell = reg.doorbell and fresh(doorbell_maker)
  if reg.serves_many and not (write or doorbell) then          -- C looks at the interrupts afterwards
    for _, row in pairs(reg.rows) do core:hook(WRITE, row, function() return KEEP end) end
  end
  for i = 0, (read or write or doorbell) and reg.count - 1 or -1 do
    local row, access, take, words = reg.rows[i], make_access(ctx, reg, (map.indices(reg, i))), make_take(ctx, reg)
    local index, inner = map.indices(reg, i)
    local on_write = reg.write or reg.doorbell
    if on_write and ctx.on.dma and not reg.sync then
      on_write = may_wait(ctx, ("%s, %s"):format(element_name(reg, i), reg.write and "write hook" or "doorbell hook"),
        words, on_write)
    end
    if read then
      core:hook(READ, row, read(reg.read, dev, take, make_put(ctx, reg, "read"), access, index, inner, KEEP))
    end
    if doorbell then
      core:hook(WRITE, row, doorbell(on_write, dev, take, access, index, inner, KEEP))
    elseif write then
      core:hook(WRITE, row, write(on_write, dev, take, make_put(ctx, reg, "write"), access, index, inner, drop, KEEP,
        STORE, DROP))
    end
  end
end

-- ---- the door -------------------------------------------------------------------------------------------------

local reset_kinds = { [0] = "cold", "flr", "d0", "bus" }

-- What Device:trace() hands out.
local function traced(ctx, row)
  local call, element = ctx.call, ctx.def.elements[row + 1]
  return {
    kind = lib.trace_kinds[tonumber(call.raw)], bar = call.bar, offset = tonumber(call.offset), size = call.size,
    value = call.value, reg = element and element.reg, index = element and element.i,
  }
end

local function other_event(ctx, event, row)
  local e, on = lib.event, ctx.on
  if event == e.timer then
    ctx.fire(row)
  elseif event == e.guest_error then
    errors.guest_error(ctx, row)
  elseif event == e.timeout then
    errors.timeout(ctx, row)
  elseif event == e.command then
    local master = bit.band(tonumber(ctx.call.value), 4) ~= 0
    if master ~= ctx.master then
      ctx.master = master
      if on.bus_master then on.bus_master(ctx.model, master) end
    end
  elseif event == e.reset then
    local kind = reset_kinds[tonumber(ctx.call.value)] or "bus"
    ctx.cancel_all()            -- what was under way before a reset does not happen after it
    if on.reset then on.reset(ctx.model, kind) end
  elseif event == e.power then
    if on.power then on.power(ctx.model, tonumber(ctx.call.value)) end
  elseif event == e.config_write then
    if on.config_write then
      local call = ctx.call
      on.config_write(ctx.model, tonumber(call.offset), call.size, tonumber(call.value))
    end
  elseif event == e.trace then
    if ctx.tracer then ctx.tracer(traced(ctx, row)) end
  elseif event == e.removed then
    ctx.removed = true
    ctx.device.started = false
  end
  return 0
end

-- Tell C of every hook of ctx.def: at load and at every reload.
function M.build(ctx)
  ctx.core:forget_hooks()
  for _, reg in ipairs(ctx.def.regs) do add_closures(ctx, reg) end
end

-- The function for core.device(): every event but the accesses to rows with a hook.
function M.door(ctx)
  return function(event, row) return other_event(ctx, event, row) end
end

-- Where struct mb_call is, once the userdata exists.
function M.bind(ctx)
  local address = lib.core.call(ctx.core)
  ctx.call = ffi.cast("struct mb_call *", address)
  ctx.call32 = ffi.cast("uint32_t *", address)
end

return M
