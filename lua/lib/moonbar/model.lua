-- SPDX-License-Identifier: MIT
-- model.lua: the device as its own code sees it: dev.reg, dev.reg.field, dev.array[i]. Getting looks at
-- the state that C and the driver share; setting is the hardware's own hand and runs no hook. All
-- closures and views are made once, so that an access allocates nothing.
--
-- Try it:  ./moonbar -e 'edu.status.irqfact = 1; print(edu.status)' lua/devices/edu.lua
local bit = require "bit"
local ffi = require "ffi"
local fields = require "moonbar.fields"
local lib = require "moonbar.lib"
local map = require "moonbar.map"
local mistakes_of = require "moonbar.mistakes"
local numbers = require "moonbar.numbers"
local view = require "moonbar.view"
local blame = mistakes_of.blame
local C = lib.C
local band, bor, bnot, rshift, lshift = bit.band, bit.bor, bit.bnot, bit.rshift, bit.lshift
local reduce, u64 = fields.reduce, numbers.u64

local M = {}

-- Storage is a table { s32 =, s64 = } of pointers to the same words; a register is a pair of indices
-- into it. ctx itself is the storage of the live state (it moves when the device is attached); a hook's
-- new value is another.

-- ---- getting -----------------------------------------------------------------------------------------

-- A closure that returns the whole value.
local function whole_getter(store, width, i32, i64)
  if width <= 32 then
    return function() return store.s32[i32] end
  end
  return function() return store.s64[i64] end
end

-- A closure that returns a field's value. Fields inside a 32-bit half need no 64-bit arithmetic, hence
-- no boxed value even in the interpreter.
local function field_getter(store, field, i32, i64)
  local lo, width, half = field.lo, field.width, i32
  if lo >= 32 then lo, half = lo - 32, i32 + 1 end
  if lo + width > 32 then
    local mask = field.mask
    if width > 32 then
      return function() return rshift(band(store.s64[i64], mask), lo) end
    end
    return function() return tonumber(rshift(band(store.s64[i64], mask), lo)) end
  elseif width == 32 then
    return function() return store.s32[half] end
  end
  local mask = 2 ^ width - 1
  return function() return band(rshift(store.s32[half], lo), mask) end
end

-- ---- views: registers with fields ------------------------------------------------------------------------

M.is_view = view.is

-- A view of a register in @store. @set_field(field, v): replace a field's bits; @set_whole(v)
local function make_view(reg, store, i32, i64, set_field, set_whole)
  local get = {}
  for _, f in ipairs(reg.fields) do get[f.name] = field_getter(store, f, i32, i64) end
  return view.make(view.behaviour {
    reg = reg, get = get, whole = whole_getter(store, reg.width, i32, i64), set_field = set_field,
    set_whole = set_whole, text = function(whole) return reg.name .. " " .. fields.text(reg, whole) end,
  })
end

-- ---- setting --------------------------------------------------------------------------------------------

-- What an author assigns to a whole register, as a number or uint64_t.
local function whole_value(reg, v)
  if view.is(v) then v = v()
  elseif type(v) == "table" and reg.fields then return fields.assemble(reg, v) end
  return reduce(v, reg.width, nil, reg.name)
end
M.whole_value = whole_value

local function refuse_constant(reg)
  blame("%s is a constant; right would be ro in its row if the device changes it", reg.name)
end

-- The bits of a register that a value for the whole of it changes.
local function settable(reg) return band(reg.exists, bnot(reg.constant)) end

-- Setters of one element of the live state.
local function state_setters(ctx, reg, row)
  local all = settable(reg)
  local function set_whole(v)
    if reg.access == "const" then refuse_constant(reg) end
    if not ctx.ptr then blame("%s", reg.name .. ": the device is not there yet") end
    C.mb_poke(ctx.ptr, row, all, whole_value(reg, v), false)
  end
  local function set_field(f, v)
    if f.access == "const" then refuse_constant(f) end
    v = reduce(v, f.width, f.by_name, f.name)
    if type(v) == "number" then
      C.mb_poke(ctx.ptr, row, f.mask, v * 2 ^ f.lo, false)
    else
      C.mb_poke(ctx.ptr, row, f.mask, lshift(v, f.lo), false)
    end
  end
  return set_whole, set_field
end

-- ---- one register of the model ------------------------------------------------------------------------------

-- The storage that a row's value is in, and the index there.
function M.place(ctx, reg, row)
  if reg.bar.is_config then return ctx.config, row - ctx.def.first_config end
  return ctx, row
end

-- The stored value of element i, as uint64_t.
function M.stored(ctx, reg, i)
  local store, at = M.place(ctx, reg, (reg.target or reg).rows[i])
  return store.s64[at * 2]
end

-- get(), set(v) of one element. Aliases show their target.
local function element_access(ctx, reg, i)
  local row = (reg.target or reg).rows[i]
  local set_whole, set_field = state_setters(ctx, reg, row)
  local store, at = M.place(ctx, reg, row)
  local i32, i64 = at * 4, at * 2               -- struct mb_reg_state is two 64-bit words
  if reg.fields then
    local shown = make_view(reg, store, i32, i64, set_field, set_whole)
    return function() return shown end, set_whole
  end
  return whole_getter(store, reg.width, i32, i64), set_whole
end

local function out_of_array(reg, i)
  if type(i) ~= "number" then
    blame("%s[%s]: right would be %s[0] to %s[%d]%s", reg.name, tostring(i), reg.name, reg.name, reg.count - 1,
      tostring(i):match("^the access") and "; a hook's index is its fourth argument: function(dev, v, access, index)"
      or "")
  end
  blame("%s[%s]: the array has %d element%s, 0 to %d", reg.name, tostring(i), reg.count,
    reg.count == 1 and "" or "s", reg.count - 1)
end

-- An array of the elements first to first + n - 1, called @name.
local function array_access(ctx, reg, first, n, name)
  local get, set = {}, {}
  for i = 0, n - 1 do get[i], set[i] = element_access(ctx, reg, first + i) end
  local named = { name = name, count = n }
  local array = setmetatable({}, {
    __index = function(_, i)
      local g = get[i]
      if g then return g() end
      if i == "count" then return n end
      out_of_array(named, i)
    end,
    __newindex = function(_, i, v)
      local s = set[i]
      if not s then out_of_array(named, i) end
      return s(v)
    end,
    __tostring = function() return ("%s: %d registers of %d bits"):format(name, n, reg.width) end,
  })
  return function() return array end, function()
    blame("%s is an array; right would be %s[0] = …", name, name)
  end
end

-- A table whose members are got and set by closures; @unknown(name) raises.
local function proxy_meta(get, set, unknown, text)
  return {
    __index = function(_, name)
      local g = get[name]
      if g then return g() end
      unknown(name)
    end,
    __newindex = function(_, name, v)
      local s = set[name]
      if not s then unknown(name) end
      return s(v)
    end,
    __tostring = function() return text end,
  }
end

-- The registers of one group, dev.group or dev.group[i].
local function group_element(ctx, group, i)
  local get, set = {}, {}
  local name = group.is_array and ("%s[%d]"):format(group.name, i) or group.name
  for _, reg in ipairs(group.order) do
    if reg.inner then
      get[reg.member], set[reg.member] = array_access(ctx, reg, i * reg.inner, reg.inner, name .. "." .. reg.member)
    else
      get[reg.member], set[reg.member] = element_access(ctx, reg, i)
    end
  end
  return setmetatable({}, proxy_meta(get, set, function(member)
    blame("%s has no register '%s'%s", name, tostring(member), mistakes_of.hint(tostring(member), group.members))
  end, ("%s: %d registers"):format(name, #group.order)))
end

local function group_access(ctx, group)
  if not group.is_array then
    local one = group_element(ctx, group, 0)
    return function() return one end
  end
  local elements = {}
  for i = 0, group.count - 1 do elements[i] = group_element(ctx, group, i) end
  local array = setmetatable({}, {
    __index = function(_, i)
      local e = elements[i]
      if e then return e end
      if i == "count" then return group.count end
      out_of_array(group, i)
    end,
    __newindex = function(_, i)
      blame("%s[%s] is a group of registers; right would be %s[%s].%s = …", group.name, tostring(i), group.name,
        tostring(i), group.order[1] and group.order[1].member or "name")
    end,
    __tostring = function() return ("%s: %d groups of %d registers"):format(group.name, group.count, #group.order) end,
  })
  return function() return array end
end

-- Fill ctx.model, an empty table until now, with the registers of ctx.def. Done again after a reload.
function M.build(ctx)
  local def = ctx.def
  local get, set = {}, {}
  for _, reg in ipairs(def.regs) do
    if not reg.group then
      if reg.is_array then get[reg.name], set[reg.name] = array_access(ctx, reg, 0, reg.count, reg.name)
      else get[reg.name], set[reg.name] = element_access(ctx, reg, 0) end
    end
  end
  for _, group in ipairs(def.groups) do
    get[group.name] = group_access(ctx, group)
    set[group.name] = function()
      blame("%s is a group of registers; right would be %s%s.%s = …", group.name, group.name,
        group.is_array and "[0]" or "", group.order[1] and group.order[1].member or "name")
    end
  end
  local function unknown(name)
    blame("%s has no register '%s'%s", def.name, tostring(name),
      mistakes_of.hint(tostring(name), map.names(def)))
  end
  local meta = getmetatable(ctx.model)
  for event, f in pairs(proxy_meta(get, set, unknown, "the model of " .. def.name)) do meta[event] = f end
end

-- While a file is read, the model says that it is not there: f(…) with it so.
function M.while_read(ctx, f, ...)
  local meta = getmetatable(ctx.model)
  local index, newindex = meta.__index, meta.__newindex
  meta.__index = function(_, name)
    return mistakes_of.too_early(ctx, "dev." .. tostring(name), "registers are there for hooks, once the whole file "
      .. "has been read")
  end
  meta.__newindex = function(_, name)
    mistakes_of.too_early(ctx, "dev." .. tostring(name), "registers are there for hooks; a value at the start is the "
      .. "row's reset")
  end
  local ok, message = f(...)
  meta.__index, meta.__newindex = index, newindex
  return ok, message
end

-- ---- a value in a hook's hand ------------------------------------------------------------------------------

-- A view whose storage is its own: what a write hook gets as `new`. .store.s32 is filled per call.
function M.snapshot(reg)
  local words = ffi.new("uint64_t[1]")
  local store = { s64 = words, s32 = ffi.cast("uint32_t *", words), words = words }
  local function set_field(f, v)
    if reg.width <= 32 then               -- in numbers, which are not boxed
      local s32, mask = store.s32, lshift(2 ^ f.width - 1, f.lo)
      s32[0] = bor(band(s32[0], bnot(mask)), lshift(reduce(v, f.width, f.by_name, f.name), f.lo)) % 2 ^ 32
      return
    end
    v = u64(reduce(v, f.width, f.by_name, f.name))
    words[0] = bor(band(words[0], bnot(f.mask)), lshift(v, f.lo))
  end
  local function set_whole(v) words[0] = u64(whole_value(reg, v)) end
  return make_view(reg, store, 0, 0, set_field, set_whole), store
end

-- ---- peek and poke by name ----------------------------------------------------------------------------------

-- Value of "reg", "reg.field", "reg[2]"; raises with help if there is none.
function M.peek(ctx, path)
  local reg, field, element = map.find(ctx.def, path)
  if not reg then blame("%s", field) end
  if reg.is_array and not element then
    blame("%s is an array; right would be %s", path, map.element_name(reg, 0))
  end
  local value = M.stored(ctx, reg, element or 0)
  if field then return fields.extract(field, value) end
  return numbers.shrink(value, reg.width)
end

function M.poke(ctx, path, v)
  local reg, field, element = map.find(ctx.def, path)
  if not reg then blame("%s", field) end
  if reg.is_array and not element then
    blame("%s is an array; right would be %s", path, map.element_name(reg, 0))
  end
  local row = (reg.target or reg).rows[element or 0]
  if (field or reg).access == "const" then refuse_constant(field or reg) end
  if field then
    C.mb_poke(ctx.ptr, row, field.mask, lshift(u64(reduce(v, field.width, field.by_name, path)), field.lo), false)
  else
    C.mb_poke(ctx.ptr, row, settable(reg), whole_value(reg, v), false)
  end
end

return M
