-- SPDX-License-Identifier: MIT
--
-- nvme/types.lua: the structures and numbers of NVMe 1.4 that the parts of
-- nvme.lua share, so that each figure of the specification stands here once.
--
-- Try it:  ./moonbar check lua/devices/nvme.lua

local ffi = require "ffi"

local types = {}

-- types.NAME, types.NAME_ptr and types.NAME_array. Not ffi.cdef: a reload may declare them again.
local function declare(name, size, text)
  types[name] = ffi.typeof(text)
  types[name .. "_ptr"], types[name .. "_array"] = ffi.typeof(text .. " *"), ffi.typeof(text .. "[?]")
  assert(ffi.sizeof(types[name]) == size, name)
end

-- Submission queue entry (§4.2). The low half of PRP entry 1 has a name, for its offset in the page.
declare("sqe", 64, [[struct {
  uint8_t opcode, flags; uint16_t cid; uint32_t nsid;
  uint64_t reserved, metadata;
  union { uint64_t prp1; int32_t prp1_low; }; union { uint64_t prp2; int32_t prp2_low; };
  uint32_t cdw10, cdw11, cdw12, cdw13, cdw14, cdw15;
}]])

-- Completion queue entry (§4.6). Bit 0 of status is the phase tag.
declare("cqe", 16, [[struct {
  uint32_t result, reserved; uint16_t sq_head, sq_id, cid, status;
}]])

-- Dataset management range (§6.7).
declare("range", 16, "struct { uint32_t attributes, blocks; uint64_t lba; }")

-- Identify controller (§5.15.2.3), up to the last field that is not zero.
declare("controller", 4096, [[struct {
  uint16_t vid, ssvid; char sn[20], mn[40], fr[8];
  uint8_t rab, ieee[3], cmic, mdts; uint16_t cntlid; uint32_t ver, rtd3r, rtd3e, oaes, ctratt;
  uint16_t rrls; uint8_t r1[9], cntrltype, fguid[16]; uint16_t crdt[3]; uint8_t r2[122];
  uint16_t oacs; uint8_t acl, aerl, frmw, lpa, elpe, npss, avscc, apsta; uint16_t wctemp, cctemp;
  uint8_t r3[242];
  uint8_t sqes, cqes; uint16_t maxcmd; uint32_t nn; uint16_t oncs, fuses;
  uint8_t fna, vwc; uint16_t awun, awupf; uint8_t nvscc, nwpc; uint16_t acwu, r4;
  uint32_t sgls, mnan; uint8_t r5[224]; char subnqn[256]; uint8_t r6[1024];
  struct { uint16_t mp; uint8_t r[30]; } psd[32]; uint8_t vendor[1024];
} __attribute__((packed))]])

-- Identify namespace (§5.15.2.1).
declare("namespace", 4096, [[struct {
  uint64_t nsze, ncap, nuse; uint8_t nsfeat, nlbaf, flbas, mc, dpc, dps, nmic, rescap, fpi, dlfeat;
  uint8_t r1[70]; uint8_t nguid[16], eui64[8];
  struct { uint16_t ms; uint8_t lbads, rp; } lbaf[16]; uint8_t r2[3904];
} __attribute__((packed))]])

-- Error information log entry (§5.14.1.1).
declare("error", 64, [[struct {
  uint64_t count; uint16_t sq_id, cid, status, location; uint64_t lba; uint32_t nsid;
  uint8_t vendor, transport, r1[2]; uint64_t command; uint16_t transport_specific; uint8_t r2[22];
} __attribute__((packed))]])

-- SMART / health information log (§5.14.1.2); 128-bit counters as pairs, low half first.
declare("smart", 512, [[struct {
  uint8_t critical; uint16_t temperature; uint8_t spare, spare_threshold, used, r1[26];
  uint64_t units_read[2], units_written[2], reads[2], writes[2], busy_minutes[2], power_cycles[2],
           power_on_hours[2], unsafe_shutdowns[2], media_errors[2], errors[2];
  uint32_t warning_minutes, critical_minutes; uint16_t sensor[8]; uint8_t r2[296];
} __attribute__((packed))]])

-- A queue in the driver's memory: head and tail are indices of entries.
declare("ring", 32, "struct { uint64_t base; int32_t id, size, head, tail, phase, vector; }")

-- What the controller itself keeps while power is off.
declare("memory", 1264, [[struct {
  uint64_t magic, sectors_read, sectors_written, reads, writes, power_on_ns,
           power_cycles, unsafe_shutdowns, errors;
  uint32_t unclean, saved_set[8], saved[256], format[32];
}]])

-- Status codes (§4.6.1): status code type times 256, plus status code.
types.status = {
  success = 0x000, invalid_opcode = 0x001, invalid_field = 0x002, cid_conflict = 0x003,
  transfer_error = 0x004, internal_error = 0x006, abort_requested = 0x007,
  invalid_namespace = 0x00b, sequence_error = 0x00c, invalid_prp_offset = 0x013,
  lba_out_of_range = 0x080,
  invalid_cq = 0x100, invalid_queue_id = 0x101, invalid_queue_size = 0x102,
  aer_limit = 0x105, invalid_vector = 0x108, invalid_log_page = 0x109, invalid_format = 0x10a,
  invalid_queue_deletion = 0x10c, not_saveable = 0x10d, not_changeable = 0x10e,
  not_namespace_specific = 0x10f,
  compare_failure = 0x285,
}

-- Status bits above the code: more is in the error log; the same command would fail again.
types.MORE, types.DO_NOT_RETRY = 0x2000, 0x4000

-- NSID that stands for every namespace (§6.1.2).
types.ALL = 0xffffffff

return types
