-- SPDX-License-Identifier: MIT
-- memory.lua: memory with its bounds. A span is a piece of this process's memory that knows its
-- length; ram() is memory that the driver sees in a BAR, buffer() is the device's own, store() is kept
-- in a file. A span's :at() is the only way to a pointer, and it checks.
--
-- Try it:  ./moonbar -e 'local b = require("moonbar.memory").buffer(16); b:u32(0, 7); print(b:u32(0))'
local ffi = require "ffi"
local lib = require "moonbar.lib"
local mistakes_of = require "moonbar.mistakes"
local numbers = require "moonbar.numbers"
local blame = mistakes_of.blame
local C = lib.C

local M = {}

local span_t
local u8p = ffi.typeof("uint8_t *")

-- In a hook, a range that the memory does not have is mostly one that the driver asked for: errors.lua tells of
-- it as a guest error, with the hook's file and line. It knows the message by its being the last one of these.
local last_outside
function M.is_outside(message) return message ~= nil and message == last_outside end

local function blame_outside(fmt, ...)
  local _, message = pcall(blame, fmt, ...)
  last_outside = message
  error(message, 0)
end

local function outside(offset, len, base, size)
  if offset == nil then blame("the offset is missing; right would be :at(offset, length), :u32(offset)") end
  if type(offset) ~= "number" and not numbers.is_u64(offset) then
    blame("an offset is a number, not a %s", type(offset))
  end
  if base == 0 then
    blame_outside("%s bytes from byte %s on are outside a span of %s", tostring(tonumber(len) or len),
      numbers.is_integer(offset) and tostring(tonumber(offset)) or tostring(offset), numbers.size_text(size))
  end
  blame_outside("%s bytes at %s are outside the %s at %s", tostring(tonumber(len) or len),
    numbers.is_integer(offset) and numbers.hex(offset) or tostring(offset), numbers.size_text(size), numbers.hex(base))
end

-- Is [offset, offset + len) within size bytes? Numbers and uint64_t mix; negative ones are huge.
local function inside(offset, len, size)
  if type(offset) ~= "number" and type(offset) ~= "cdata" then return false end
  return offset >= 0 and len >= 0 and len <= size and offset <= size - len
end

local methods = {}

-- Memory from offset on, len bytes (default: all that follow).
function methods.at(span, offset, len)
  local size = tonumber(span.len)
  len = len or size - (tonumber(offset) or 0)
  if not inside(offset, len, size) then outside(offset, len, 0, size) end
  return span_t(span.ptr + offset, len)
end

-- :u8(offset), :u16, :u32, :u64: little-endian, any alignment; with a value they set it.
for name, bytes in pairs { u8 = 1, u16 = 2, u32 = 4, u64 = 8 } do
  local pointer = ffi.typeof("uint" .. bytes * 8 .. "_t *")
  methods[name] = function(span, offset, v)
    if not inside(offset, bytes, tonumber(span.len)) then outside(offset, bytes, 0, tonumber(span.len)) end
    local p = ffi.cast(pointer, span.ptr + offset)
    if v == nil then return p[0] end
    if type(v) == "number" and v < 0 then v = numbers.u64(v) end
    p[0] = v
  end
end

function methods.fill(span, byte)
  ffi.fill(span.ptr, tonumber(span.len), byte or 0)
  return span
end

-- The first len bytes (default: all) as a Lua string.
function methods.string(span, len)
  if len and not inside(0, len, tonumber(span.len)) then outside(0, len, 0, tonumber(span.len)) end
  return ffi.string(span.ptr, len or tonumber(span.len))
end

-- Copy a Lua string, or another span, to the front.
function methods.set(span, s)
  if type(s) ~= "string" and not M.is_span(s) then blame("span:set wants a string or a span, not a %s", type(s)) end
  local len = type(s) == "string" and #s or tonumber(s.len)
  if len > tonumber(span.len) then outside(0, len, 0, tonumber(span.len)) end
  ffi.copy(span.ptr, type(s) == "string" and s or s.ptr, len)
  return span
end

M.methods = methods

-- A C type takes its metatable once in a process; this file may be loaded again (test runners do). So
-- the metatable looks methods up in a table that outlives the file.
local registry = debug.getregistry()
local shared = registry["moonbar.span"]
if not shared then
  shared = {}
  registry["moonbar.span"] = shared
  ffi.metatype("struct mb_span", {
    __index = shared,
    __newindex = function(_, name) shared.mb_unknown(name) end,
    __len = function(span) return tonumber(span.len) end,
    __tostring = function(span) return ("span of %d bytes"):format(tonumber(span.len)) end,
  })
end
for name, method in pairs(methods) do shared[name] = method end

local members = { "len", "ptr" }
for name in pairs(methods) do members[#members + 1] = name end

-- span.nosuch, span[0], span[0] = 5
function shared.mb_unknown(name)
  if type(name) == "number" or numbers.is_u64(name) then
    blame("span[%s]: right would be span:u8(%s), or span:u8(%s, value) to set it", tostring(tonumber(name)),
      tostring(tonumber(name)), tostring(tonumber(name)))
  end
  blame("a span has no '%s'%s", tostring(name), mistakes_of.hint(tostring(name), members))
end
setmetatable(shared, { __index = function(_, name) return shared.mb_unknown(name) end })
span_t = ffi.typeof("struct mb_span")
M.span = span_t

-- In parentheses, so that it is no tail call: LuaJIT gives up a trace that has more than 15.
function M.is_span(v) return (ffi.istype(span_t, v)) end

-- ---- the device's own memory --------------------------------------------------------------------------

local pinned = {}               -- spans do not keep their memory alive, this does

-- n zeroed bytes for as long as @owner (a device's context; default: for ever) lives.
function M.buffer(n, owner)
  if type(n) ~= "number" or n < 1 or n ~= math.floor(n) then
    blame("buffer(%s): right would be a number of bytes", tostring(n))
  end
  owner = owner or pinned
  if n > 65536 then                             -- beyond LuaJIT's own heap
    local st = M.store(nil, n, owner)
    return st.span
  end
  local bytes = ffi.new("uint8_t[?]", n)
  owner[#owner + 1] = bytes
  return span_t(ffi.cast(u8p, bytes), n)
end

local Store = {}
Store.__index = Store

function Store:at(offset, len)
  len = len or self.size - tonumber(offset)
  if not inside(offset, len, self.size) then outside(offset, len, 0, self.size) end
  return span_t(self.span.ptr + offset, len)
end

-- Everything written so far is on the disk when this returns true; else nil and why.
function Store:flush()
  local err = ffi.new("struct mb_error")
  if C.mb_store_flush(self.handle, err) == 0 then return true end
  return nil, ffi.string(err.text)
end

-- The range reads as zeroes and takes no space.
function Store:discard(offset, len)
  if not inside(offset, len, self.size) then outside(offset, len, 0, self.size) end
  return C.mb_store_discard(self.handle, offset, len) == 0
end

-- Size bytes kept in file path, or in memory if path is nil. Raises if that cannot be had.
function M.store(path, size, owner)
  local err = ffi.new("struct mb_error")
  local handle = C.mb_store_open(path, size or 0, err)
  if handle == nil then blame("%s", ffi.string(err.text)) end
  handle = ffi.gc(handle, C.mb_store_close)
  owner = owner or pinned
  owner[#owner + 1] = handle
  local span = C.mb_store_span(handle)
  return setmetatable({ handle = handle, span = span, size = tonumber(span.len), path = path }, Store)
end

-- ---- memory in a BAR --------------------------------------------------------------------------------------

local Ram = {}
Ram.__index = Ram

-- len bytes at an address of the BAR, as the driver counts: ram(0x40000, 4096):at(0x40000) is its
-- first byte.
function Ram:at(address, len)
  local from = address - self.offset
  len = len or self.size - tonumber(from)
  if not (address >= self.offset and inside(from, len, self.size)) then
    outside(address, len, self.offset, self.size)
  end
  local base = self.base
  if base == nil then blame("ram has no memory before the device is on a bus") end
  return span_t(base + from, len)
end

function Ram:__tostring()
  return ("ram of %s at %s"):format(numbers.size_text(self.size), numbers.hex(self.offset))
end

function M.ram(offset, size, bar, where)
  return setmetatable({ offset = offset, size = size, bar = bar, file = where.file, line = where.line }, Ram)
end

-- Where ram pieces are now; to be called after every attach.
function M.refresh(ctx)
  for _, ram in ipairs(ctx.def.rams) do
    local span = C.mb_ram(ctx.ptr, ram.bar, ram.offset, ram.size)
    ram.base = span.ptr ~= nil and span.ptr or nil
  end
end

return M
