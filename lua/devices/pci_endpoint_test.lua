-- SPDX-License-Identifier: MIT
--
-- pci_endpoint_test.lua: the endpoint that Linux's pci_endpoint_test driver and its kselftest examine: BARs
-- to fill, every kind of interrupt, DMA both ways with checksums. The registers are those of the kernel's
-- Documentation/PCI/endpoint/pci-test-function.rst.
--
-- Try it:  ./moonbar run lua/devices/pci_endpoint_test.lua
local ffi = require "ffi"

local VECTORS = option("vectors", 2048, "MSI-X vectors, 1 to 2048")

device "pci_endpoint_test" { id = "104c:b500", intx = true, caps = { cap.pm{}, cap.express{},
  cap.msi { vectors = 32 }, cap.msix { vectors = VECTORS, bar = 0, table = 0x8000, pba = 0x4000 } } }

local memory = { ram(0, 512, 1), ram(0, 1*KiB, 2), ram(0, 16*KiB, 3), ram(0, 128*KiB, 4), ram(0, 1*MiB, 5) }

-- ---- CRC-32 as Ethernet has it, least significant bit first, without the final complement --------------

local crc_of = ffi.new("int32_t[256]")
for i = 0, 255 do
  local c = i
  for _ = 1, 8 do c = bxor(rshift(c, 1), band(c, 1) * 0xedb88320) end
  crc_of[i] = c
end

local function crc32(crc, span)
  local p = span.ptr
  for i = 0, #span - 1 do crc = bxor(crc_of[band(bxor(crc, p[i]), 0xff)], rshift(crc, 8)) end
  return crc
end

-- ---- data -----------------------------------------------------------------------------------------------

local scratch = buffer(64*KiB)

-- step(offset, span) for each piece of size bytes that fits the scratch memory; false if one says so.
local function pieces(size, step)
  for offset = 0, size - 1, #scratch do
    if not step(offset, scratch:at(0, math.min(#scratch, size - offset))) then return false end
  end
  return true
end

local function fetch(dev, offset, span)
  if dma_read(dev.src_addr + offset, span) then return true end
  dev.status.src_addr_invalid = 1
end

local function deliver(dev, offset, span)
  if dma_write(dev.dst_addr + offset, span) then return true end
  dev.status.dst_addr_invalid = 1
end

local seed = 1
local function randomize(span)
  local words = ffi.cast("int32_t *", span.ptr)
  for i = 0, math.ceil(#span / 4) - 1 do        -- xorshift; the scratch memory is whole words
    seed = bxor(seed, lshift(seed, 13))
    seed = bxor(seed, rshift(seed, 17))
    seed = bxor(seed, lshift(seed, 5))
    words[i] = seed
  end
end

local function succeed(dev, what, ok)
  dev.status[what .. (ok and "_success" or "_fail")] = 1
end

-- ---- BAR subranges: the halves of a BAR change places, each filled with a byte of its own ------------------

local function swap_halves(mem)
  local low, high = mem:at(0, mem.size / 2), mem:at(mem.size / 2)
  local was = low:string()
  low:set(high)
  high:set(was)
end

state.swapped = state.swapped or {}

local function subrange(dev, what, on)
  local n, mem = dev.size, memory[dev.size]
  local ok = mem and not state.swapped[n] == on
  if ok then
    state.swapped[n] = on
    swap_halves(mem)
    for half = 0, on and 1 or -1 do
      mem:at(half * mem.size / 2, mem.size / 2):fill(0x50 + 8 * n + half)
    end
  end
  succeed(dev, what, ok)
end

-- ---- interrupts -------------------------------------------------------------------------------------------

-- Each message has its own vector. INTx is held by status.irq_raised, which the driver's handler clears by
-- reading it; vector 0 follows that bit as well, when irq_enable lets it. The interrupt comes after the write
-- that caused it: its handler may run where this runs, and its read of status waits for every write before.
local kinds = { [0] = "intx", "msi", "msix" }
local most = { intx = 1, msi = 32, msix = VECTORS }

function event.interrupt(dev)
  local kind, number = kinds[dev.irq_type], dev.irq_number
  if kind ~= irq_mode() then
    guest_error("IRQ_TYPE is %d (%s), but the driver has enabled %s", dev.irq_type, kind or "unknown", irq_mode())
  elseif number > most[kind] or number == 0 and kind ~= "intx" then
    guest_error("IRQ_NUMBER is %d; %s has 1 to %d", number, kind, most[kind])
  else
    dev.irq_enable.irq_raised = number <= 1
    raise "status.irq_raised"
    if number > 1 then raise(number - 1) end
  end
end

-- ---- commands, by their fields in COMMAND ------------------------------------------------------------------

local commands = {}

function commands.read(dev)
  local crc = -1
  local ok = pieces(dev.size, function(offset, span)
    if not fetch(dev, offset, span) then return false end
    crc = crc32(crc, span)
    return true
  end)
  succeed(dev, "read", ok and crc % 2^32 == dev.checksum)
end

function commands.write(dev)
  local crc = -1
  local ok = pieces(dev.size, function(offset, span)
    randomize(span)
    crc = crc32(crc, span)
    return deliver(dev, offset, span)
  end)
  dev.checksum = crc
  succeed(dev, "write", ok)
end

function commands.copy(dev)
  succeed(dev, "copy", pieces(dev.size, function(offset, span)
    return fetch(dev, offset, span) and deliver(dev, offset, span)
  end))
end

function commands.enable_doorbell(dev)
  dev.db_bar, dev.db_offset, dev.db_data = 0, 0x100, 0xd00be11
  succeed(dev, "doorbell_enable", true)
end

function commands.disable_doorbell(dev)
  local was_on = dev.db_bar == 0
  dev.db_bar = -1
  succeed(dev, "doorbell_disable", was_on)
end

function commands.subrange_setup(dev) subrange(dev, "subrange_setup", true) end
function commands.subrange_clear(dev) subrange(dev, "subrange_clear", false) end

local order = { "read", "write", "copy", "enable_doorbell", "disable_doorbell", "subrange_setup", "subrange_clear" }

-- ---- registers ----------------------------------------------------------------------------------------------

bar(0, 64*KiB) {
  magic      = { 0x00, rw, "Scratch; all of BAR 0 that the BAR test touches" },
  command    = { 0x04, "What to do; taken at once",
                 { raise_intx = rw(0), raise_msi = rw(1), raise_msix = rw(2), read = rw(3), write = rw(4), copy = rw(5),
                   enable_doorbell = rw(6), disable_doorbell = rw(7), subrange_setup = rw(8), subrange_clear = rw(9) },
                 write = function(dev, command)
                   dev.status = 0
                   for _, what in ipairs(order) do
                     if command[what] == 1 then commands[what](dev) end
                   end
                   if command.value ~= 0 then after(0, "interrupt") end
                   return 0
                 end },
  status     = { 0x08, "How it went", vector = 0, enable = "irq_enable",
                 { read_success = rw(0), read_fail = rw(1), write_success = rw(2), write_fail = rw(3),
                   copy_success = rw(4), copy_fail = rw(5), irq_raised = rc(6), src_addr_invalid = rw(7),
                   dst_addr_invalid = rw(8), doorbell_success = rw(9), doorbell_enable_success = rw(10),
                   doorbell_enable_fail = rw(11), doorbell_disable_success = rw(12), doorbell_disable_fail = rw(13),
                   subrange_setup_success = rw(14), subrange_setup_fail = rw(15), subrange_clear_success = rw(16),
                   subrange_clear_fail = rw(17), no_resource = rw(18) } },
  src_addr   = { 0x0c, rw, width = 64, sizes = {4, 8}, "Where read and copy take data from" },
  dst_addr   = { 0x14, rw, width = 64, sizes = {4, 8}, "Where write and copy put data" },
  size       = { 0x1c, rw, "Bytes; of the subrange commands, the BAR" },
  checksum   = { 0x20, rw, "CRC-32 of the data: the driver's for read, ours for write" },
  irq_type   = { 0x24, rw, "0 INTx, 1 MSI, 2 MSI-X" },
  irq_number = { 0x28, rw, "Message, from 1 on" },
  flags      = { 0x2c, { use_dma = rw(0) }, "Of no effect: the data always goes by DMA" },
  caps       = { 0x30, "What this endpoint can do",
                 { unaligned_access = ro(0, { reset = 1 }), msi = ro(1, { reset = 1 }), msix = ro(2, { reset = 1 }),
                   intx = ro(3, { reset = 1 }), subrange_mapping = ro(4, { reset = 1 }),
                   dynamic_inbound_mapping = ro(5, { reset = 1 }) } },
  db_bar     = { 0x34, ro, 0xffffffff, "BAR of the doorbell, all-ones while it is off" },
  db_offset  = { 0x38, ro, "Where in that BAR" },
  db_data    = { 0x3c, ro, "What to write there" },
  irq_enable = { 0x40, { irq_raised = ro(6) }, "This model's own: does irq_raised hold INTx, or send message 1?" },

  doorbell   = { 0x100, doorbell = function(dev, value)
                   if dev.db_bar == 0 then
                     dev.status.doorbell_success = value == dev.db_data
                     after(0, "interrupt")
                   else
                     guest_error("doorbell rung while it is off")
                   end
                 end },
}

bar(1, 512) {}
bar(2, 1*KiB) {}
bar(3, 16*KiB) {}
bar(4, 128*KiB) {}
bar(5, 1*MiB) {}

function on.reset() state.swapped = {} end
