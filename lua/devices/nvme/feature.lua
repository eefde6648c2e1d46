-- SPDX-License-Identifier: MIT
--
-- nvme/feature.lua: get features and set features (NVMe 1.4 §5.21), one row a
-- feature. A value is CDW11; what is saved lies in the controller's own memory.
--
-- Try it, in a guest:  nvme get-feature /dev/nvme0 -f 2 -H

local bit = require "bit"
local ffi = require "ffi"
local types = require "nvme.types"
local S = types.status
local band, bor, bnot, lshift, rshift = bit.band, bit.bor, bit.bnot, bit.lshift, bit.rshift

return function(ctl, queue)
  local feature = {}
  local memory = ctl.memory

  -- current values by feature; thresholds; vectors whose coalescing is off; the timestamp.
  local kept = state.feature or { current = {}, threshold = {}, coalescing_off = {},
                                  stamp = { value = 0, at = 0, origin = 0 } }
  state.feature = kept

  -- default: value at first power-up; mask: bits there are, others are an invalid field.
  -- saveable: keeps its saved value (set features, SV). per_namespace: NSID must name one, or all.
  -- check(value): a status; changed(value, i): acts on it, may set the result.
  -- each(value): for features that are several, which one CDW11 speaks of, or nil.
  local features = {
    [0x01] = { "Arbitration", default = 0x07, mask = 0xffffff07, saveable = true },
    [0x02] = { "Power management", default = 0, mask = 0xff, saveable = true,
               check = function(v) return band(v, 0x1f) == 0 and 0 or S.invalid_field end },
    [0x04] = { "Temperature threshold", mask = 0x3fffff, each = true },
    [0x05] = { "Error recovery", default = 0, mask = 0xffff, saveable = true, per_namespace = true },
    [0x06] = { "Volatile write cache", default = 1, mask = 1, saveable = true,
               changed = function(v) ctl.live.write_cache = v == 1 end },
    [0x07] = { "Number of queues", mask = 0xffffffff },
    [0x08] = { "Interrupt coalescing", default = 0, mask = 0xffff, saveable = true },
    [0x09] = { "Interrupt vector configuration", mask = 0x1ffff, each = true },
    [0x0a] = { "Write atomicity normal", default = 0, mask = 1, saveable = true },
    [0x0b] = { "Asynchronous event configuration", default = 0, mask = 0x1ff, saveable = true },
    [0x0e] = { "Timestamp", mask = 0 },
    [0x80] = { "Software progress marker", default = 0, mask = 0xff, saveable = true },
  }

  -- Saved values exist for features that are one number; bit f of saved_set says that there is one.
  local function saved(f)
    local row = features[f]
    if row.saveable and band(memory.saved_set[rshift(f, 5)], lshift(1, band(f, 31))) ~= 0 then
      return memory.saved[f]
    end
    return row.default
  end

  -- Where a feature's current value is kept; one that namespaces have by themselves has a place for each.
  local function place(f, nsid) return features[f].per_namespace and nsid * 256 + f or f end

  function feature.value(f, nsid) return kept.current[place(f, nsid)] or saved(f) end

  -- ---- temperature thresholds (§5.21.1.4): over (THSEL 0) and under (THSEL 1), composite only --------

  function feature.thresholds() return kept.threshold[0], kept.threshold[1] end

  local temperature = features[0x04]

  function temperature.get(v, default)
    local select, which = band(rshift(v, 16), 0xf), band(rshift(v, 20), 3)
    if select ~= 0 or which > 1 then return nil, S.invalid_field end
    return default and (which == 0 and 0xffff or 0) or kept.threshold[which]
  end

  function temperature.set(v)
    local select, which = band(rshift(v, 16), 0xf), band(rshift(v, 20), 3)
    if (select ~= 0 and select ~= 0xf) or which > 1 then return S.invalid_field end
    kept.threshold[which] = band(v, 0xffff)
    ctl.health.check_temperature()
    return 0
  end

  -- ---- interrupt vectors (§5.21.1.9): whether coalescing is off for one ------------------------------

  local vector = features[0x09]

  function vector.get(v, default)
    local n = band(v, 0xffff)
    if n > ctl.queues then return nil, S.invalid_field end
    return n + (kept.coalescing_off[n] and not default and 0x10000 or 0)
  end

  function vector.set(v)
    local n = band(v, 0xffff)
    if n > ctl.queues or n == 0 and band(v, 0x10000) == 0 then return S.invalid_field end
    kept.coalescing_off[n] = band(v, 0x10000) ~= 0
    return 0
  end

  -- ---- number of queues (§5.21.1.7) ---------------------------------------------------------------------

  local queues = features[0x07]

  function queues.get() return (ctl.queues - 1) * 0x10001 end

  function queues.set(v, i)
    local submission, completion = band(v, 0xffff), band(rshift(v, 16), 0xffff)
    if submission == 0xffff or completion == 0xffff then return S.invalid_field end
    for id = 1, ctl.queues do
      if queue.sq[id] or queue.cq[id] then return S.sequence_error end
    end
    queue.slots[i].result = queues.get()
    return 0
  end

  -- ---- timestamp (§5.21.1.14): milliseconds, set by the host, counted on by the device's clock -------------

  local stamp = kept.stamp
  local timestamp = features[0x0e]

  function timestamp.data(i, c)
    local p = ffi.cast("uint64_t *", ctl.scratch.ptr)
    local status = queue.prp.set(i, ctl.scratch.ptr, 8, band(c.opcode, 3) == 2)
    if status ~= 0 then return status end
    if c.opcode == 0x09 then
      status = queue.prp.now(i)
      if status ~= 0 then return status end
      queue.slots[i].len = 0
      stamp.value, stamp.at, stamp.origin = tonumber(band(p[0], 0xffffffffffffULL)), now(), 1
    else
      p[0] = stamp.value + math.floor((now() - stamp.at) / 1e6) + stamp.origin * 2 ^ 49
    end
    return 0
  end

  -- ---- the commands -------------------------------------------------------------------------------------------

  local function namespace_fault(row, nsid, all)
    if row.per_namespace then
      return (nsid ~= types.ALL or not all) and not ctl.ns[nsid] and S.invalid_namespace or 0
    end
    return all and nsid ~= 0 and nsid ~= types.ALL and S.not_namespace_specific or 0
  end

  function feature.get(i, c)
    local f, select = band(c.cdw10, 0xff), band(rshift(c.cdw10, 8), 7)
    local row = features[f]
    if not row or select > 3 or band(c.cdw10, 0xfffff800) ~= 0 then return S.invalid_field end
    local fault = namespace_fault(row, c.nsid, false)
    if fault ~= 0 then return fault end
    if select == 3 then                 -- what can be done with it: saved, per namespace, changed
      queue.slots[i].result = (row.saveable and 1 or 0) + (row.per_namespace and 2 or 0) + 4
      return 0
    end
    if row.data then return row.data(i, c) end
    local value
    if row.get then
      value, fault = row.get(c.cdw11, select == 1)
      if not value then return fault end
    elseif select == 0 then
      value = feature.value(f, c.nsid)
    else
      value = select == 1 and row.default or saved(f)
    end
    queue.slots[i].result = value
    return 0
  end

  function feature.set(i, c)
    local f, v = band(c.cdw10, 0xff), c.cdw11
    local save = band(c.cdw10, 0x80000000) ~= 0
    local row = features[f]
    if not row or band(c.cdw10, 0x7fffff00) ~= 0 or band(v, bnot(row.mask)) ~= 0 then
      return S.invalid_field
    end
    if save and not row.saveable then return S.not_saveable end
    local status = namespace_fault(row, c.nsid, true)
    if status ~= 0 then return status end
    if row.data then return row.data(i, c) end
    if row.set then return row.set(v, i) end
    status = row.check and row.check(v) or 0
    if status ~= 0 then return status end
    for _, ns in ipairs(ctl.ns) do
      if c.nsid == types.ALL or c.nsid == ns.id or not row.per_namespace then kept.current[place(f, ns.id)] = v end
    end
    if row.changed then row.changed(v) end
    if save then
      local word = rshift(f, 5)
      memory.saved[f] = v
      memory.saved_set[word] = bor(memory.saved_set[word], lshift(1, band(f, 31)))
    end
    return 0
  end

  -- Controller reset: what was not saved is forgotten (§7.8).
  function feature.reset()
    kept.current, kept.coalescing_off = {}, {}
    kept.threshold[0], kept.threshold[1] = 0xffff, 0
    for f, row in pairs(features) do
      if row.changed then row.changed(saved(f)) end
    end
  end

  return feature
end
