-- SPDX-License-Identifier: MIT
--
-- nvme/health.lua: what the controller knows of itself: the error log, the SMART
-- counters and temperature, the log pages (NVMe 1.4 §5.14) and the asynchronous
-- events that tell of them (§5.2).
--
-- Try it, in a guest:  nvme smart-log /dev/nvme0

local bit = require "bit"
local ffi = require "ffi"
local types = require "nvme.types"
local S = types.status
local band, bor, lshift, rshift = bit.band, bit.bor, bit.lshift, bit.rshift

local ERRORS = 64                       -- entries of the error log
local PAGE = 4096                       -- the largest log page
local AER_LIMIT = 4                     -- asynchronous event requests held, at most (identify: AERL + 1)

-- Asynchronous event types (§5.2.1), and the log page whose reading lets the next of that type out.
local ERROR, SMART, NOTICE = 0, 1, 2
local PAGE_OF = { [ERROR] = 0x01, [SMART] = 0x02, [NOTICE] = 0x04 }

return function(ctl, queue)
  local health = { AER_LIMIT = AER_LIMIT, ERRORS = ERRORS }
  local memory = ctl.memory

  -- errors: the error log, newest first. held: requests without an event; over: those to be completed.
  -- events that wait; silent: types whose log page is to be read first; changed: namespaces.
  local kept = state.health or {
    errors = types.error_array(ERRORS), held = {}, over = {}, events = {}, silent = {}, changed = {},
    kelvin = 310, critical = 0, powered = now(),
  }
  state.health = kept

  -- ---- counters; called for every command ------------------------------------------------

  function health.read(bytes)
    memory.sectors_read, memory.reads = memory.sectors_read + bytes / 512, memory.reads + 1
  end

  function health.wrote(bytes)
    memory.sectors_written, memory.writes = memory.sectors_written + bytes / 512, memory.writes + 1
  end

  -- ---- the error log (§5.14.1.1) -----------------------------------------------------------

  local function record(sq_id, cid, status, c)
    for n = ERRORS - 1, 1, -1 do kept.errors[n] = kept.errors[n - 1] end
    ffi.fill(kept.errors, 64)
    memory.errors = memory.errors + 1
    local e = kept.errors[0]
    e.count, e.sq_id, e.cid, e.status, e.location = memory.errors, sq_id, cid, status * 2, 0xffff
    if c then
      e.nsid = c.nsid
      e.lba = sq_id > 0 and bor(lshift(c.cdw11 + 0ULL, 32), c.cdw10 + 0ULL) or 0
    end
  end

  -- Command c of a submission queue fails with what slot s says: log it, and say in the status that it is logged.
  function health.failed(sq_id, c, s)
    if s.status ~= S.transfer_error then s.status = bor(s.status, types.DO_NOT_RETRY) end
    s.status = bor(s.status, types.MORE)
    record(sq_id, c.cid, s.status, c)
  end

  -- ---- asynchronous events ----------------------------------------------------------------

  local function enabled(kind, info)
    local config = ctl.feature.value(0x0b)
    if kind == SMART then return band(config, kept.critical) ~= 0 end
    if kind == NOTICE then return band(config, lshift(0x100, info)) ~= 0 end
    return true
  end

  local function tell(kind, info)
    if not ctl.live.ready or not enabled(kind, info) then return end
    for _, e in ipairs(kept.events) do
      if e.kind == kind and e.info == info then return end
    end
    kept.events[#kept.events + 1] = { kind = kind, info = info }
    ctl.live.waiting = true
  end

  -- The result of the first event that may be told now; it is off the list then.
  local function take()
    for n, e in ipairs(kept.events) do
      if not kept.silent[e.kind] then
        kept.silent[e.kind] = true
        table.remove(kept.events, n)
        return bor(e.kind, lshift(e.info, 8), lshift(PAGE_OF[e.kind], 16))
      end
    end
  end

  -- Completes held requests that have an event now, or were aborted, as far as there is room.
  function health.report()
    while #kept.held > 0 do
      local result = take()
      if not result then break end
      kept.over[#kept.over + 1] = { cid = table.remove(kept.held, 1), status = 0, result = result }
    end
    local over = kept.over
    while #over > 0 and queue.complete_held(queue.sq[0], over[1].cid, over[1].status, over[1].result) do
      table.remove(over, 1)
    end
    ctl.live.waiting = false              -- the admin completion queue's doorbell comes back here
  end

  -- Asynchronous event request (§5.2)
  function health.request(i, c)
    if #kept.held == AER_LIMIT then return S.aer_limit end
    local result = take()
    if result then queue.slots[i].result = result; return 0 end
    kept.held[#kept.held + 1] = c.cid
    return queue.HOLD
  end

  -- Abort (§5.1) of a held request; false if there is none with that command identifier.
  function health.abort(cid)
    for n, other in ipairs(kept.held) do
      if other == cid then
        kept.over[#kept.over + 1] = { cid = table.remove(kept.held, n), status = S.abort_requested, result = 0 }
        ctl.live.waiting = true
        return true
      end
    end
    return false
  end

  function health.reset()
    kept.held, kept.over, kept.events, kept.silent, ctl.live.waiting = {}, {}, {}, {}, false
  end

  -- A doorbell was written that should not have been. info as in §5.2.1: 0 no such queue, 1 a bad value.
  function health.bad_doorbell(info, fmt, ...)
    guest_error(fmt, ...)
    record(0xffff, 0xffff, 0, nil)
    tell(ERROR, info)
    health.report()
  end

  function health.namespace_changed(id)
    kept.changed[#kept.changed + 1] = id
    tell(NOTICE, 0)
  end

  -- ---- SMART (§5.14.1.2) ----------------------------------------------------------------------

  -- Compares the temperature with the thresholds of feature 04h.
  function health.check_temperature()
    local high, low = ctl.feature.thresholds()
    local bits = (kept.kelvin >= high or kept.kelvin <= low) and 2 or 0
    local risen = bits ~= 0 and kept.critical == 0
    kept.critical = bits
    if risen then tell(SMART, 1) end
  end

  -- What a sensor would say, in kelvin: for tests.
  function event.temperature(_, kelvin)
    kept.kelvin = kelvin
    health.check_temperature()
    health.report()
  end

  local function smart_page(page)
    local s = ffi.cast(types.smart_ptr, page)
    s.critical, s.temperature, s.spare, s.spare_threshold = kept.critical, kept.kelvin, 100, 10
    s.units_read[0] = (memory.sectors_read + 999) / 1000        -- thousands of 512 bytes, rounded up
    s.units_written[0] = (memory.sectors_written + 999) / 1000
    s.reads[0], s.writes[0] = memory.reads, memory.writes
    s.power_cycles[0], s.unsafe_shutdowns[0] = memory.power_cycles, memory.unsafe_shutdowns
    s.power_on_hours[0] = (memory.power_on_ns + (now() - kept.powered)) / 3600000000000ULL
    s.errors[0] = memory.errors
    return 512
  end

  -- ---- log pages -------------------------------------------------------------------------------

  local SUPPORTED, WRITES, NAMESPACE, ALONE = 0x1, 0x2, 0x4, 0x10000      -- §5.14.1.5

  local function effects_page(page)
    local admin, io = ffi.cast("uint32_t *", page), ffi.cast("uint32_t *", page) + 256
    for opcode in pairs(ctl.admin) do admin[opcode] = SUPPORTED end
    for opcode in pairs(ctl.io) do io[opcode] = SUPPORTED end
    for _, opcode in ipairs { 0x01, 0x08, 0x09 } do io[opcode] = SUPPORTED + WRITES end
    admin[0x80] = SUPPORTED + WRITES + NAMESPACE + ALONE
    return 4096
  end

  local pages = {
    [0x01] = function(page) ffi.copy(page, kept.errors, ERRORS * 64); return ERRORS * 64 end,
    [0x02] = smart_page,
    [0x03] = function(page)                             -- firmware: one slot, read-only
      page[0] = 1
      ffi.copy(page + 8, ctl.firmware, 8)
      return 512
    end,
    [0x04] = function(page)                             -- changed namespaces, since last asked
      for n, id in ipairs(kept.changed) do ffi.cast("uint32_t *", page)[n - 1] = id end
      return 4096
    end,
    [0x05] = effects_page,
  }

  -- Get log page (§5.14)
  function health.get_log(i, c)
    local id, keep = band(c.cdw10, 0xff), band(c.cdw10, 0x8000) ~= 0
    local make = pages[id]
    if not make then return S.invalid_log_page end
    if c.nsid ~= 0 and c.nsid ~= types.ALL then return S.invalid_field end
    local len = (rshift(c.cdw10, 16) + band(c.cdw11, 0xffff) * 0x10000 + 1) * 4
    local offset = c.cdw13 * 0x100000000 + c.cdw12
    if offset % 4 ~= 0 or offset > PAGE or len > ctl.mdts then return S.invalid_field end
    ffi.fill(ctl.scratch.ptr, PAGE + len)               -- what lies past a page reads as zeroes
    if offset > make(ctl.scratch.ptr) then return S.invalid_field end
    if not keep then
      for kind, page in pairs(PAGE_OF) do
        if page == id then kept.silent[kind], ctl.live.waiting = nil, true end
      end
      if id == 0x04 then kept.changed = {} end
    end
    return queue.prp.set(i, ctl.scratch.ptr + offset, len, true)
  end

  -- Power off: time since power on is kept.
  function health.power_off()
    memory.power_on_ns, kept.powered = memory.power_on_ns + (now() - kept.powered), now()
  end

  return health
end
