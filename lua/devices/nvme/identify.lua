-- SPDX-License-Identifier: MIT
--
-- nvme/identify.lua: the Identify command (NVMe 1.4 §5.15): what the controller
-- and its namespaces are. Field names are the specification's.
--
-- Try it, in a guest:  nvme id-ctrl /dev/nvme0 -H

local bit = require "bit"
local ffi = require "ffi"
local types = require "nvme.types"
local S = types.status
local band, bor, bxor, rshift = bit.band, bit.bor, bit.bxor, bit.rshift

local function text(field, s)
  local size = ffi.sizeof(field)
  ffi.copy(field, (s .. (" "):rep(size)):sub(1, size), size)
end

-- 64 bits that differ from controller to controller and stay the same for one (FNV-1a).
local function hash(s)
  local h = 0xcbf29ce484222325ULL
  for n = 1, #s do h = bxor(h, s:byte(n)) * 0x100000001b3ULL end
  return h
end

local function put64(p, h)
  for n = 0, 7 do p[n] = tonumber(band(rshift(h, 56 - 8 * n), 0xffULL)) end
end

return function(ctl, queue)
  local page = ctl.scratch.ptr

  -- Identifiers of a namespace, made from the serial number: EUI-64 and NGUID in the range that
  -- anyone may use (locally administered), and a UUID of version 8.
  local function eui64(p, ns)
    put64(p, hash("eui64 " .. ctl.serial .. ns.id))
    p[0] = bor(band(p[0], 0xfc), 2)
  end

  local function nguid(p, ns)
    put64(p, hash("nguid " .. ctl.serial .. ns.id))
    eui64(p + 8, ns)
  end

  local function uuid(p, name)
    put64(p, hash("uuid " .. name))
    put64(p + 8, hash(name .. " uuid"))
    p[6], p[8] = bor(band(p[6], 0x0f), 0x80), bor(band(p[8], 0x3f), 0x80)
  end

  local function uuid_text(name)
    local b = ffi.new("uint8_t[16]")
    uuid(b, name)
    local s = ""
    for n = 0, 15 do
      s = s .. ((n == 4 or n == 6 or n == 8 or n == 10) and "-" or "") .. ("%02x"):format(b[n])
    end
    return s
  end

  local function controller()
    local c = ffi.cast(types.controller_ptr, page)
    c.vid, c.ssvid = ctl.vendor, ctl.vendor
    text(c.sn, ctl.serial)
    text(c.mn, ctl.model)
    text(c.fr, ctl.firmware)
    c.rab, c.mdts = 6, math.log(ctl.mdts / 4096) / math.log(2) + 0.5
    c.ieee[2] = 2                       -- locally administered
    c.cntlid, c.ver, c.cntrltype = 1, ctl.version, 1
    c.oaes = 0x100                      -- namespace attribute notices
    c.oacs = 0x0002                     -- format NVM
    c.acl, c.aerl, c.elpe = 3, ctl.health.AER_LIMIT - 1, ctl.health.ERRORS - 1
    c.frmw = 0x03                       -- one slot, read-only
    c.lpa = 0x06                        -- effects log, long offsets
    c.wctemp, c.cctemp = 343, 363
    c.sqes, c.cqes, c.nn = 0x66, 0x44, #ctl.ns
    c.oncs = 0x00dd                     -- compare, DSM, write zeroes, save, timestamp, verify
    c.fna = 0x00                        -- format and erase work on one namespace
    c.vwc = 0x07                        -- there is one; flush takes NSID FFFFFFFFh
    c.awun, c.awupf = 0, 0
    ffi.copy(c.subnqn, "nqn.2014-08.org.nvmexpress:uuid:" .. uuid_text(ctl.serial))
    c.psd[0].mp = 500                   -- 5 W
    return 0
  end

  local function namespace(ns)
    local n = ffi.cast(types.namespace_ptr, page)
    n.nsze, n.ncap, n.nuse = ns.blocks, ns.blocks, ns.blocks
    n.nlbaf, n.flbas = #ctl.formats, ns.format
    n.dlfeat = 0x09                     -- deallocated blocks read as zeroes; write zeroes deallocates
    for f = 0, #ctl.formats do
      n.lbaf[f].lbads, n.lbaf[f].rp = ctl.formats[f], f == #ctl.formats and 0 or 1
    end
    nguid(n.nguid, ns)
    eui64(n.eui64, ns)
    return 0
  end

  -- Namespace identification descriptors: type, length, two reserved bytes, value.
  local function descriptors(ns)
    local p = page
    p[0], p[1] = 1, 8
    eui64(p + 4, ns)
    p = p + 12
    p[0], p[1] = 2, 16
    nguid(p + 4, ns)
    p = p + 20
    p[0], p[1] = 3, 16
    uuid(p + 4, ctl.serial .. ns.id)
    return 0
  end

  local function list(after)
    if after >= 0xfffffffe then return S.invalid_namespace end
    local ids, n = ffi.cast("uint32_t *", page), 0
    for id = after + 1, #ctl.ns do ids[n], n = id, n + 1 end
    return 0
  end

  local structures = {
    [0x00] = function(c) return ctl.ns[c.nsid] and namespace(ctl.ns[c.nsid]) or S.invalid_namespace end,
    [0x01] = function() return controller() end,
    [0x02] = function(c) return list(c.nsid) end,
    [0x03] = function(c) return ctl.ns[c.nsid] and descriptors(ctl.ns[c.nsid]) or S.invalid_namespace end,
  }

  return function(i, c)
    local make = structures[band(c.cdw10, 0xff)]
    if not make then return S.invalid_field end
    ffi.fill(page, 4096)
    local status = make(c)
    if status ~= 0 then return status end
    return queue.prp.set(i, page, 4096, true)
  end
end
