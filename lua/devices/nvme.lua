-- SPDX-License-Identifier: MIT
--
-- nvme.lua: an NVM Express 1.4 controller that keeps its data in memory or in a
-- file. Registers and the controller's life are here, commands in nvme/*.lua.
--
-- Try it:  ./moonbar run --on pciem lua/devices/nvme.lua size=4G file=disk.img

local ffi = require "ffi"
local types = require "nvme.types"

local SIZE       = option("size", 1*GiB, "bytes of each namespace")
local FILE       = option("file", "", "where namespace 1 is kept (n: FILE.n; settings: FILE.nvram); else memory")
local NAMESPACES = option("namespaces", 1, "1 to 32")
local QUEUES     = option("queues", 16, "I/O queues, 1 to 16; each has an interrupt vector with MSI-X")
local LBA        = option("lba", 512, "bytes of a block until formatted otherwise: 512 or 4096")
local SERIAL     = option("serial", "MOON0001", "serial number; every identifier is made from it")
local TIMEOUT    = option("timeout", 1000, "ms that a driver waits for a register; it takes ones for a removal")
local INTERRUPT  = option("interrupt", "msix", "best kind on offer: msix, msi or intx")

local function check(ok, message) if not ok then error(message, 0) end end
check(SIZE > 0 and SIZE % 4096 == 0, "size must be a multiple of 4096, as 1G is")
check(NAMESPACES >= 1 and NAMESPACES <= 32, "namespaces must be 1 to 32")
check(QUEUES >= 1 and QUEUES <= 16, "queues must be 1 to 16")
check(LBA == 512 or LBA == 4096, "lba must be 512 or 4096")
check(INTERRUPT == "msix" or INTERRUPT == "msi" or INTERRUPT == "intx", "interrupt must be msix, msi or intx")

local caps = { cap.pm{}, cap.express{} }
if INTERRUPT == "msix" then
  caps[3] = cap.msix { vectors = QUEUES + 1, bar = 0, table = 0x2000, pba = 0x3000 }
elseif INTERRUPT == "msi" then
  caps[3] = cap.msi { vectors = 1, is64 = true }
end

device "nvme" { id = "1234:4e56", rev = 1, class = 0x010802, intx = true, caps = caps, timeout = TIMEOUT*ms }

-- ---- the controller's parts ---------------------------------------------------------------

-- What the driver has set up and what was written is plain data in `state` and outlives a reload of this file. Code and
-- what can be made again is not: while a file that has mistakes is read, the old code goes on with its own.
state.live = state.live or {
  page_shift = 12, irq = "none", ready = false, enabled = false, write_cache = true, masks = 0, waiting = false,
  ns = {}, sq = {}, cq = {}, nvram = store(FILE ~= "" and FILE .. ".nvram" or nil, 4096),
}
local live = state.live

local ctl = {
  live = live, dev = dev,
  vendor = 0x1234, serial = SERIAL, model = "Moonbar NVMe", firmware = "0.1     ",
  version = 0x00010400, mqes = 1023, mdts = 1*MiB, queues = QUEUES,
  formats = { [0] = 9, 12 },            -- LBA formats, as powers of two
  scratch = buffer(1*MiB + 4096),       -- data of commands that are not read or write
  ns = live.ns,
}

local MAGIC = 0x314d45564e4e4f4dULL
ctl.memory = ffi.cast(types.memory_ptr, live.nvram.span.ptr)
if ctl.memory.magic ~= MAGIC then
  ffi.fill(ctl.memory, 4096)
  ctl.memory.magic = MAGIC
  for n = 0, 31 do ctl.memory.format[n] = LBA == 4096 and 1 or 0 end
end
for n = 0, 31 do check(ctl.memory.format[n] < 2, FILE .. ".nvram is damaged; remove it to begin anew") end

function ctl.set_format(ns, format)
  ctl.memory.format[ns.id - 1] = format
  ns.format, ns.lba_size = format, 2 ^ ctl.formats[format]
  ns.blocks = ns.size / ns.lba_size
end

for id = #ctl.ns + 1, NAMESPACES do
  local path = FILE ~= "" and (id == 1 and FILE or FILE .. "." .. id) or nil
  local kept = store(path, SIZE)
  ctl.ns[id] = { id = id, store = kept, ptr = kept.span.ptr, size = kept.size }
  ctl.set_format(ctl.ns[id], ctl.memory.format[id - 1])
end

local queue = require "nvme.queue"(ctl)
ctl.health  = require "nvme.health"(ctl, queue)
ctl.feature = require "nvme.feature"(ctl, queue)
ctl.io      = require "nvme.io"(ctl, queue)
ctl.admin   = require "nvme.admin"(ctl, queue)

-- ---- reset, enable, shut down (§7.3, §7.6) ------------------------------------------------------

local function disable()
  local dev = ctl.dev
  live.ready = false
  queue.reset()
  ctl.health.reset()
  ctl.feature.reset()
  dev.csts, dev.intms = 0, 0
end

function ctl.fatal(fmt, ...)
  guest_error(fmt .. "; the controller stops (CSTS.CFS)", ...)
  live.ready, ctl.dev.csts.cfs = false, 1
end

local function enable(cc)
  local dev = ctl.dev
  if cc.css ~= 0 or cc.mps > 4 or cc.ams ~= 0 then
    return ctl.fatal("CC asks for a command set, a page size or an arbitration that CAP does not offer")
  end
  local aqa, asq, acq = dev.aqa, dev.asq, dev.acq
  live.page_shift, live.irq = 12 + cc.mps, irq_mode()
  queue.prp.set_page(live.page_shift)
  if aqa.asqs == 0 or aqa.acqs == 0 then return ctl.fatal("AQA gives an admin queue one entry; two are the least") end
  if band(bor(asq, acq), lshift(1ULL, live.page_shift) - 1) ~= 0 then
    return ctl.fatal("ASQ or ACQ is not where a page begins")
  end
  queue.add_cq(0, acq, aqa.acqs + 1, 0, true)
  queue.add_sq(0, asq, aqa.asqs + 1, queue.cq[0], 1)
  ctl.memory.unclean = 1
  live.ready, dev.csts.rdy = true, 1
end

local function shut_down()
  for _, ns in ipairs(ctl.ns) do ns.store:flush() end
  ctl.health.power_off()
  ctl.memory.unclean = 0
  ctl.dev.csts.shst = 2
end

-- A write of CC (§3.1.5): EN rises, EN falls, or SHN asks for a shutdown.
local function configure(dev, cc)
  local en = cc.en == 1
  if en and not live.enabled then enable(cc) elseif live.enabled and not en then disable() end
  live.enabled = en
  if cc.shn ~= 0 and dev.csts.shst == 0 then shut_down() end
end

function on.start(dev)
  local memory = ctl.memory
  memory.power_cycles = memory.power_cycles + 1
  memory.unsafe_shutdowns = memory.unsafe_shutdowns + memory.unclean
  memory.unclean = 0
  ctl.feature.reset()
end

function on.stop()
  ctl.health.power_off()
  for _, ns in ipairs(ctl.ns) do ns.store:flush() end
end

function on.reset() live.enabled = false; disable() end

-- ---- registers (§3.1) --------------------------------------------------------------------------------

bar(0, 16*KiB, { is64 = true }) {
  cap     = { 0x00, width = 64, sizes = {4, 8}, "Capabilities",
              { mqes = ro(15, 0, { reset = ctl.mqes }), cqr = ro(16, { reset = 1 }), ams = ro(18, 17),
                to = ro(31, 24, { reset = 20 }), dstrd = ro(35, 32), nssrs = ro(36),
                css = ro(44, 37, { reset = 1 }), bps = ro(45), mpsmin = ro(51, 48),
                mpsmax = ro(55, 52, { reset = 4 }), pmrs = ro(56), cmbs = ro(57) } },
  vs      = { 0x08, ro, ctl.version, "Version, 0xMMMMmmtt" },
  intms   = { 0x0c, w1s, "Interrupt mask set", write = queue.masks_changed },
  intmc   = { 0x10, w1c "intms", "Interrupt mask clear", write = queue.masks_changed },
  cc      = { 0x14, "Controller configuration",
              { en = rw(0), css = rw(6, 4), mps = rw(10, 7), ams = rw(13, 11), shn = rw(15, 14),
                iosqes = rw(19, 16), iocqes = rw(23, 20) }, write = configure },
  csts    = { 0x1c, "Controller status",
              { rdy = ro(0), cfs = ro(1), shst = ro(3, 2), nssro = ro(4), pp = ro(5) } },
  nssr    = { 0x20, rsvd, "NVM subsystem reset: not offered" },
  aqa     = { 0x24, "Admin queue attributes", { asqs = rw(11, 0), acqs = rw(27, 16) } },
  asq     = { 0x28, rw, width = 64, sizes = {4, 8}, "Admin submission queue base" },
  acq     = { 0x30, rw, width = 64, sizes = {4, 8}, "Admin completion queue base" },
  cmb     = { 0x38, ro, array = 8, "Controller memory buffer and boot partitions: none" },
  pmr     = { 0xe00, ro, array = 7, "Persistent memory region: none" },

  sq_tail = { 0x1000, array = { QUEUES + 1, stride = 8 }, "Submission queue tail doorbells",
              doorbell = function(_, tail, id) queue.ring_sq(id, tail) end },
  cq_head = { 0x1004, array = { QUEUES + 1, stride = 8 }, "Completion queue head doorbells",
              doorbell = function(_, head, id) queue.ring_cq(id, head) end },
}
