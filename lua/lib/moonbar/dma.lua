-- SPDX-License-Identifier: MIT
-- dma.lua: the device's way to the driver's memory: dma_read and dma_write for one piece, dma_list for
-- many in one call. on.dma sees every request first and may change, delay or refuse it.
--
-- Try it:  tests/spec/run tests/spec/dma_spec.lua
local ffi = require "ffi"
local irq = require "moonbar.irq"
local lib = require "moonbar.lib"
local memory = require "moonbar.memory"
local mistakes_of = require "moonbar.mistakes"
local numbers = require "moonbar.numbers"
local blame = mistakes_of.blame
local C = lib.C

local M = {}

local TO_DEVICE, TO_DRIVER = 1, 2       -- struct mb_dma_piece.flags
local uintptr = ffi.typeof("uintptr_t")

local why_texts = {}

-- enum mb_dma_why as words.
local function why_text(why)
  why = tonumber(why)
  if not why_texts[why] then why_texts[why] = ffi.string(C.mb_dma_why_text(why)) end
  return why_texts[why]
end

-- Ask on.dma about one piece; it may change request.bus and request.len (down), and return false or a reason to
-- refuse, the ns that the transfer takes, or nothing. The ns, or nil and why not.
local function ask(ctx, piece)
  local request = { bus = piece.bus, len = piece.length, write = piece.flags == TO_DRIVER }
  local answer = ctx.on.dma(ctx.model, request)
  if answer == false then return nil, "refused by on.dma" end
  if type(answer) == "string" then return nil, answer end
  if request.len > piece.length then
    error(("on.dma made a request longer, %s instead of %s bytes; it may only be shortened"):format(
      tostring(tonumber(request.len)), tostring(piece.length)), 0)
  end
  piece.bus, piece.length = request.bus, request.len
  if answer == nil or answer == true then return 0 end
  if type(answer) ~= "number" or not (answer >= 0 and answer < 2 ^ 63) then
    local place = debug.getinfo(ctx.on.dma, "S")
    error(("%s:%d: on.dma returns false or a reason to refuse, the ns that the transfer takes, or nothing; this one "
      .. "returned %s"):format(place.short_src, place.linedefined, type(answer) == "number" and tostring(answer)
      or "a " .. type(answer)), 0)
  end
  return answer
end

-- Let one piece take its time. Others may use the struct meanwhile.
local function take_time(ctx, ns, piece)
  local bus, user, length, flags = piece.bus, piece.user, piece.length, piece.flags
  ctx.wait(ns, "this DMA")
  piece.bus, piece.user, piece.length, piece.flags = bus, user, length, flags
end

local function check_bus(bus, where)
  if type(bus) == "number" and bus >= 0 and bus == math.floor(bus) or numbers.is_u64(bus) then return end
  local swapped = memory.is_span(bus) and type(where) == "number"
  blame("DMA: the bus address is %s%s", bus == nil and "nil" or type(bus) == "number" and tostring(bus)
    or "a " .. (memory.is_span(bus) and "span" or type(bus)),
    swapped and "; it stands first: dma_read(bus_address, span)" or "; right would be dma_read(dev.address, span)")
end

local function fill(piece, bus, where, len, flags)
  check_bus(bus, where)
  if memory.is_span(where) then
    len = len or where.len
    if len > where.len then
      blame("%s bytes of DMA into a span of %s", tostring(tonumber(len)),
        tostring(tonumber(where.len)))
    end
    where = where.ptr
  elseif type(where) ~= "cdata" or not len then
    blame("DMA wants a span, as from buf:at(address, length), or a pointer and a length; not %s", type(where))
  end
  if len > 0xffffffff then blame("one piece of DMA is at most 4 GiB - 1; split it") end
  piece.bus, piece.user, piece.length, piece.flags = bus, ffi.cast(uintptr, where), len, flags
end

-- The words dma_read, dma_write and dma_list for a device.
function M.words(ctx)
  local piece = ffi.new("struct mb_dma_piece[1]")
  local done = ffi.new("uint32_t[1]")

  local function refused(p, why)
    ctx.log_once("dma " .. why_text(why), "DMA of %d bytes %s 0x%x refused: %s", tonumber(p.length),
      p.flags == TO_DRIVER and "to" or "from", tonumber(p.bus), why_text(why))
  end

  local function one(bus, where, len, flags)
    if not ctx.ptr then return mistakes_of.too_early(ctx, flags == TO_DEVICE and "dma_read" or "dma_write") end
    fill(piece[0], bus, where, len, flags)
    if ctx.on.dma then
      local ns, why = ask(ctx, piece[0])
      if not ns then return nil, why end
      if ns > 0 then take_time(ctx, ns, piece[0]) end
    end
    local why = C.mb_dma(ctx.ptr, piece, 1, lib.none, done)
    if why == 0 then return true end
    refused(piece[0], why)
    return nil, why_text(why)
  end

  local List = {}
  List.__index = List

  local function check_idle(list, word)
    if list.worker and list.worker.waiting then
      blame("%s: the list is under way, since on.dma gave it time; right would be a dma_list() of its own for what may "
        .. "run meanwhile", word)
    end
  end

  local function add(list, bus, where, len, flags)
    local n = list.n
    check_idle(list, "read, write")
    if n == list.room then
      local more = ffi.new("struct mb_dma_piece[?]", 2 * list.room)
      ffi.copy(more, list.pieces, n * ffi.sizeof("struct mb_dma_piece"))
      list.pieces, list.room = more, 2 * list.room
    end
    fill(list.pieces[n], bus, where, len, flags)
    list.n = n + 1
  end

  function List:clear()
    check_idle(self, "clear")
    self.n = 0
  end
  function List:read(bus, where, len) add(self, bus, where, len, TO_DEVICE) end
  function List:write(bus, where, len) add(self, bus, where, len, TO_DRIVER) end

  -- Ask about all pieces, and let those before one that is refused take their time. How many that are; why.
  local function ask_all(list)
    local total, n = 0, list.n
    local refusal
    for i = 0, list.n - 1 do
      local ns, why = ask(ctx, list.pieces[i])
      if not ns then
        n, refusal = i, why
        break
      end
      total = total + ns
    end
    if total > 0 then
      list.worker = ctx.worker()
      ctx.wait(total, "this DMA")
      list.worker = nil
    end
    return n, refusal
  end

  -- Carry out all pieces in order, then raise vector (if given and all went well). true; or nil, why,
  -- and the number of the piece (from 1) that was refused.
  function List:go(vector)
    if not ctx.ptr then return mistakes_of.too_early(ctx, "go") end
    if vector then irq.check_vector(ctx, "go", vector) end
    check_idle(self, "go")
    if ctx.on.dma then
      local n, refusal = ask_all(self)
      if refusal then
        C.mb_dma(ctx.ptr, self.pieces, n, lib.none, done)
        return nil, refusal, n + 1
      end
    end
    local why = C.mb_dma(ctx.ptr, self.pieces, self.n, vector or lib.none, done)
    if why == 0 then return true end
    refused(self.pieces[done[0]], why)
    return nil, why_text(why), done[0] + 1
  end

  return {
    -- true, or nil and why not
    dma_read = function(bus, where, len) return one(bus, where, len, TO_DEVICE) end,
    dma_write = function(bus, where, len) return one(bus, where, len, TO_DRIVER) end,
    dma_list = function()
      return setmetatable({ n = 0, room = 16, pieces = ffi.new("struct mb_dma_piece[?]", 16) }, List)
    end,
  }
end

return M
