-- SPDX-License-Identifier: MIT
--
-- nvme/prp.lua: from PRP entries to pieces of DMA (NVMe 1.4 §4.3). A command says
-- where its data is in the device; this file finds out where it is in the driver's
-- memory and puts pieces on a list, so that data moves straight between the
-- driver's pages and the store, for many commands in one call.
--
-- For LuaJIT: state is in C structs of 32- and 64-bit integers, nothing is allocated
-- for a command, and functions around a loop are small, since a loop that is
-- compiled ends the compiled code that runs into it. Values are returned in parentheses where that keeps a
-- call from being a tail call: a trace takes no more than 15 of them.
--
-- Try it:  tests/spec/run tests/spec/nvme_io_spec.lua

local bit = require "bit"
local ffi = require "ffi"
local types = require "nvme.types"
local S = types.status
local band, lshift, rshift = bit.band, bit.lshift, bit.rshift

local ENTRIES = 512     -- PRP entries kept for one command: 1 MiB wants 256
local MANY = 640        -- pieces after which a list is carried out before more are added

-- One command of the batch. ptr, len, to_driver: its data. next, entries, have: where the part of its
-- PRP list to be read next is, how many entries it has in all, how many were read. at, run, done: the
-- piece that is growing (bus address, bytes), and bytes of data that have a place.
local slots_type = ffi.typeof [[struct {
  uint8_t *ptr; uint64_t next, at;
  int32_t len, entries, have, run, done, status; uint32_t result; bool to_driver;
}[?] ]]
local state_type = ffi.typeof "struct { int32_t page, shift, lists, bad; bool refused; }"

-- sqes[0 .. batch - 1] are the commands that slots belong to.
return function(sqes, batch)
  local prp = { slots = ffi.new(slots_type, batch), list = dma_list() }
  local slots, list = prp.slots, prp.list
  local state = state_type(4096, 12)
  prp.state = state
  local entries = ffi.new("uint64_t[?]", batch * ENTRIES)
  local low = ffi.cast("int32_t *", entries)            -- their low halves, at even indices

  -- Pages have 2^shift bytes (CC.MPS).
  function prp.set_page(shift) state.shift, state.page = shift, lshift(1, shift) end

  function prp.begin() state.lists, state.bad = 0, 0 end

  local function fail(i, status)
    slots[i].status, slots[i].len = status, 0
    state.bad = state.bad + 1
  end

  -- Gives slot i its data: len bytes at ptr. Returns a status.
  function prp.set(i, ptr, len, to_driver)
    local s, c = slots[i], sqes[i]
    local offset = band(c.prp1_low, state.page - 1)
    local beyond = rshift(offset + len - 1, state.shift)        -- pages after the first
    if band(offset, 3) ~= 0 then return S.invalid_prp_offset end
    if beyond > ENTRIES then return S.invalid_field end
    s.entries, s.have = beyond, 0
    if beyond == 1 then
      s.have, entries[i * ENTRIES] = 1, c.prp2
    elseif beyond > 1 then
      if band(c.prp2_low, 7) ~= 0 then return S.invalid_prp_offset end
      s.next = c.prp2
      state.lists = state.lists + 1
    end
    s.ptr, s.len, s.to_driver = ptr, len, to_driver
    return 0
  end

  -- ---- PRP lists ------------------------------------------------------------------------

  -- What there is to read of slot s's list at s.next: no more than its page holds.
  local function stretch(s)
    local offset = band(tonumber(band(s.next, 0xffffULL)), state.page - 1)
    return (math.min(s.entries - s.have, rshift(state.page - offset, 3)))
  end

  local function add_list(i)
    local s = slots[i]
    if s.len == 0 or s.have == s.entries then return end
    list:read(s.next, entries + (i * ENTRIES + s.have), stretch(s) * 8)
  end

  -- After add_list() was carried out. A list longer than its page ends in a pointer to more of it.
  local function follow_list(i)
    local s = slots[i]
    if s.len == 0 or s.have == s.entries then return end
    s.have = s.have + stretch(s)
    if s.have == s.entries then
      state.lists = state.lists - 1
    else
      s.have = s.have - 1
      local k = i * ENTRIES + s.have
      s.next = entries[k]
      if band(low[2 * k], state.page - 1) ~= 0 then
        state.lists = state.lists - 1
        fail(i, S.invalid_prp_offset)
      end
    end
  end

  -- Again for slot i alone, so that only the command at fault fails.
  local function list_alone(i)
    if slots[i].len == 0 or slots[i].have == slots[i].entries then return end
    list:clear()
    add_list(i)
    if not list:go() then
      state.lists = state.lists - 1
      fail(i, S.transfer_error)
    end
  end

  local function read_list(i)
    list_alone(i)
    follow_list(i)
  end

  -- Reads the PRP lists of slots first .. last, those of all commands in one call.
  local function read_lists(first, last)
    if first == last then read_list(first) end
    while state.lists > 0 do
      list:clear()
      for i = first, last do add_list(i) end
      if not list:go() then
        for i = first, last do list_alone(i) end
      end
      for i = first, last do follow_list(i) end
    end
  end

  -- ---- data --------------------------------------------------------------------------------

  -- The piece that was growing goes on the list.
  local function end_piece(s)
    local ptr = s.ptr + (s.done - s.run)
    if s.to_driver then list:write(s.at, ptr, s.run) else list:read(s.at, ptr, s.run) end
  end

  local function begin_data(s, c)
    if list.n > MANY then
      state.refused = not list:go() or state.refused
      list:clear()
    end
    s.at, s.run = c.prp1, math.min(s.len, state.page - band(c.prp1_low, state.page - 1))
    s.done = s.run
  end

  -- One more page. Neighbours become one piece, unless `apart`.
  local function add_page(i, s, k, apart)
    if band(low[2 * k], state.page - 1) ~= 0 then return fail(i, S.invalid_prp_offset) end
    local len = math.min(state.page, s.len - s.done)
    if entries[k] ~= s.at + s.run or apart then
      end_piece(s)
      s.at, s.run = entries[k], 0
    end
    s.run, s.done = s.run + len, s.done + len
  end

  local function add_pages(i, s, apart)
    local first = i * ENTRIES
    for k = first, first + s.entries - 1 do add_page(i, s, k, apart) end
  end

  -- Puts slot i's data on the list.
  local function add_data(i, apart)
    local s = slots[i]
    if s.len == 0 then return end
    begin_data(s, sqes[i])
    if s.entries == 1 then
      add_page(i, s, i * ENTRIES, apart)
    elseif s.entries > 1 then
      add_pages(i, s, apart)
    end
    if s.len > 0 then end_piece(s) end
  end

  -- Puts the data of slots 0 .. n-1 on the list, for the completions to follow. Returns false if
  -- the bus refused a part already. state.bad then counts commands that failed.
  function prp.gather(n)
    state.refused = false
    if state.lists > 0 then read_lists(0, n - 1) end
    list:clear()
    if n == 1 then add_data(0) else for i = 0, n - 1 do add_data(i) end end
    return not state.refused
  end

  -- Moves slot i's data now, page by page. Returns a status, which is the slot's as well.
  function prp.now(i)
    if slots[i].have < slots[i].entries then
      local others = state.lists - 1
      state.lists = 1
      read_lists(i, i)
      state.lists = others
    end
    list:clear()
    add_data(i, true)
    if slots[i].len > 0 and not list:go() then fail(i, S.transfer_error) end
    return slots[i].status
  end

  -- The bus refused something: each command by itself.
  function prp.one_by_one(n)
    for i = 0, n - 1 do
      if slots[i].len > 0 then prp.now(i) end
    end
    list:clear()
  end

  return prp
end
