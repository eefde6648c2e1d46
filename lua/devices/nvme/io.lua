-- SPDX-License-Identifier: MIT
--
-- nvme/io.lua: the NVM command set (NVMe 1.4 §6) on namespaces that are stores.
-- Read and write only say where their data is; nvme/queue.lua moves it for the
-- whole batch. What must be over before the next step fetches its data at once.
--
-- Try it:  tests/spec/run tests/spec/nvme_io_spec.lua

local bit = require "bit"
local ffi = require "ffi"
local types = require "nvme.types"
local S = types.status
local band = bit.band

ffi.cdef "int memcmp(const void *, const void *, size_t);"

local FUA, DEALLOCATE = 0x40000000, 0x02000000          -- bits of CDW12

return function(ctl, queue)
  local prp, slots = queue.prp, queue.slots
  local ranges = ffi.cast(types.range_ptr, ctl.scratch.ptr)

  -- Namespace, first byte and length of a command's blocks; or nil and a status.
  local function extent(c, blocks)
    local ns = ctl.ns[c.nsid]
    if not ns then return nil, S.invalid_namespace end
    local lba = c.cdw11 * 0x100000000 + c.cdw10
    if lba + blocks > ns.blocks then return nil, S.lba_out_of_range end
    return ns, lba * ns.lba_size, blocks * ns.lba_size
  end

  local function blocks_of(c) return band(c.cdw12, 0xffff) + 1 end

  local io = {}

  io[0x00] = function(_, c)                             -- flush (§6.8)
    if c.nsid == types.ALL then
      for _, ns in ipairs(ctl.ns) do
        if not ns.store:flush() then return S.internal_error end
      end
      return 0
    end
    local ns = ctl.ns[c.nsid]
    if not ns then return S.invalid_namespace end
    return ns.store:flush() and 0 or S.internal_error
  end

  io[0x01] = function(i, c)                             -- write (§6.15)
    local ns, at, len = extent(c, blocks_of(c))
    if not ns then return at end
    if len > ctl.mdts then return S.invalid_field end
    local status = prp.set(i, ns.ptr + at, len, false)
    if status ~= 0 then return status end
    ctl.health.wrote(len)
    if band(c.cdw12, FUA) ~= 0 or not ctl.live.write_cache then
      if prp.now(i) ~= 0 then return slots[i].status end
      slots[i].len = 0
      return ns.store:flush() and 0 or S.internal_error
    end
    return 0
  end

  io[0x02] = function(i, c)                             -- read (§6.9)
    local ns, at, len = extent(c, blocks_of(c))
    if not ns then return at end
    if len > ctl.mdts then return S.invalid_field end
    ctl.health.read(len)
    return (prp.set(i, ns.ptr + at, len, true))
  end

  io[0x05] = function(i, c)                             -- compare (§6.6)
    local ns, at, len = extent(c, blocks_of(c))
    if not ns then return at end
    if len > ctl.mdts then return S.invalid_field end
    local status = prp.set(i, ctl.scratch.ptr, len, false)
    if status ~= 0 then return status end
    if prp.now(i) ~= 0 then return slots[i].status end
    slots[i].len = 0
    ctl.health.read(len)
    return ffi.C.memcmp(ns.ptr + at, ctl.scratch.ptr, len) == 0 and 0 or S.compare_failure
  end

  io[0x08] = function(_, c)                             -- write zeroes (§6.16)
    local ns, at, len = extent(c, blocks_of(c))
    if not ns then return at end
    if band(c.cdw12, DEALLOCATE) ~= 0 then
      ns.store:discard(at, len)
    else
      ffi.fill(ns.ptr + at, len)
    end
    return 0
  end

  io[0x09] = function(i, c)                             -- dataset management (§6.7)
    local ns = ctl.ns[c.nsid]
    if not ns then return S.invalid_namespace end
    local n = band(c.cdw10, 0xff) + 1
    local status = prp.set(i, ctl.scratch.ptr, n * ffi.sizeof(types.range), false)
    if status ~= 0 then return status end
    if prp.now(i) ~= 0 then return slots[i].status end
    slots[i].len = 0
    for k = 0, n - 1 do
      if tonumber(ranges[k].lba) + ranges[k].blocks > ns.blocks then return S.lba_out_of_range end
    end
    if band(c.cdw11, 4) == 0 then return 0 end          -- hints only; this store has no use for them
    for k = 0, n - 1 do
      ns.store:discard(tonumber(ranges[k].lba) * ns.lba_size, ranges[k].blocks * ns.lba_size)
    end
    return 0
  end

  io[0x0c] = function(_, c)                             -- verify (§6.14): memory does not rot
    local ns, status = extent(c, blocks_of(c))
    return ns and 0 or status
  end

  return io
end
