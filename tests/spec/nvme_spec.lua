-- SPDX-License-Identifier: MIT
-- nvme.lua on the simulated bus, driven by hand: queues in memory, doorbells, every command and every way to
-- be refused. It exists because a kernel driver only ever does what is right.
-- Try it:  make test-quick, or: busted --lua=luajit tests/spec/nvme_spec.lua

package.path = "./lua/lib/?.lua;./lua/lib/?/init.lua;./lua/devices/?.lua;" .. package.path
package.cpath = "./build/?.so;" .. package.cpath

local ffi = require "ffi"
local bit = require "bit"
local mb = require "moonbar"
local types = require "nvme.types"
local S = types.status
local band, rshift = bit.band, bit.rshift

local MiB = 2 ^ 20
local ALL = types.ALL
local u32p = ffi.typeof "uint32_t *"

-- ---- a driver in a page ------------------------------------------------------------------------------

local host = {}
host.__index = host

local said = {}                         -- what the device told people
mb.log = function(text) said[#said + 1] = text end

-- A device with these options on a stepped clock, and its driver's side; nothing enabled yet.
local function plug(options)
  options = options or {}
  options.size = options.size or 16 * MiB
  local dev, mistakes = mb.load("lua/devices/nvme.lua", options)
  assert(dev, mistakes and mb.mistakes_text(mistakes))
  assert(dev:attach "sim:stepped")
  assert(dev:start())
  local d = mb.driver(dev)
  d:config_write(0x04, 2, 0x06)         -- memory and bus master
  return setmetatable({ dev = dev, d = d, queues = {}, vectors = true }, host)
end

function host:queue(id, entries)
  local q = { id = id, size = entries, tail = 0, head = 0, phase = 1 }
  q.sq, q.cq = assert(self.d:dma_alloc(entries * 64)), assert(self.d:dma_alloc(entries * 16))
  q.sqe, q.cqe = ffi.cast(types.sqe_ptr, q.sq.ptr), ffi.cast(types.cqe_ptr, q.cq.ptr)
  self.queues[id] = q
  return q
end

function host:enable(entries)
  entries = entries or 32
  local a = self:queue(0, entries)
  self.d.aqa = { asqs = entries - 1, acqs = entries - 1 }
  self.d.asq, self.d.acq = a.sq.bus, a.cq.bus
  self.d.cc = { en = 1, iosqes = 6, iocqes = 4 }
  assert.equal(1, self.d.csts.rdy)
  return self
end

-- Puts a command into a queue; its identifier.
local next_cid = 0
function host:push(q, command)
  local e = q.sqe[q.tail]
  ffi.fill(e, 64)
  next_cid = (next_cid + 1) % 0x10000
  e.cid = next_cid
  for name, v in pairs(command) do e[name] = v end
  q.tail = (q.tail + 1) % q.size
  return e.cid
end

function host:ring(q) self.d:write("sq_tail", q.tail, q.id) end

-- The next completion of a queue, or nil. @quiet: leave the head doorbell alone.
function host:reap(q, quiet)
  local e = q.cqe[q.head]
  if band(e.status, 1) ~= q.phase then return nil end
  local r = { code = band(rshift(e.status, 1), 0x7ff), status = rshift(e.status, 1), result = e.result, cid = e.cid,
    sq_head = e.sq_head, sq_id = e.sq_id }
  q.head = q.head + 1
  if q.head == q.size then q.head, q.phase = 0, 1 - q.phase end
  if not quiet then self.d:write("cq_head", q.head, q.id) end
  return r
end

-- One command from doorbell to completion: status code, result, and the whole completion.
function host:run(q, command)
  local cid = self:push(q, command)
  self:ring(q)
  local r = assert(self:reap(q), "no completion")
  assert.equal(cid, r.cid)
  return r.code, r.result, r
end

function host:admin(command) return self:run(self.queues[0], command) end

-- An I/O queue pair of the same number, with its own vector under MSI-X.
function host:io_queue(id, entries)
  local q = self:queue(id, entries)
  local v = self.vectors and id or 0
  assert.equal(0, (self:admin { opcode = 0x05, cdw10 = id + (entries - 1) * 0x10000, cdw11 = v * 0x10000 + 3,
    prp1 = q.cq.bus }))
  assert.equal(0, (self:admin { opcode = 0x01, cdw10 = id + (entries - 1) * 0x10000, cdw11 = id * 0x10000 + 1,
    prp1 = q.sq.bus }))
  return q
end

function host:identify(cns, nsid, kind)
  local page = assert(self.d:dma_alloc(4096))
  local code = self:admin { opcode = 0x06, nsid = nsid or 0, cdw10 = cns, prp1 = page.bus }
  return code, kind and ffi.cast(kind, page.ptr) or page, page
end

function host:log(id, bytes, kind, more)
  local page = assert(self.d:dma_alloc(4096))
  local command = { opcode = 0x02, nsid = ALL, cdw10 = id + (bytes / 4 - 1) * 0x10000, prp1 = page.bus }
  for name, v in pairs(more or {}) do command[name] = v end
  local code = self:admin(command)
  return code, kind and ffi.cast(kind, page.ptr) or page, page
end

function host:smart()
  local code, smart, page = self:log(2, 512, types.smart_ptr)
  assert.equal(0, code)
  return smart, page
end

-- A controller that is enabled, with MSI-X and one I/O queue pair.
local function ready(options, entries)
  local h = plug(options)
  if (options or {}).interrupt == nil then assert(h.d:enable "msix") else h.vectors = false end
  h:enable()
  h.io = h:io_queue(1, entries or 64)
  return h
end

local function fill(span, seed)
  local p, n = ffi.cast(u32p, span.ptr), tonumber(span.len) / 4
  for i = 0, n - 1 do p[i] = i * 2654435761 + seed * 40503 end
end

local function equal_bytes(want, got, len)
  assert.is_true(ffi.string(want, len) == ffi.string(got, len))
end

local function rw(opcode, lba, blocks, prp1, prp2, more)
  local command = { opcode = opcode, nsid = 1, cdw10 = lba % 2 ^ 32, cdw11 = math.floor(lba / 2 ^ 32),
    cdw12 = blocks - 1, prp1 = prp1, prp2 = prp2 or 0 }
  for name, v in pairs(more or {}) do command[name] = v end
  return command
end

-- ---- registers -------------------------------------------------------------------------------------------

describe("nvme registers", function()
  it("say what the controller can do", function()
    local d = plug().d
    assert.equal(1023, d.cap.mqes)
    assert.equal(1, d.cap.cqr)
    assert.equal(0, d.cap.dstrd)
    assert.equal(0, d.cap.mpsmin)
    assert.equal(1, d.cap.css)
    assert.equal(0x00010400, d.vs)
    assert.equal(0x010802, rshift(d:config_read(0x08, 4), 8))
  end)

  it("read as zero where there is nothing", function()
    local d = plug().d
    for _, offset in ipairs { 0x20, 0x38, 0x3c, 0x40, 0x50, 0xe00 } do
      assert.equal(0, d:bus_read(0, offset, 4))
    end
  end)

  it("take 64-bit values whole or in halves", function()
    local d = plug().d
    d:bus_write(0, 0x28, 4, 0x89abc000)
    d:bus_write(0, 0x2c, 4, 0x01234567)
    assert.equal(0x0123456789abc000ULL, d:bus_read(0, 0x28, 8))
    d:bus_write(0, 0x30, 8, 0x1122334455667000ULL)
    assert.equal(0x11223344, d:bus_read(0, 0x34, 4))
  end)

  it("follow CC.EN up and down", function()
    local h = plug():enable()
    h.d.cc.en = 0
    assert.equal(0, h.d.csts.rdy)
    h:enable()
    assert.equal(0, (h:identify(1)))
  end)

  it("follow CC.SHN", function()
    local h = plug():enable()
    h.d.cc.shn = 1
    assert.equal(2, h.d.csts.shst)
    h.d.cc = 0
    assert.equal(0, h.d.csts.shst)
  end)

  for what, cc in pairs {
    ["a page size"] = { en = 1, mps = 5 }, ["a command set"] = { en = 1, css = 1 },
    ["an arbitration"] = { en = 1, ams = 1 },
  } do
    it("fail with CSTS.CFS when CC asks for " .. what .. " that is not there", function()
      local d = plug().d
      d.aqa = { asqs = 31, acqs = 31 }
      d.cc = cc
      assert.equal(1, d.csts.cfs)
      assert.equal(0, d.csts.rdy)
    end)
  end

  it("fail with CSTS.CFS when the admin queues are too short or crooked", function()
    local d = plug().d
    d.cc = { en = 1 }
    assert.equal(1, d.csts.cfs)
    d.cc = 0
    assert.equal(0, d.csts.cfs)
    d.aqa, d.asq = { asqs = 31, acqs = 31 }, 0x800
    d.cc = { en = 1 }
    assert.equal(1, d.csts.cfs)
  end)

  it("fail with CSTS.CFS when a queue's memory is not the device's to touch", function()
    local h = plug():enable()
    h.d:dma_unmap(h.queues[0].sq)
    h.d:write("sq_tail", 1, 0)
    assert.equal(1, h.d.csts.cfs)
  end)
end)

-- ---- identify ------------------------------------------------------------------------------------------------

describe("nvme identify", function()
  it("describes the controller", function()
    local h = ready { serial = "ABC", namespaces = 3 }
    local code, c = h:identify(1, 0, types.controller_ptr)
    assert.equal(0, code)
    assert.equal("ABC" .. (" "):rep(17), ffi.string(c.sn, 20))
    assert.equal("Moonbar NVMe", ffi.string(c.mn, 12))
    assert.equal(3, c.nn)
    assert.equal(8, c.mdts)
    assert.equal(0x66, c.sqes)
    assert.equal(0x44, c.cqes)
    assert.equal(0, c.sgls)
    assert.equal("nqn.2014-08.org.nvmexpress:uuid:", ffi.string(c.subnqn, 32))
  end)

  it("describes namespaces", function()
    local h = ready { lba = 4096 }
    local code, n = h:identify(0, 1, types.namespace_ptr)
    assert.equal(0, code)
    assert.equal(4096, tonumber(n.nsze))
    assert.equal(1, n.flbas)
    assert.equal(1, n.nlbaf)
    assert.equal(9, n.lbaf[0].lbads)
    assert.equal(12, n.lbaf[1].lbads)
    assert.equal(S.invalid_namespace, (h:identify(0, 2)))
    assert.equal(S.invalid_namespace, (h:identify(0, ALL)))
  end)

  it("lists active namespaces above a given one", function()
    local h = ready { namespaces = 3, size = MiB }
    local _, ids = h:identify(2, 1, u32p)
    assert.same({ 2, 3, 0 }, { ids[0], ids[1], ids[2] })
    assert.equal(S.invalid_namespace, (h:identify(2, ALL)))
  end)

  it("gives each namespace identifiers of its own, the same ones every time", function()
    local function identifiers(h, id)
      local code, page = h:identify(3, id)
      assert.equal(0, code)
      return page:string(52)
    end
    local h = ready { namespaces = 2, size = MiB }
    local first = identifiers(h, 1)
    assert.equal(1, first:byte(1))
    assert.equal(2, first:byte(13))
    assert.equal(3, first:byte(33))
    assert.are_not.equal(first, identifiers(h, 2))
    assert.equal(first, identifiers(ready { size = MiB }, 1))
    assert.are_not.equal(first, identifiers(ready { size = MiB, serial = "OTHER" }, 1))
    assert.equal(S.invalid_namespace, (h:identify(3, 9)))
  end)

  it("refuses what it does not have", function()
    assert.equal(S.invalid_field, (ready():identify(0x7f)))
  end)
end)

-- ---- queues ------------------------------------------------------------------------------------------------------

describe("nvme queues", function()
  local function create(h, opcode, id, entries, cdw11, prp1)
    return (h:admin { opcode = opcode, cdw10 = id + (entries - 1) * 0x10000, cdw11 = cdw11, prp1 = prp1 or 0x10000 })
  end

  it("are refused when they are wrong", function()
    local h = ready()
    assert.equal(S.invalid_queue_id, create(h, 5, 0, 16, 1))
    assert.equal(S.invalid_queue_id, create(h, 5, 1, 16, 1))            -- there is one
    assert.equal(S.invalid_queue_id, create(h, 5, 17, 16, 1))
    assert.equal(S.invalid_queue_size, create(h, 5, 2, 1, 1))
    assert.equal(S.invalid_queue_size, create(h, 5, 2, 1025, 1))
    assert.equal(S.invalid_field, create(h, 5, 2, 16, 0))               -- not contiguous
    assert.equal(S.invalid_prp_offset, create(h, 5, 2, 16, 1, 0x10800))
    assert.equal(S.invalid_vector, create(h, 5, 2, 16, 17 * 0x10000 + 3))
    assert.equal(S.invalid_queue_id, create(h, 1, 0, 16, 0x10001))
    assert.equal(S.invalid_queue_id, create(h, 1, 1, 16, 0x10001))
    assert.equal(S.invalid_queue_id, create(h, 1, 2, 16, 1))            -- completion queue 0
    assert.equal(S.invalid_cq, create(h, 1, 2, 16, 0x20001))
    assert.equal(S.invalid_queue_size, create(h, 1, 2, 1025, 0x10001))
    assert.equal(S.invalid_field, create(h, 1, 2, 16, 0x10000))
  end)

  it("need the entry sizes of CC", function()
    local h = plug():enable()
    h.d.cc.iocqes = 0
    assert.equal(S.invalid_queue_size, create(h, 5, 1, 16, 1))
  end)

  it("are deleted, submission queue first", function()
    local h = ready()
    assert.equal(S.invalid_queue_deletion, (h:admin { opcode = 4, cdw10 = 1 }))
    assert.equal(0, (h:admin { opcode = 0, cdw10 = 1 }))
    assert.equal(S.invalid_queue_id, (h:admin { opcode = 0, cdw10 = 1 }))
    assert.equal(0, (h:admin { opcode = 4, cdw10 = 1 }))
    assert.equal(S.invalid_queue_id, (h:admin { opcode = 4, cdw10 = 1 }))
    assert.equal(S.invalid_queue_id, (h:admin { opcode = 4, cdw10 = 0 }))
    h:io_queue(1, 16)
  end)

  it("wrap, with phase and submission queue head", function()
    local h = ready(nil, 8)
    local seen = {}
    for n = 1, 50 do
      local code, _, r = h:run(h.io, { opcode = 0, nsid = 1 })
      assert.equal(0, code)
      assert.equal(n % 8, r.sq_head)
      assert.equal(1, r.sq_id)
      seen[r.cid] = true
    end
    local count = 0
    for _ in pairs(seen) do count = count + 1 end
    assert.equal(50, count)
  end)

  it("take many commands by one doorbell, over the end as well", function()
    local h = ready(nil, 16)
    for _ = 1, 5 do
      for _ = 1, 15 do h:push(h.io, { opcode = 0, nsid = 1 }) end
      h:ring(h.io)
      for _ = 1, 15 do assert.equal(0, h:reap(h.io).code) end
      assert.is_nil(h:reap(h.io))
    end
  end)

  it("wait while the completion queue is full", function()
    local h = ready(nil, 8)
    local q = h.io
    -- A second submission queue for the same completion queue, so that it can be overrun.
    local more = h:queue(2, 32)
    more.cq, more.cqe = q.cq, q.cqe
    assert.equal(0, (h:admin { opcode = 1, cdw10 = 2 + 31 * 0x10000, cdw11 = 0x10001, prp1 = more.sq.bus }))
    for _ = 1, 20 do h:push(more, { opcode = 0, nsid = 1 }) end
    h:ring(more)
    local done = 0
    for _ = 1, 7 do assert(h:reap(q, true)) done = done + 1 end
    assert.is_nil(h:reap(q, true))
    while done < 20 do
      h.d:write("cq_head", q.head, 1)
      local r = assert(h:reap(q, true))
      assert.equal(2, r.sq_id)
      done = done + 1
    end
    assert.is_nil(h:reap(q, true))
  end)

  it("work with pages of 64 KiB", function()
    local h = plug()
    assert(h.d:enable "msix")
    -- Memory that begins where a page of the controller does.
    local function pages(n)
      local m = assert(h.d:dma_alloc((n + 1) * 65536))
      local skip = -m.bus % 65536
      return { ptr = m.ptr + skip, bus = m.bus + skip, m }
    end
    local function queue(id)
      local q = { id = id, size = 16, tail = 0, head = 0, phase = 1, sq = pages(1), cq = pages(1) }
      q.sqe, q.cqe = ffi.cast(types.sqe_ptr, q.sq.ptr), ffi.cast(types.cqe_ptr, q.cq.ptr)
      h.queues[id] = q
      return q
    end
    local a, q = queue(0), queue(1)
    h.d.aqa = { asqs = 15, acqs = 15 }
    h.d.asq, h.d.acq = a.sq.bus, a.cq.bus
    h.d.cc = { en = 1, mps = 4, iosqes = 6, iocqes = 4 }
    assert.equal(0, (h:admin { opcode = 5, cdw10 = 1 + 15 * 0x10000, cdw11 = 0x10003, prp1 = q.cq.bus }))
    assert.equal(0, (h:admin { opcode = 1, cdw10 = 1 + 15 * 0x10000, cdw11 = 0x10001, prp1 = q.sq.bus }))
    local data, back = pages(2), pages(2)
    fill({ ptr = data.ptr, len = 131072 }, 3)
    assert.equal(0, (h:run(q, rw(1, 0, 256, data.bus, data.bus + 65536))))
    assert.equal(0, (h:run(q, rw(2, 0, 256, back.bus, back.bus + 65536))))
    equal_bytes(data.ptr, back.ptr, 131072)
  end)

  it("tell of doorbells that are wrong", function()
    local h = ready()
    local a = h.queues[0]
    local cid = h:push(a, { opcode = 0x0c })
    h:ring(a)
    h.d:write("sq_tail", 1, 9)
    local r = assert(h:reap(a))
    assert.equal(cid, r.cid)
    assert.equal(0x010000, r.result)                                    -- error log; no such register
    h.d:write("sq_tail", 64, 1)
    h:push(a, { opcode = 0x0c })
    h:ring(a)
    assert.is_nil(h:reap(a))                                            -- errors are silent till the log is read
    local code, log = h:log(1, 128, types.error_ptr)
    assert.equal(0, code)
    assert.equal(0xffff, log[0].sq_id)
    assert.equal(0x010100, h:reap(a).result)                            -- a bad value
    h.d:write("cq_head", 5, 1)                                          -- past what was completed
    assert.equal(0, (h:run(h.io, { opcode = 0, nsid = 1 })))
  end)
end)

-- ---- interrupts --------------------------------------------------------------------------------------------------

describe("nvme interrupts", function()
  it("are a message to the queue's own vector with MSI-X", function()
    local h = ready()
    h.d:irq_take(0)
    h:push(h.io, { opcode = 0, nsid = 1 })
    h:push(h.io, { opcode = 0, nsid = 1 })
    h:ring(h.io)
    assert.equal(1, h.d:irq_take(1))                                    -- one for the batch
    assert.equal(0, h.d:irq_take(0))
    h.d.intms = 0xffffffff                                              -- means nothing with MSI-X
    h:push(h.io, { opcode = 0, nsid = 1 })
    h:ring(h.io)
    assert.equal(1, h.d:irq_take(1))
  end)

  it("stay away from a queue that asked for none", function()
    local h = ready()
    local q = h:queue(2, 16)
    assert.equal(0, (h:admin { opcode = 5, cdw10 = 2 + 15 * 0x10000, cdw11 = 2 * 0x10000 + 1, prp1 = q.cq.bus }))
    assert.equal(0, (h:admin { opcode = 1, cdw10 = 2 + 15 * 0x10000, cdw11 = 2 * 0x10000 + 1, prp1 = q.sq.bus }))
    assert.equal(0, (h:run(q, { opcode = 0, nsid = 1 })))
    assert.equal(0, h.d:irq_take(2))
  end)

  it("are a level with INTx: up until the head doorbell, held back by INTMS", function()
    local h = ready { interrupt = "intx" }
    assert.equal(0, h.d:irq_take(0))
    h:push(h.io, { opcode = 0, nsid = 1 })
    h:ring(h.io)
    assert.equal(1, h.d:irq_take(0))
    assert.equal(1, h.d:irq_take(0))                                    -- still
    h.d.intms = 1
    assert.equal(0, h.d:irq_take(0))
    assert.equal(1, h.d.intms)
    assert.equal(1, h.d.intmc)
    h.d.intmc = 1
    assert.equal(1, h.d:irq_take(0))
    assert(h:reap(h.io))
    assert.equal(0, h.d:irq_take(0))
    h:push(h.io, { opcode = 0, nsid = 1 })
    h:ring(h.io)
    h.d.cc.en = 0
    assert.equal(0, h.d:irq_take(0))                                    -- a reset lets go of the line
  end)

  it("have only vector 0 with INTx", function()
    local h = ready { interrupt = "intx" }
    local q = h:queue(2, 16)
    assert.equal(S.invalid_vector, (h:admin { opcode = 5, cdw10 = 2 + 15 * 0x10000, cdw11 = 0x10003, prp1 = q.cq.bus }))
  end)

  it("are held back by INTMS with MSI, and follow when it opens", function()
    local h = plug { interrupt = "msi" }
    h.vectors = false
    assert(h.d:enable "msi")
    h:enable()
    h.io = h:io_queue(1, 16)
    h.d:irq_take(0)
    h.d.intms = 1
    h:push(h.io, { opcode = 0, nsid = 1 })
    h:ring(h.io)
    assert.equal(0, h.d:irq_take(0))
    h.d.intmc = 1
    assert.equal(1, h.d:irq_take(0))
  end)
end)

-- ---- data --------------------------------------------------------------------------------------------

describe("nvme reads and writes", function()
  it("keep a block", function()
    local h = ready()
    local data, back = h.d:dma_alloc(4096), h.d:dma_alloc(4096)
    fill(data, 1)
    assert.equal(0, (h:run(h.io, rw(1, 7, 1, data.bus))))
    assert.equal(0, (h:run(h.io, rw(2, 7, 1, back.bus))))
    equal_bytes(data.ptr, back.ptr, 512)
    assert.equal(0, back:u32(512))                                      -- and no byte more
    assert.equal(0, (h:run(h.io, rw(2, 8, 1, back.bus))))
    assert.equal(0, back:u32(0))
  end)

  -- Every shape of PRPs: data begins at `offset` in its page, the list at `at` in its page (chained when
  -- it does not fit), pages in reverse order so that no two are neighbours, or in order.
  local function shapes(h, blocks, offset, at, reverse)
    local len = blocks * 512
    local pages = math.ceil((offset + len) / 4096)
    local function buffer(seed)
      local memory = assert(h.d:dma_alloc(pages * 4096))
      if seed then fill(memory, seed) end
      local function page(n) return (reverse and pages - 1 - n or n) * 4096 end
      return memory, page
    end
    local function prps(memory, page)
      local prp1 = memory.bus + page(0) + offset
      if pages == 1 then return prp1, 0 end
      if pages == 2 then return prp1, memory.bus + page(1) end
      local list = assert(h.d:dma_alloc(3 * 4096))
      local slot, last = at, 4096 - 8
      for n = 1, pages - 1 do
        if slot == last and n < pages - 1 then
          list:u64(slot, list.bus + 2 * 4096)                           -- the chain goes on two pages further
          slot = 2 * 4096
        end
        list:u64(slot, memory.bus + page(n))
        slot = slot + 8
      end
      return prp1, list.bus + at
    end
    local function bytes(memory, page)
      local s = {}
      for n = 0, pages - 1 do s[n + 1] = ffi.string(memory.ptr + page(n), 4096) end
      return table.concat(s):sub(offset + 1, offset + len)
    end
    local from, from_page = buffer(blocks + offset)
    local to, to_page = buffer()
    local p1, p2 = prps(from, from_page)
    assert.equal(0, (h:run(h.io, rw(1, 3, blocks, p1, p2))))
    p1, p2 = prps(to, to_page)
    assert.equal(0, (h:run(h.io, rw(2, 3, blocks, p1, p2))))
    assert.is_true(bytes(from, from_page) == bytes(to, to_page))
    h.d:dma_unmap(from)
    h.d:dma_unmap(to)
  end

  for _, reverse in ipairs { false, true } do
    for _, offset in ipairs { 0, 4, 512, 2048, 4092 } do
      it(("take PRPs from offset %d%s"):format(offset, reverse and ", scattered" or ""), function()
        local h = ready()
        for _, blocks in ipairs { 1, 7, 8, 9, 16, 17, 64, 255, 2048 } do
          for _, at in ipairs { 0, 8, 2048, 4080, 4088 } do shapes(h, blocks, offset, at, reverse) end
        end
      end)
    end
  end

  it("are refused when PRPs are crooked", function()
    local h = ready()
    local m = h.d:dma_alloc(16 * 4096)
    local code = function(...) return (h:run(h.io, rw(...))) end
    assert.equal(S.invalid_prp_offset, code(2, 0, 1, m.bus + 1))
    assert.equal(S.invalid_prp_offset, code(2, 0, 16, m.bus, m.bus + 4096 + 8))
    assert.equal(S.invalid_prp_offset, code(2, 0, 24, m.bus, m.bus + 4096 + 4))
    m:u64(0, m.bus + 8192 + 512)
    m:u64(8, m.bus + 4096)
    assert.equal(S.invalid_prp_offset, code(2, 0, 24, m.bus + 4096, m.bus))
    m:u64(4088, m.bus + 4)                                              -- a chain into the middle of a page
    assert.equal(S.invalid_prp_offset, code(2, 0, 64, m.bus + 4096, m.bus + 4088))
  end)

  it("fail alone when the bus refuses their memory", function()
    local h = ready()
    local good, bad = h.d:dma_alloc(4096), h.d:dma_alloc(4096)
    local gone = bad.bus
    h.d:dma_unmap(bad)
    fill(good, 9)
    local expect = {}
    for n = 1, 12 do
      local command
      if n == 3 then command = rw(2, n, 8, gone)                                -- data
      elseif n == 5 then command = rw(2, n, 64, good.bus, gone)                 -- the list
      elseif n == 7 then
        good:u64(0, gone)                                                       -- an entry of the list
        good:u64(8, gone)
        command = rw(2, n, 24, good.bus, good.bus)
      elseif n == 9 then command = { opcode = 9, nsid = 1, cdw10 = 0, cdw11 = 4, prp1 = gone }
      else command = rw(1, n, 1, good.bus + 512) end
      expect[h:push(h.io, command)] = command.prp1 == good.bus + 512 and 0 or S.transfer_error
    end
    h:ring(h.io)
    for _ = 1, 12 do
      local r = assert(h:reap(h.io))
      assert.equal(expect[r.cid], r.code)
      assert.equal(0, band(r.status, r.code ~= 0 and types.DO_NOT_RETRY or 0))  -- it may be tried again
    end
    local _, errors = h:log(1, 4 * 64, types.error_ptr)
    assert.equal(4, tonumber(errors[0].count))
    assert.equal(S.transfer_error, band(rshift(errors[3].status, 1), 0x7ff))
  end)

  it("are refused outside the namespace and beyond MDTS", function()
    local h = ready()
    local m = h.d:dma_alloc(4096)
    local blocks = 16 * MiB / 512
    assert.equal(0, (h:run(h.io, rw(2, blocks - 1, 1, m.bus))))
    for _, opcode in ipairs { 0x01, 0x02, 0x05, 0x08, 0x0c } do
      assert.equal(S.lba_out_of_range, (h:run(h.io, rw(opcode, blocks, 1, m.bus))))
      assert.equal(S.lba_out_of_range, (h:run(h.io, rw(opcode, blocks - 1, 2, m.bus))))
      assert.equal(S.lba_out_of_range, (h:run(h.io, rw(opcode, 2 ^ 63, 1, m.bus))))
      assert.equal(S.invalid_namespace, (h:run(h.io, rw(opcode, 0, 1, m.bus, 0, { nsid = 2 }))))
      assert.equal(S.invalid_namespace, (h:run(h.io, rw(opcode, 0, 1, m.bus, 0, { nsid = ALL }))))
    end
    for _, opcode in ipairs { 0x01, 0x02, 0x05 } do
      assert.equal(S.invalid_field, (h:run(h.io, rw(opcode, 0, 2049, m.bus, m.bus))))
    end
  end)

  it("are refused when fused or with SGLs, and when unknown", function()
    local h = ready()
    local m = h.d:dma_alloc(4096)
    assert.equal(S.invalid_field, (h:run(h.io, rw(2, 0, 1, m.bus, 0, { flags = 1 }))))
    assert.equal(S.invalid_field, (h:run(h.io, rw(2, 0, 1, m.bus, 0, { flags = 0x40 }))))
    for _, opcode in ipairs { 0x04, 0x0d, 0x0e, 0x11, 0x15, 0x7f, 0xff } do
      local code, _, r = h:run(h.io, { opcode = opcode, nsid = 1 })
      assert.equal(S.invalid_opcode, code)
      assert.equal(types.DO_NOT_RETRY + types.MORE, band(r.status, 0x6000))
    end
  end)

  it("work through sixteen queues", function()
    local h = ready(nil, 16)
    local m = h.d:dma_alloc(16 * 4096)
    for id = 2, 16 do h:io_queue(id, 16) end
    for id = 1, 16 do
      m:u32((id - 1) * 4096, id * 1000)
      assert.equal(0, (h:run(h.queues[id], rw(1, id, 1, m.bus + (id - 1) * 4096))))
      assert.equal(1, h.d:irq_take(id))
    end
    for id = 1, 16 do
      assert.equal(0, (h:run(h.queues[17 - id], rw(2, id, 1, m.bus))))
      assert.equal(id * 1000, m:u32(0))
    end
  end)
end)

describe("nvme's other I/O commands", function()
  local h, m
  before_each(function()
    h = ready { namespaces = 2 }
    m = h.d:dma_alloc(8192)
    fill(m, 5)
    assert.equal(0, (h:run(h.io, rw(1, 0, 16, m.bus, m.bus + 4096))))
  end)

  local function first_word(lba)
    local page = h.d:dma_alloc(4096)
    assert.equal(0, (h:run(h.io, rw(2, lba, 1, page.bus))))
    return page:u32(4)
  end

  it("flush", function()
    assert.equal(0, (h:run(h.io, { opcode = 0, nsid = 1 })))
    assert.equal(0, (h:run(h.io, { opcode = 0, nsid = ALL })))
    assert.equal(S.invalid_namespace, (h:run(h.io, { opcode = 0, nsid = 3 })))
    assert.equal(S.invalid_namespace, (h:run(h.io, { opcode = 0, nsid = 0 })))
  end)

  it("write with FUA, and without a write cache", function()
    assert.equal(0, (h:run(h.io, rw(1, 40, 1, m.bus, 0, { cdw12 = 0x40000000 }))))
    assert.are_not.equal(0, first_word(40))
    assert.equal(0, (h:admin { opcode = 9, cdw10 = 6, cdw11 = 0 }))
    assert.equal(0, (h:run(h.io, rw(1, 41, 1, m.bus))))
    assert.are_not.equal(0, first_word(41))
  end)

  it("compare", function()
    assert.equal(0, (h:run(h.io, rw(5, 0, 16, m.bus, m.bus + 4096))))
    m:u8(8191, 255 - m:u8(8191))
    assert.equal(S.compare_failure, (h:run(h.io, rw(5, 0, 16, m.bus, m.bus + 4096))))
  end)

  it("verify", function()
    assert.equal(0, (h:run(h.io, rw(0x0c, 0, 16, 0))))
  end)

  it("write zeroes", function()
    assert.equal(0, (h:run(h.io, rw(8, 1, 2, 0))))
    assert.are_not.equal(0, first_word(0))
    assert.equal(0, first_word(1))
    assert.equal(0, first_word(2))
    assert.are_not.equal(0, first_word(3))
    assert.equal(0, (h:run(h.io, rw(8, 3, 1, 0, 0, { cdw12 = 0x02000000 }))))
    assert.equal(0, first_word(3))
  end)

  it("deallocate", function()
    local ranges = h.d:dma_alloc(4096)
    local r = ffi.cast(types.range_ptr, ranges.ptr)
    r[0].lba, r[0].blocks = 0, 2
    r[1].lba, r[1].blocks = 5, 1
    assert.equal(0, (h:run(h.io, { opcode = 9, nsid = 1, cdw10 = 1, cdw11 = 0, prp1 = ranges.bus })))
    assert.are_not.equal(0, first_word(0))                              -- hints alone change nothing
    assert.equal(0, (h:run(h.io, { opcode = 9, nsid = 1, cdw10 = 1, cdw11 = 4, prp1 = ranges.bus })))
    assert.same({ 0, 0, 0 }, { first_word(0), first_word(1), first_word(5) })
    assert.are_not.equal(0, first_word(2))
    r[1].lba = 16 * MiB / 512
    r[0].lba = 2
    assert.equal(S.lba_out_of_range, (h:run(h.io, { opcode = 9, nsid = 1, cdw10 = 1, cdw11 = 4, prp1 = ranges.bus })))
    assert.are_not.equal(0, first_word(2))                              -- nothing of it was done
    assert.equal(S.invalid_namespace, (h:run(h.io, { opcode = 9, nsid = 7, prp1 = ranges.bus })))
  end)

  it("keep namespaces apart", function()
    local page = h.d:dma_alloc(4096)
    assert.equal(0, (h:run(h.io, rw(2, 0, 1, page.bus, 0, { nsid = 2 }))))
    assert.equal(0, page:u32(4))
  end)
end)

-- ---- features ------------------------------------------------------------------------------------------------------

describe("nvme features", function()
  local h
  before_each(function() h = ready() end)

  local function get(f, select, cdw11, more)
    local command = { opcode = 0x0a, cdw10 = f + (select or 0) * 0x100, cdw11 = cdw11 or 0 }
    for name, v in pairs(more or {}) do command[name] = v end
    return h:admin(command)
  end
  local function set(f, v, more)
    local command = { opcode = 0x09, cdw10 = f, cdw11 = v }
    for name, x in pairs(more or {}) do command[name] = x end
    return h:admin(command)
  end
  local function value(...)
    local code, v = get(...)
    assert.equal(0, code)
    return v
  end

  for f, new in pairs { [0x01] = 0x03020105, [0x06] = 0, [0x08] = 0x1234, [0x0a] = 1, [0x0b] = 0x103, [0x80] = 0x55 } do
    it(("%02xh: current, default, saved"):format(f), function()
      local default = value(f, 1)
      assert.equal(default, value(f))
      assert.equal(0, (set(f, new)))
      assert.equal(new, value(f))
      assert.equal(default, value(f, 1))
      assert.equal(default, value(f, 2))
      assert.equal(5, band(value(f, 3), 7))                             -- saveable and changeable
      assert.equal(0, (set(f, new, { cdw10 = f + 2 ^ 31 })))
      assert.equal(new, value(f, 2))
      h.d.cc.en = 0
      h:enable()
      assert.equal(new, value(f))                                       -- saved values outlive a reset
    end)
  end

  it("forget at a reset what was not saved", function()
    assert.equal(0, (set(0x08, 7)))
    h.d.cc.en = 0
    h:enable()
    assert.equal(0, value(0x08))
  end)

  it("are refused when unknown, reserved, or not to be saved", function()
    assert.equal(S.invalid_field, (get(0x03)))
    assert.equal(S.invalid_field, (get(0x7f)))
    assert.equal(S.invalid_field, (set(0x0f, 1)))
    assert.equal(S.invalid_field, (get(0x01, 4)))
    assert.equal(S.invalid_field, (set(0x06, 2)))
    assert.equal(S.invalid_field, (set(0x02, 1)))                       -- there is one power state
    assert.equal(S.not_saveable, (set(0x07, 0, { cdw10 = 0x80000007 })))
    assert.equal(S.not_namespace_specific, (set(0x06, 1, { nsid = 1 })))
  end)

  it("07h: number of queues", function()
    assert.equal(0x000f000f, value(0x07))
    assert.equal(S.invalid_field, (set(0x07, 0xffff0000)))
    assert.equal(S.invalid_field, (set(0x07, 0x0000ffff)))
    assert.equal(S.sequence_error, (set(0x07, 0x00030003)))             -- queues are there
    h.d.cc.en = 0
    h:enable()
    local code, result = set(0x07, 0x00030003)
    assert.equal(0, code)
    assert.equal(0x000f000f, result)
  end)

  it("05h: error recovery, a namespace at a time", function()
    assert.equal(0, (set(0x05, 9, { nsid = 1 })))
    assert.equal(9, value(0x05, 0, 0, { nsid = 1 }))
    assert.equal(S.invalid_namespace, (get(0x05, 0, 0, { nsid = 2 })))
    assert.equal(S.invalid_namespace, (set(0x05, 1, { nsid = 2 })))
    assert.equal(0, (set(0x05, 3, { nsid = ALL })))
    assert.equal(3, value(0x05, 0, 0, { nsid = 1 }))
  end)

  it("09h: interrupt vectors", function()
    assert.equal(3, value(0x09, 0, 3))
    assert.equal(0, (set(0x09, 0x10003)))
    assert.equal(0x10003, value(0x09, 0, 3))
    assert.equal(S.invalid_field, (get(0x09, 0, 17)))
    assert.equal(S.invalid_field, (set(0x09, 17)))
  end)

  it("04h: temperature thresholds", function()
    assert.equal(0xffff, value(0x04))
    assert.equal(0, value(0x04, 0, 0x100000))
    assert.equal(0, (set(0x04, 350)))
    assert.equal(350, value(0x04))
    assert.equal(S.invalid_field, (get(0x04, 0, 0x10000)))              -- no sensor but the composite one
    assert.equal(S.invalid_field, (set(0x04, 0x200000)))
  end)

  it("0eh: timestamp", function()
    local page = h.d:dma_alloc(4096)
    page:u64(0, 1000000)
    assert.equal(0, (set(0x0e, 0, { prp1 = page.bus })))
    h.d:step(5e9)
    page:u64(0, 0)
    assert.equal(0, (get(0x0e, 0, 0, { prp1 = page.bus })))
    assert.equal(1005000, tonumber(band(page:u64(0), 0xffffffffffffULL)))
    assert.equal(1, band(tonumber(rshift(page:u64(0), 49)), 7))         -- set by the host
  end)
end)

-- ---- logs ---------------------------------------------------------------------------------------------------------

describe("nvme logs", function()
  it("count what was done", function()
    local h = ready()
    local m = h.d:dma_alloc(4096)
    for n = 1, 300 do assert.equal(0, (h:run(h.io, rw(1, n, 8, m.bus)))) end
    for n = 1, 10 do assert.equal(0, (h:run(h.io, rw(2, n, 8, m.bus)))) end
    local smart = h:smart()
    assert.equal(300, tonumber(smart.writes[0]))
    assert.equal(10, tonumber(smart.reads[0]))
    assert.equal(3, tonumber(smart.units_written[0]))                   -- 2400 blocks, in thousands rounded up
    assert.equal(1, tonumber(smart.units_read[0]))
    assert.equal(1, tonumber(smart.power_cycles[0]))
    assert.equal(0, tonumber(smart.errors[0]))
    assert.equal(310, smart.temperature)
    h.d:step(7200e9)
    assert.equal(2, tonumber(h:smart().power_on_hours[0]))
  end)

  it("keep errors, newest first", function()
    local h = ready()
    local m = h.d:dma_alloc(4096)
    assert.equal(1, (h:admin { opcode = 0x7e }))
    local cid = h:push(h.io, rw(2, 2 ^ 40 + 5, 1, m.bus))
    h:ring(h.io)
    h:reap(h.io)
    local _, e = h:log(1, 3 * 64, types.error_ptr)
    assert.equal(2, tonumber(e[0].count))
    assert.equal(1, e[0].sq_id)
    assert.equal(cid, e[0].cid)
    assert.equal(S.lba_out_of_range, band(rshift(e[0].status, 1), 0x7ff))
    assert.equal(2 ^ 40 + 5, tonumber(e[0].lba))
    assert.equal(1, e[0].nsid)
    assert.equal(1, tonumber(e[1].count))
    assert.equal(0, e[1].sq_id)
    assert.equal(0, tonumber(e[2].count))
    for _ = 1, 100 do h:admin { opcode = 0x7e } end
    local _, all = h:log(1, 4096, types.error_ptr)
    assert.equal(102, tonumber(all[0].count))
    assert.equal(39, tonumber(all[63].count))
  end)

  it("say which commands there are", function()
    local h = ready()
    local code, e = h:log(5, 4096, u32p)
    assert.equal(0, code)
    assert.equal(1, e[0x06])
    assert.equal(0, e[0x7e])
    assert.equal(3, e[256 + 0x01])
    assert.equal(1, e[256 + 0x02])
    for opcode = 0, 255 do
      if e[256 + opcode] ~= 0 then
        assert.are_not.equal(S.invalid_opcode, (h:run(h.io, { opcode = opcode, nsid = 9 })))
      end
    end
  end)

  it("can be read from an offset", function()
    local h = ready()
    local _, whole = h:log(5, 4096)
    local code, part = h:log(5, 1024, nil, { cdw12 = 1024 })
    assert.equal(0, code)
    equal_bytes(whole.ptr + 1024, part.ptr, 1024)
    assert.equal(S.invalid_field, (h:log(5, 512, nil, { cdw12 = 1022 })))
    assert.equal(S.invalid_field, (h:log(2, 512, nil, { cdw12 = 1024 })))
    assert.equal(S.invalid_field, (h:log(2, 512, nil, { cdw13 = 1 })))
  end)

  it("are refused when there is none, or for a namespace", function()
    local h = ready()
    assert.equal(S.invalid_log_page, (h:log(0x70, 512)))
    assert.equal(S.invalid_log_page, (h:log(0x00, 512)))
    assert.equal(S.invalid_field, (h:log(2, 512, nil, { nsid = 1 })))
    assert.equal(0, (h:log(3, 512)))
  end)
end)

-- ---- abort and asynchronous events ----------------------------------------------------------------------------------

describe("nvme asynchronous events", function()
  local h, a
  before_each(function()
    h = ready()
    a = h.queues[0]
  end)

  local function request()
    local cid = h:push(a, { opcode = 0x0c })
    h:ring(a)
    return cid
  end
  local function heat(kelvin) h.dev.ctx.events.temperature(h.dev.model, kelvin) end

  it("are held, four at most", function()
    for _ = 1, 4 do
      request()
      assert.is_nil(h:reap(a))
    end
    request()
    assert.equal(S.aer_limit, h:reap(a).code)
  end)

  it("can be aborted; other commands are over already", function()
    local first, second = request(), request()
    local cid = h:push(a, { opcode = 0x08, cdw10 = second * 0x10000 })
    h:ring(a)
    local r = h:reap(a)
    assert.same({ cid, 0, 0 }, { r.cid, r.code, r.result })
    r = h:reap(a)
    assert.same({ second, S.abort_requested }, { r.cid, r.code })
    local code, result = h:admin { opcode = 0x08, cdw10 = 1 + 77 * 0x10000 }
    assert.same({ 0, 1 }, { code, result })
    assert.is_nil(h:reap(a))
    assert.are_not.equal(first, second)
  end)

  it("tell of heat, once until the log is read, and only if asked to", function()
    heat(400)
    request()
    assert.equal(0, (h:admin { opcode = 9, cdw10 = 4, cdw11 = 390 }))
    assert.is_nil(h:reap(a))                                            -- feature 0bh says no
    assert.equal(2, h:smart().critical)
    heat(310)
    assert.equal(0, h:smart().critical)
    assert.equal(0, (h:admin { opcode = 9, cdw10 = 0x0b, cdw11 = 0x102 }))
    heat(395)
    assert.equal(0x020101, h:reap(a).result)
    request()
    heat(310)
    heat(395)
    assert.is_nil(h:reap(a))                                            -- silent until the page is read
    local page = h.d:dma_alloc(4096)
    assert.equal(0, (h:admin { opcode = 2, nsid = ALL, cdw10 = 0x7f8002, prp1 = page.bus }))  -- RAE: still silent
    assert.is_nil(h:reap(a))
    h:smart()
    assert.equal(0x020101, h:reap(a).result)
  end)

  it("tell of cold", function()
    assert.equal(0, (h:admin { opcode = 9, cdw10 = 0x0b, cdw11 = 0x02 }))
    assert.equal(0, (h:admin { opcode = 9, cdw10 = 4, cdw11 = 0x100000 + 300 }))
    request()
    heat(299)
    assert.equal(0x020101, h:reap(a).result)
  end)

  it("come at once when one waits", function()
    assert.equal(0, (h:admin { opcode = 9, cdw10 = 0x0b, cdw11 = 0x02 }))
    assert.equal(0, (h:admin { opcode = 9, cdw10 = 4, cdw11 = 390 }))
    heat(400)
    local code, result = h:admin { opcode = 0x0c }
    assert.same({ 0, 0x020101 }, { code, result })
  end)

  it("are forgotten at a reset", function()
    request()
    h.d.cc.en = 0
    h:enable()
    a = h.queues[0]
    for _ = 1, 4 do
      request()
      assert.is_nil(h:reap(a))
    end
  end)
end)

-- ---- format, and what lasts ----------------------------------------------------------------------------------------

describe("nvme format", function()
  it("erases and changes the block size, of one namespace", function()
    local h = ready { namespaces = 2 }
    local m = h.d:dma_alloc(4096)
    fill(m, 1)
    assert.equal(0, (h:run(h.io, rw(1, 0, 8, m.bus))))
    assert.equal(0, (h:run(h.io, rw(1, 0, 8, m.bus, 0, { nsid = 2 }))))
    assert.equal(0, (h:admin { opcode = 9, cdw10 = 0x0b, cdw11 = 0x100 }))
    local cid = h:push(h.queues[0], { opcode = 0x0c })
    h:ring(h.queues[0])
    assert.equal(0, (h:admin { opcode = 0x80, nsid = 1, cdw10 = 0x201 }))
    local r = h:reap(h.queues[0])
    assert.same({ cid, 0x040002 }, { r.cid, r.result })                 -- namespace attributes changed
    local _, changed = h:log(4, 4096, u32p)
    assert.same({ 1, 0 }, { changed[0], changed[1] })
    _, changed = h:log(4, 4096, u32p)
    assert.equal(0, changed[0])
    local _, n = h:identify(0, 1, types.namespace_ptr)
    assert.same({ 1, 4096 }, { n.flbas, tonumber(n.nsze) })
    assert.equal(0, (h:run(h.io, rw(2, 0, 1, m.bus))))
    assert.equal(0, m:u32(4))
    assert.equal(0, (h:run(h.io, rw(2, 0, 8, m.bus, 0, { nsid = 2 }))))
    assert.are_not.equal(0, m:u32(4))
    assert.equal(S.lba_out_of_range, (h:run(h.io, rw(2, 4096, 1, m.bus))))
  end)

  it("takes all namespaces at once", function()
    local h = ready { namespaces = 2 }
    assert.equal(0, (h:admin { opcode = 0x80, nsid = ALL, cdw10 = 1 }))
    for id = 1, 2 do
      local _, n = h:identify(0, id, types.namespace_ptr)
      assert.equal(1, n.flbas)
    end
  end)

  it("is refused with what is not there", function()
    local h = ready()
    assert.equal(S.invalid_format, (h:admin { opcode = 0x80, nsid = 1, cdw10 = 2 }))
    assert.equal(S.invalid_format, (h:admin { opcode = 0x80, nsid = 1, cdw10 = 0x20 }))         -- protection
    assert.equal(S.invalid_field, (h:admin { opcode = 0x80, nsid = 1, cdw10 = 0x400 }))         -- cryptographic
    assert.equal(S.invalid_namespace, (h:admin { opcode = 0x80, nsid = 5, cdw10 = 0 }))
  end)
end)

describe("nvme admin commands that are not there", function()
  for name, opcode in pairs { firmware_commit = 0x10, firmware_download = 0x11, self_test = 0x14, attach = 0x15,
    manage = 0x0d, keep_alive = 0x18, security_send = 0x81, sanitize = 0x84, vendor = 0xc0 } do
    it("are invalid opcodes: " .. name, function()
      assert.equal(S.invalid_opcode, (ready():admin { opcode = opcode }))
    end)
  end
end)

describe("an nvme in a file", function()
  it("keeps data, formats, saved features and counters", function()
    local path = os.tmpname()
    os.remove(path)
    local options = function() return { file = path, namespaces = 2, size = 4 * MiB } end
    local h = ready(options())
    local m = h.d:dma_alloc(4096)
    fill(m, 77)
    assert.equal(0, (h:admin { opcode = 0x80, nsid = 2, cdw10 = 1 }))
    assert.equal(0, (h:run(h.io, rw(1, 100, 8, m.bus))))
    assert.equal(0, (h:run(h.io, rw(1, 100, 1, m.bus, 0, { nsid = 2 }))))
    assert.equal(0, (h:admin { opcode = 9, cdw10 = 0x80000008, cdw11 = 0x99 }))
    h.d.cc.shn = 1
    h.dev:stop()
    h.dev:free()

    h = ready(options())
    m = h.d:dma_alloc(4096)
    local back = h.d:dma_alloc(4096)
    fill(m, 77)
    assert.equal(0, (h:run(h.io, rw(2, 100, 8, back.bus))))
    equal_bytes(m.ptr, back.ptr, 4096)
    assert.equal(0, (h:run(h.io, rw(2, 100, 1, back.bus, 0, { nsid = 2 }))))
    equal_bytes(m.ptr, back.ptr, 4096)
    local code, v = h:admin { opcode = 0x0a, cdw10 = 8 }
    assert.same({ 0, 0x99 }, { code, v })
    local smart = h:smart()
    assert.equal(2, tonumber(smart.power_cycles[0]))
    assert.equal(0, tonumber(smart.unsafe_shutdowns[0]))
    assert.equal(2, tonumber(smart.writes[0]))
    h.dev:free()                                                        -- no shutdown this time

    h = ready(options())
    assert.equal(1, tonumber(h:smart().unsafe_shutdowns[0]))
    h.dev:free()
    for _, suffix in ipairs { "", ".2", ".nvram" } do assert(os.remove(path .. suffix)) end
  end)

  it("says what is wrong with its options", function()
    local wrong = { { size = 1000 }, { namespaces = 0 }, { queues = 17 }, { lba = 520 }, { interrupt = "none" } }
    for _, options in ipairs(wrong) do
      local dev, mistakes = mb.load("lua/devices/nvme.lua", options)
      assert.is_nil(dev)
      assert.truthy(mb.mistakes_text(mistakes):find "must be")
    end
  end)
end)

describe("nvme guest errors", function()
  it("are told with the place that found them", function()
    said = {}
    local h = ready()
    h.d:write("sq_tail", 200, 1)
    assert.truthy(table.concat(said, "\n"):find "guest error: tail 200 of submission queue 1, which has 64 entries")
  end)
end)
