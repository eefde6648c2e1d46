-- SPDX-License-Identifier: MIT
--
-- nvme/admin.lua: the admin command set (NVMe 1.4 §5): queues, abort, format; the
-- rest has a file of its own. A command that is not in the table is an invalid
-- opcode.
--
-- Try it:  tests/spec/run tests/spec/nvme_admin_spec.lua

local bit = require "bit"
local ffi = require "ffi"
local types = require "nvme.types"
local S = types.status
local band, lshift, rshift = bit.band, bit.lshift, bit.rshift

return function(ctl, queue)
  local admin = {
    [0x02] = ctl.health.get_log,
    [0x06] = require "nvme.identify"(ctl, queue),
    [0x09] = ctl.feature.set,
    [0x0a] = ctl.feature.get,
    [0x0c] = ctl.health.request,
  }

  -- ---- queues: CDW10 is the identifier and the last entry's index -------------------------

  local function halves(v) return band(v, 0xffff), rshift(v, 16) end

  local function queue_fault(c, last, entry_size)
    if last == 0 or last > ctl.mqes then return S.invalid_queue_size end
    if entry_size ~= (c.opcode == 0x05 and 4 or 6) then return S.invalid_queue_size end
    if band(c.cdw11, 1) == 0 then return S.invalid_field end            -- PC: CAP.CQR asks for it
    if band(c.prp1_low, lshift(1, ctl.live.page_shift) - 1) ~= 0 then return S.invalid_prp_offset end
    return 0
  end

  admin[0x05] = function(_, c)                          -- create I/O completion queue (§5.3)
    local id, last = halves(c.cdw10)
    local flags, vector = halves(c.cdw11)
    if id == 0 or id > ctl.queues or queue.cq[id] then return S.invalid_queue_id end
    local status = queue_fault(c, last, ctl.dev.cc.iocqes)
    if status ~= 0 then return status end
    ctl.live.irq = irq_mode()
    if vector > (ctl.live.irq == "msix" and ctl.queues or 0) then return S.invalid_vector end
    queue.add_cq(id, c.prp1, last + 1, vector, band(flags, 2) ~= 0)
    return 0
  end

  admin[0x01] = function(_, c)                          -- create I/O submission queue (§5.4)
    local id, last = halves(c.cdw10)
    local _, cq = halves(c.cdw11)
    if id == 0 or id > ctl.queues or queue.sq[id] then return S.invalid_queue_id end
    local status = queue_fault(c, last, ctl.dev.cc.iosqes)
    if status ~= 0 then return status end
    if cq == 0 then return S.invalid_queue_id end
    if not queue.cq[cq] then return S.invalid_cq end
    queue.add_sq(id, c.prp1, last + 1, queue.cq[cq])
    return 0
  end

  admin[0x00] = function(_, c)                          -- delete I/O submission queue (§5.6)
    local id = halves(c.cdw10)
    if id == 0 or not queue.sq[id] then return S.invalid_queue_id end
    queue.remove_sq(id)
    return 0
  end

  admin[0x04] = function(_, c)                          -- delete I/O completion queue (§5.5)
    local id = halves(c.cdw10)
    if id == 0 or not queue.cq[id] then return S.invalid_queue_id end
    if queue.cq[id].users > 0 then return S.invalid_queue_deletion end
    queue.remove_cq(id)
    return 0
  end

  -- ---- abort (§5.1): every other command is over before the next is looked at ----------------

  admin[0x08] = function(i, c)
    local id, cid = halves(c.cdw10)
    queue.slots[i].result = id == 0 and ctl.health.abort(cid) and 0 or 1
    return 0
  end

  -- ---- format NVM (§5.23) ------------------------------------------------------------------------

  local function format_one(ns, format)
    if not ns.store:discard(0, ns.size) then ffi.fill(ns.ptr, ns.size) end
    local changed = ns.format ~= format
    ctl.set_format(ns, format)
    if changed then ctl.health.namespace_changed(ns.id) end
  end

  admin[0x80] = function(_, c)
    local format, erase = band(c.cdw10, 0xf), band(rshift(c.cdw10, 9), 7)
    if format > #ctl.formats or band(c.cdw10, 0xf0) ~= 0 then return S.invalid_format end
    if erase > 1 then return S.invalid_field end        -- no cryptographic erase
    if c.nsid ~= types.ALL and not ctl.ns[c.nsid] then return S.invalid_namespace end
    for _, ns in ipairs(ctl.ns) do
      if c.nsid == types.ALL or c.nsid == ns.id then format_one(ns, format) end
    end
    return 0
  end

  return admin
end
