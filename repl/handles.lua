-- SPDX-License-Identifier: MIT
-- handles.lua: what `edu`, `edu.status` and `edu.sq_tail[2]` are at the prompt.
--
-- A handle names a register and holds no value: every use looks at the device again, also after
-- a reload. Looking and assigning are peek and poke, without side effects; read() and write()
-- are what the driver would do. Register handles are cdata because only there does Lua 5.1
-- let `edu.liveness == 5` compare with a number.
--
-- Try it:  make && echo 'edu.status.irqfact = 1' | ./moonbar run lua/devices/edu.lua

local ffi = require "ffi"
local bit = require "bit"
local map = require "moonbar.map"
local mistakes = require "moonbar.mistakes"
local show = require "repl.show"

local M = {}

local mb                 -- the language; set by M.use()
local slots = {}         -- slot -> { dev = name, reg = name, index = nil or number }
local slot_of = {}       -- "dev\0reg\0index" -> handle
local register_type

function M.use(moonbar) mb = moonbar end

local function fail(fmt, ...) error(string.format(fmt, ...), 0) end

-- hint(word, names, otherwise) -> "; did you mean 'x'?", or otherwise when nothing is near.
function M.hint(word, names, otherwise)
  local near = mistakes.nearest(word, names)
  return near and string.format("; did you mean '%s'?", near) or otherwise
end

-- ---- finding -----------------------------------------------------------------------------------

function M.device(name)
  local dev = mb.devices[name]
  if dev then return dev end
  local names = {}
  for n in pairs(mb.devices) do names[#names + 1] = n end
  table.sort(names)
  fail("there is no device '%s'%s", name, M.hint(tostring(name), names,
    #names > 0 and ": there is " .. table.concat(names, ", ") or ": none is loaded"))
end

function M.is_array(reg)
  return reg.is_array or (reg.count or 1) > 1
end

-- register_row(dev, name) -> the register's row in dev.registers, or nil.
function M.register_row(dev, name)
  for _, reg in ipairs(dev.registers) do
    if reg.name == name then return reg end
  end
end

local function need_register(dev, name)
  local reg = M.register_row(dev, name)
  if reg then return reg end
  local names = {}
  for _, r in ipairs(dev.registers) do names[#names + 1] = r.name end
  fail("%s has no register '%s'%s", dev.name, tostring(name), M.hint(tostring(name), names,
    string.format("; `regs %s` lists its %d", dev.name, #names)))
end

local function find_field(reg, name)
  for _, f in ipairs(reg.fields or {}) do
    if f.name == name then return f end
  end
end

local function need_field(full, reg, name)
  local f = find_field(reg, name)
  if f then return f end
  local names = {}
  for _, r in ipairs(reg.fields or {}) do names[#names + 1] = r.name end
  if #names == 0 then fail("%s has no field '%s': it has no fields", full, tostring(name)) end
  fail("%s has no field '%s'%s", full, tostring(name), M.hint(tostring(name), names,
    "; its fields: " .. table.concat(names, ", ")))
end

-- ---- one register --------------------------------------------------------------------------------

local function make(dev, reg, index)
  local key = dev .. "\0" .. reg .. "\0" .. tostring(index)
  if not slot_of[key] then
    slots[#slots + 1] = { dev = dev, reg = reg, index = index }
    slot_of[key] = register_type(#slots)
  end
  return slot_of[key]
end

function M.is_register(v) return ffi.istype(register_type, v) end

-- as_typed(name): the device of that name in Lua; a second edu is called edu#2, which is no name.
function M.as_typed(name)
  return name:find "^[%a_][%w_]*$" and name or string.format("device(%q)", name)
end

-- element_name(reg, index): "reg", "reg[2]", "group[2].reg[1]"; the register's name if index is nil.
function M.element_name(reg, index)
  return index and map.element_name(reg.record, index) or reg.name
end

-- full_name(dev, reg, index): as one types it.
function M.full_name(dev, reg, index)
  return M.as_typed(dev.name) .. "." .. M.element_name(reg, index)
end

-- M.open(handle) -> device object, row, full name, index
function M.open(handle)
  local at = slots[handle.mb_slot]
  local dev = M.device(at.dev)
  local reg = need_register(dev, at.reg)
  return dev, reg, M.full_name(dev, reg, at.index), at.index
end

local open = M.open

local function whole(reg, full, index)
  if M.is_array(reg) and not index then
    local dev = full:sub(1, #full - #reg.name)
    fail("%s is an array of %d registers: say which, %s%s to %s%s", full, reg.count, dev,
      M.element_name(reg, 0), dev, M.element_name(reg, reg.count - 1))
  end
end

-- path(reg, index): the register's name as peek and poke of the device take it.
local function path(reg, index)
  return M.element_name(reg, index)
end

local function peek(handle)
  local dev, reg, full, index = open(handle)
  whole(reg, full, index)
  return dev:peek(path(reg, index)), dev, reg, full, index
end

-- plain(v): v, or the value of the register v is a handle of.
function M.plain(v)
  if M.is_register(v) then return (peek(v)) end
  return v
end

-- fits(value, bits, full): value as uint64_t. A negative number that fits as two's complement is
-- taken, since bit.bnot() makes them.
local function fits(value, bits, full)
  value = M.plain(value)
  local wide = ffi.istype("uint64_t", value) or ffi.istype("int64_t", value)
  if not wide and type(value) ~= "number" then
    fail("%s takes a number, not a %s", full, type(value))
  end
  if not wide and (value ~= math.floor(value) or value >= 2 ^ 64 or value < -2 ^ 63) then
    fail("%s takes a whole number of %d bits, not %s", full, bits, tostring(value))
  end
  local v = show.u64(value)
  local negative = not ffi.istype("uint64_t", value) and value < 0
  local max = show.mask(bits)
  if negative then
    if bits < 64 and -value > (bit.lshift(1LL, bits - 1)) then
      fail("%s does not fit %s: %d bit%s, 0 to %s", show.value(value), full, bits,
        bits == 1 and "" or "s", show.hex(max))
    end
    return bit.band(v, max)
  end
  if v > max then
    fail("%s does not fit %s: %d bit%s, 0 to %s", show.value(value), full, bits,
      bits == 1 and "" or "s", show.hex(max))
  end
  return v
end

local function for_width(v, bits) return bits <= 32 and tonumber(v) or v end

local function field_value(full, f, value)
  if type(value) == "string" and f.enum then
    local names = {}
    for v, name in pairs(f.enum) do
      if name == value then return show.u64(v) end
      names[#names + 1] = name
    end
    table.sort(names)
    fail("%s has no value '%s'%s", full, value, M.hint(value, names,
      "; it takes " .. table.concat(names, ", ")))
  end
  if type(value) == "boolean" then value = value and 1 or 0 end
  return fits(value, f.hi - f.lo + 1, full)
end

local function poke(dev, reg, index, value)
  dev:poke(path(reg, index), for_width(value, reg.width))
end

-- The bits of the field only: the driver may be writing others of the same register now.
local function poke_field(handle, name, value)
  local dev, reg, full, index = open(handle)
  whole(reg, full, index)
  local f = need_field(full, reg, name)
  local v = field_value(full .. "." .. name, f, value)
  dev:poke(path(reg, index) .. "." .. name, for_width(v, f.hi - f.lo + 1))
end

-- poke_register(dev, name, value): what `edu.name = value` does.
function M.poke_register(dev, name, value)
  local reg = need_register(dev, name)
  local full = M.full_name(dev, reg)
  whole(reg, full)
  poke(dev, reg, nil, fits(value, reg.width, full))
end

-- ---- the driver's side ---------------------------------------------------------------------------

-- driver(dev): the driver's API, where this bus has one.
function M.driver(dev)
  local api, why = mb.driver(dev)
  if not api then fail("not supported yet: %s", tostring(why)) end
  return api
end

local methods = {}

function methods.read(handle)
  local dev, reg, full, index = open(handle)
  whole(reg, full, index)
  return (mb.driver.read(M.driver(dev), reg.name, index))
end

function methods.write(handle, value)
  local dev, reg, full, index = open(handle)
  whole(reg, full, index)
  local v = for_width(fits(value, reg.width, full), reg.width)
  mb.driver.write(M.driver(dev), reg.name, v, index)
end

-- ---- metatypes -----------------------------------------------------------------------------------

local function element(handle, index)
  local dev, reg, full, already = open(handle)
  if already or not M.is_array(reg) then fail("%s is not an array", full) end
  if index ~= math.floor(index) or index < 0 or index >= reg.count then
    fail("%s[%s] does not exist: %s is an array of %d, 0 to %d", full, tostring(index), full,
      reg.count, reg.count - 1)
  end
  return make(dev.name, reg.name, index)
end

local register_meta = {}

function register_meta.__index(handle, key)
  if type(key) == "number" then return element(handle, key) end
  if methods[key] then return methods[key] end
  local _, reg, full = open(handle)
  local f = find_field(reg, key)
  if f then return show.field(peek(handle), f) end
  if key == "value" then return (peek(handle)) end
  if key == "doc" then return reg.doc end
  need_field(full, reg, key)
end

function register_meta.__newindex(handle, key, value)
  if type(key) ~= "number" then return poke_field(handle, key, value) end
  local dev, reg, full, index = open(element(handle, key))
  poke(dev, reg, index, fits(value, reg.width, full))
end

function register_meta.__tostring(handle)
  local value, _, reg, full, index = peek(handle)
  return show.register(full, reg, value, index)
end

local function arithmetic(op)
  return function(a, b) return op(M.plain(a), M.plain(b)) end
end

register_meta.__add = arithmetic(function(a, b) return a + b end)
register_meta.__sub = arithmetic(function(a, b) return a - b end)
register_meta.__mul = arithmetic(function(a, b) return a * b end)
register_meta.__div = arithmetic(function(a, b) return a / b end)
register_meta.__mod = arithmetic(function(a, b) return a % b end)
register_meta.__pow = arithmetic(function(a, b) return a ^ b end)
register_meta.__lt = arithmetic(function(a, b) return a < b end)
register_meta.__le = arithmetic(function(a, b) return a <= b end)
register_meta.__concat = arithmetic(function(a, b) return tostring(a) .. tostring(b) end)
function register_meta.__unm(a) return -M.plain(a) end

function register_meta.__eq(a, b)
  a, b = M.plain(a), M.plain(b)
  if a == nil or b == nil or type(a) == "string" or type(b) == "string" then return false end
  return a == b
end

-- A C type takes its metatable once in a process, and this file may be loaded again (test runners do): the
-- metatable looks up the latest.
local registry = debug.getregistry()
local kept = registry["moonbar.prompt.register"]
if not kept then
  kept = {}
  registry["moonbar.prompt.register"] = kept
  local latest = {}
  for event in pairs(register_meta) do
    latest[event] = function(...) return kept.meta[event](...) end
  end
  ffi.cdef "struct mb_prompt_register { int32_t mb_slot; };"
  kept.type = ffi.metatype("struct mb_prompt_register", latest)
end
kept.meta = register_meta
register_type = kept.type

-- ---- groups: edu.chan[1].len --------------------------------------------------------------------

local GROUP = {}         -- private, so that any member's name works
local group_meta = {}

local function group_members(dev, name)
  local members = {}
  for _, reg in ipairs(dev.registers) do
    if reg.group == name then members[#members + 1] = reg end
  end
  return members
end

local function group_handle(dev, name, index)
  return setmetatable({ [GROUP] = { dev = dev.name, name = name, index = index } }, group_meta)
end

local function group_name(at)
  return M.as_typed(at.dev) .. "." .. at.name .. (at.index and "[" .. at.index .. "]" or "")
end

-- chan[1].slot, an array inside a group
local array_meta = {}

local function array_element(handle, i)
  local at = rawget(handle, GROUP)
  if type(i) ~= "number" or i ~= math.floor(i) or i < 0 or i >= at.inner then
    fail("%s[%s] does not exist: there are 0 to %d", group_name(at), tostring(i), at.inner - 1)
  end
  return make(at.dev, at.reg, at.first + i)
end

array_meta.__index = array_element

function array_meta.__newindex(handle, i, value)
  local dev, reg, full, index = open(array_element(handle, i))
  poke(dev, reg, index, fits(value, reg.width, full))
end

function array_meta.__tostring(handle)
  local at = rawget(handle, GROUP)
  return string.format("%s[0..%d]", group_name(at), at.inner - 1)
end

local function member(handle, key)
  local at = rawget(handle, GROUP)
  local dev = M.device(at.dev)
  local names = {}
  for _, reg in ipairs(group_members(dev, at.name)) do
    if reg.member == key then
      if reg.inner and (at.index or not reg.groups) then
        return setmetatable({ [GROUP] = { dev = at.dev, reg = reg.name, inner = reg.inner,
          first = (at.index or 0) * reg.inner,
          name = string.format("%s%s.%s", at.name, at.index and "[" .. at.index .. "]" or "", key) } }, array_meta)
      end
      if M.is_array(reg) and not at.index then
        fail("%s is an array of groups: say which, %s[0].%s", group_name(at), group_name(at), key)
      end
      return make(at.dev, reg.name, at.index)
    end
    names[#names + 1] = reg.member
  end
  fail("%s has no register '%s'%s", group_name(at), tostring(key), M.hint(tostring(key), names,
    "; its registers: " .. table.concat(names, ", ")))
end

function group_meta.__index(handle, key)
  if type(key) ~= "number" then return member(handle, key) end
  local at = rawget(handle, GROUP)
  local dev = M.device(at.dev)
  local first = group_members(dev, at.name)[1]
  if at.index or not first.groups then fail("%s is not an array of groups", group_name(at)) end
  if key ~= math.floor(key) or key < 0 or key >= first.groups then
    fail("%s[%s] does not exist: there are 0 to %d", group_name(at), tostring(key), first.groups - 1)
  end
  return group_handle(dev, at.name, key)
end

function group_meta.__newindex(handle, key, value)
  local target = member(handle, key)
  if not M.is_register(target) then fail("%s is an array: say which, as in [0]", tostring(target)) end
  local dev, reg, full, index = open(target)
  poke(dev, reg, index, fits(value, reg.width, full))
end

function group_meta.__tostring(handle)
  local at, names = rawget(handle, GROUP), {}
  local members = group_members(M.device(at.dev), at.name)
  for i, reg in ipairs(members) do names[i] = reg.member end
  return string.format("%s%s: %s", group_name(at), not at.index and
    members[1].groups and string.format("[0..%d]", members[1].groups - 1) or "", table.concat(names, ", "))
end

-- ---- devices ----------------------------------------------------------------------------------------

local device_meta = {}

-- The one key of a device handle is private to this file, so that any register name works.
local NAME = {}

function device_meta.__index(handle, key)
  local dev = M.device(rawget(handle, NAME))
  if not M.register_row(dev, key) and #group_members(dev, key) > 0 then return group_handle(dev, key) end
  need_register(dev, key)
  return make(dev.name, key)
end

function device_meta.__newindex(handle, key, value)
  M.poke_register(M.device(rawget(handle, NAME)), key, value)
end

function device_meta.__tostring(handle)
  local dev = M.device(rawget(handle, NAME))
  return string.format("%s: %s, %d registers; `regs %s` shows them", dev.name,
    tostring(dev.file), #dev.registers, dev.name)
end

local devices = {}

-- device_handle(name): what the global of that name is at the prompt.
function M.device_handle(name)
  M.device(name)
  devices[name] = devices[name] or setmetatable({ [NAME] = name }, device_meta)
  return devices[name]
end

-- device_of(v): the device object meant by a handle or a name, or nil.
function M.device_of(v)
  if type(v) == "table" and rawget(v, NAME) then return M.device(rawget(v, NAME)) end
  if type(v) == "string" then return mb.devices[v] end
end

return M
