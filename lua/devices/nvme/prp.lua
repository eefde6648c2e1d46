-- SPDX-License-Identifier: MIT
--
-- nvme/prp.lua: from PRP entries to pieces of DMA (NVMe 1.4 §4.3). A command says
-- where its data is in the device; this file finds out where it is in the driver's
-- memory and puts pieces on a list, so that data moves straight between the
-- driver's pages and the store, for many commands in one call.
--
-- Bus addresses are Lua numbers here: exact below 2^53, and above it no memory is.
--
-- Try it:  busted tests/spec/nvme_spec.lua

local ffi = require "ffi"
local types = require "nvme.types"
local S = types.status

local ENTRIES = 512     -- PRP entries kept for one command: 1 MiB wants 256
local MANY = 640        -- pieces after which a list is carried out before more are added

-- One command of the batch. ptr, len, to_driver: its data; at, entries, have: its PRP list:
-- where the next part of it is, how many entries it has, how many were read.
local slots_type = ffi.typeof [[struct {
  uint8_t *ptr; double at; uint32_t len, entries, have, result; uint16_t status; bool to_driver;
}[?] ]]

-- ctl.page is CC.MPS in bytes; sqes[0 .. batch - 1] are the commands that slots belong to.
return function(ctl, sqes, batch)
  local prp = { slots = ffi.new(slots_type, batch), list = dma_list() }
  local slots, list = prp.slots, prp.list
  local entries = ffi.new("uint64_t[?]", batch * ENTRIES)
  local low = ffi.cast("uint32_t *", entries)           -- their low halves, at even indices

  -- Gives slot i its data: len bytes at ptr. Returns a status.
  function prp.set(i, ptr, len, to_driver)
    local s, c, page = slots[i], sqes[i], ctl.page
    local offset = tonumber(c.prp1) % page
    local second = tonumber(c.prp2)
    local beyond = math.ceil((len - (page - offset)) / page)    -- pages after the first
    if offset % 4 ~= 0 then return S.invalid_prp_offset end
    if beyond > ENTRIES then return S.invalid_field end
    s.entries, s.have = 0, 0
    if beyond == 1 then
      s.entries, s.have, entries[i * ENTRIES] = 1, 1, c.prp2
    elseif beyond > 1 then
      if second % 8 ~= 0 then return S.invalid_prp_offset end
      s.entries, s.at = beyond, second
    end
    s.ptr, s.len, s.to_driver = ptr, len, to_driver
    return 0
  end

  -- What there is to read of slot s's list at s.at: no more than its page holds.
  local function stretch(s)
    return math.min(s.entries - s.have, (ctl.page - s.at % ctl.page) / 8)
  end

  local function add_list(i)
    local s = slots[i]
    list:read(s.at, entries + (i * ENTRIES + s.have), stretch(s) * 8)
  end

  -- After add_list() was carried out. A list longer than its page ends in a pointer to more of it.
  local function follow_list(i)
    local s = slots[i]
    s.have = s.have + stretch(s)
    if s.have < s.entries then
      s.have = s.have - 1
      s.at = tonumber(entries[i * ENTRIES + s.have])
      if s.at % ctl.page ~= 0 then s.status = S.invalid_prp_offset end
    end
  end

  local function wants_list(i)
    local s = slots[i]
    return s.status == 0 and s.len > 0 and s.have < s.entries
  end

  -- Reads the PRP lists of slots first .. last, those of all commands in one call.
  local function read_lists(first, last)
    while true do
      list:clear()
      for i = first, last do
        if wants_list(i) then add_list(i) end
      end
      if list.n == 0 then return end
      local done = list:go()
      for i = first, last do
        if wants_list(i) then
          if not done then              -- again one by one, so that only the one at fault fails
            list:clear()
            add_list(i)
            if not list:go() then slots[i].status = S.transfer_error end
          end
          if slots[i].status == 0 then follow_list(i) end
        end
      end
    end
  end

  local function move(s, at, offset, len)
    if s.to_driver then list:write(at, s.ptr + offset, len) else list:read(at, s.ptr + offset, len) end
  end

  -- Puts slot i's data on the list. Neighbours become one piece, unless `apart`.
  local function add_data(i, apart)
    local s, page, base = slots[i], ctl.page, i * ENTRIES
    local stray = 0
    for k = base, base + s.entries - 1 do stray = bor(stray, low[2 * k]) end
    if band(stray, page - 1) ~= 0 then s.status = S.invalid_prp_offset; return end

    local at, offset = tonumber(sqes[i].prp1), 0
    local run = math.min(s.len, page - at % page)
    local done = run
    for k = base, base + s.entries - 1 do
      local address = tonumber(entries[k])
      local len = math.min(page, s.len - done)
      if address == at + run and not apart then
        run = run + len
      else
        move(s, at, offset, run)
        at, offset, run = address, done, len
      end
      done = done + len
    end
    move(s, at, offset, run)
  end

  local function has_data(i) return slots[i].status == 0 and slots[i].len > 0 end

  -- Puts the data of slots 0 .. n-1 on the list, for the completions to follow. Returns false if
  -- the bus refused a part already.
  function prp.gather(n)
    local ok = true
    read_lists(0, n - 1)
    list:clear()
    for i = 0, n - 1 do
      if has_data(i) then
        if list.n > MANY then ok = list:go() and ok; list:clear() end
        add_data(i)
      end
    end
    return ok
  end

  -- Moves slot i's data now, page by page. Returns a status, which is the slot's as well.
  function prp.now(i)
    read_lists(i, i)
    if has_data(i) then
      list:clear()
      add_data(i, true)
      if slots[i].status == 0 and not list:go() then slots[i].status = S.transfer_error end
    end
    return slots[i].status
  end

  -- The bus refused something: each command by itself.
  function prp.one_by_one(n)
    for i = 0, n - 1 do prp.now(i) end
    list:clear()
  end

  return prp
end
