-- SPDX-License-Identifier: MIT
-- view.lua: a register with fields, in the hand of code: view.field, view.field = v, and the whole by view(),
-- view.value or wherever a number is wanted. A view is cdata, because only there does Lua 5.1 let a thing be
-- compared with a number; a table would silently be different from every one.
--
-- Try it:  ./moonbar -e 'print(edu.status == 0, edu.status + 1)' lua/devices/edu.lua
local bit = require "bit"
local ffi = require "ffi"
local mistakes_of = require "moonbar.mistakes"
local blame = mistakes_of.blame

local M = {}

-- What a view does is in its behaviour: { reg =, get = { field = function(view) }, whole = function(view),
-- set_field = function(field, v, view), set_whole = function(v, view), text = function(whole) }.
-- They outlive this file, as the C type does: busted loads files again, and keeps their C types.
local registry = debug.getregistry()
registry["moonbar.view"] = registry["moonbar.view"] or {}
local behaviours = registry["moonbar.view"]
local view_t                    -- value: for a view that holds one of its own

function M.is(v) return type(v) == "cdata" and ffi.istype(view_t, v) end
local is = M.is

-- A number that was meant where a view may stand.
local function plain(v)
  if is(v) then return behaviours[v.mb_behaviour].whole(v) end
  return v
end
M.plain = plain

function M.register(v) return behaviours[v.mb_behaviour].reg end

local function no_field(reg, name)
  blame("%s has no field '%s'%s", reg.name, tostring(name), mistakes_of.hint(name, reg.field))
end
M.no_field = no_field

local meta = {}

function meta.__index(view, name)
  local b = behaviours[view.mb_behaviour]
  local get = b.get[name]
  if get then return get(view) end          -- not its value: interpreted code would box that
  if name == "value" then return b.whole(view) end
  no_field(b.reg, name)
end

function meta.__newindex(view, name, v)
  local b = behaviours[view.mb_behaviour]
  local field = b.reg.field[name]
  if field then return b.set_field(field, v, view) end
  if name == "value" then return b.set_whole(v, view) end
  no_field(b.reg, name)
end

function meta.__call(view, ...)
  if select("#", ...) > 0 then            -- d:enable "msi", and the device has a register of that name
    local name = behaviours[view.mb_behaviour].reg.name
    blame("%s is a register here; right would be driver.%s(d, …), if the driver's method was meant", name, name)
  end
  return plain(view)
end
function meta.__tostring(view)
  local b = behaviours[view.mb_behaviour]
  return b.text(b.whole(view))
end
function meta.__concat(a, b) return tostring(a) .. tostring(b) end

-- nil and strings are different from every register, as from every number
function meta.__eq(a, b)
  a, b = plain(a), plain(b)
  if type(a) ~= "number" and type(a) ~= "cdata" or type(b) ~= "number" and type(b) ~= "cdata" then return false end
  return a == b
end

local function operand(v, what)
  v = plain(v)
  if type(v) ~= "number" and type(v) ~= "cdata" then
    blame("%s of a register and a %s; right would be a number", what, type(v))
  end
  return v
end

for event, f in pairs {
  __lt = function(a, b) return a < b end, __le = function(a, b) return a <= b end,
  __add = function(a, b) return a + b end, __sub = function(a, b) return a - b end,
  __mul = function(a, b) return a * b end, __div = function(a, b) return a / b end,
  __mod = function(a, b) return a % b end, __pow = function(a, b) return a ^ b end,
} do
  local what = (event == "__lt" or event == "__le") and "a comparison" or "arithmetic"
  meta[event] = function(a, b) return f(operand(a, what), operand(b, what)) end
end
function meta.__unm(a) return -plain(a) end

view_t = ffi.metatype(ffi.typeof "struct { int32_t mb_behaviour; uint64_t mb_value; }", meta)

-- A number for a behaviour, which make() takes.
function M.behaviour(b)
  behaviours[#behaviours + 1] = b
  return #behaviours
end

function M.make(behaviour, value) return view_t(behaviour, value or 0) end

local one_argument = { bnot = true, bswap = true, tobit = true, tohex = true }

local function check_bits(name, a, b)
  local bad = a
  if a ~= nil and not one_argument[name] then bad = b end
  if bad == nil then
    blame("%s: argument %d is nil; right would be %s", name, a == nil and 1 or 2,
      one_argument[name] and name .. "(a)" or name .. "(a, b)")
  end
end

-- The bit operations, taking views as well.
function M.bits(names)
  local set = {}
  for _, name in ipairs(names) do
    local f = bit[name]
    set[name] = function(a, b, ...)
      if b == nil then
        check_bits(name, a, b)
        return f(plain(a))
      end
      if select("#", ...) == 0 then return f(plain(a), plain(b)) end
      return f(plain(a), plain(b), ...)
    end
  end
  return set
end

return M
