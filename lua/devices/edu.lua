-- SPDX-License-Identifier: MIT
-- edu.lua: the device of QEMU's docs/specs/edu.rst
device "edu" { id = "1234:11e8", rev = 0x10, class = 0x00ff00, intx = true, msi = 1, dma_bits = 28 }

local buf = ram(0x40000, 4096)              -- plain memory: accesses never enter Lua

function event.computed(dev, n)
  local r = 1ULL
  for i = 2, n do r = r * i; if r == 0 then break end end
  dev.factorial, dev.status.computing = r, 0
  if dev.status.irqfact == 1 then raise "irq_status.fact" end
end

function event.transferred(dev)
  local cmd, src, dst, n = dev.dma_cmd, dev.dma_src, dev.dma_dst, dev.dma_cnt
  cmd.run = 0
  if cmd.dir == 0 then dma_read(src, buf:at(dst, n)) else dma_write(dst, buf:at(src, n)) end
  if cmd.irq == 1 then raise "irq_status.dma" end
end

bar(0, 1*MiB, { sizes = {4} }) {
  id         = { 0x00, ro, 0x010000ed, "Version and magic, 0xRRrr00ed" },
  liveness   = { 0x04, rw, "Reads back the complement of the last write",
                 write = function(dev, v) return bnot(v) end },
  factorial  = { 0x08, rw, "Write n, read n! mod 2^32", lock = "status.computing",
                 write = function(dev, n) dev.status.computing = 1; after(1*ms, "computed", n) end },
  status     = { 0x20, { computing = ro(0), irqfact = rw(7) } },
  irq_status = { 0x24, ro, "Pending causes", { fact = ro(0), dma = ro(8) }, vector = 0 },
  irq_raise  = { 0x60, w1s "irq_status", "Sets the written bits" },
  irq_ack    = { 0x64, w1c "irq_status", "Clears the written bits" },
  dma_src    = { 0x80, rw, width = 64, sizes = {4, 8}, lock = "dma_cmd.run" },
  dma_dst    = { 0x88, rw, width = 64, sizes = {4, 8}, lock = "dma_cmd.run" },
  dma_cnt    = { 0x90, rw, width = 64, sizes = {4, 8}, lock = "dma_cmd.run" },
  dma_cmd    = { 0x98, width = 64, sizes = {4, 8}, lock = "dma_cmd.run",
                 { run = rw(0), dir = rw(1, { [0] = "to_device", "to_ram" }), irq = rw(2) },
                 write = function(dev, cmd)
                   if cmd.run == 0 then return drop end; after(100*ms, "transferred") end },
}
