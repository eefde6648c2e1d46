-- SPDX-License-Identifier: MIT
-- nvme.lua on the simulated bus, driven by hand: registers, queues, interrupts, doorbells that are wrong. It
-- exists because a kernel driver only ever does what is right.
--
-- Try it:  tests/spec/run tests/spec/nvme_spec.lua
local bit = require "bit"
local ffi = require "ffi"
local host = dofile "tests/spec/nvme_host.lua"
local plug, ready, fill, equal_bytes, rw = host.plug, host.ready, host.fill, host.equal_bytes, host.rw
local types = host.types
local S = types.status
local rshift = bit.rshift

after_each(host.support.free_all)

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

describe("nvme guest errors", function()
  it("are told with the place that found them", function()
    host.support.take_said()
    local h = ready()
    h.d:write("sq_tail", 200, 1)
    assert.truthy(host.support.take_said():find "guest error: tail 200 of submission queue 1, which has 64 entries")
  end)
end)

describe("nvme.lua loaded again", function()
  it("goes on where it was: data, queues, features, events, counters", function()
    local h = ready { namespaces = 2 }
    local m, back = h.d:dma_alloc(4096), h.d:dma_alloc(4096)
    local a = h.queues[0]
    fill(m, 21)
    assert.equal(0, (h:run(h.io, rw(1, 9, 8, m.bus, 0, { nsid = 2 }))))
    assert.equal(0, (h:admin { opcode = 9, cdw10 = 8, cdw11 = 0x77 }))
    assert.equal(1, (h:admin { opcode = 0x7e }))
    local held = h:push(a, { opcode = 0x0c })
    h:ring(a)

    local ok, mistakes = h.dev:reload()
    assert(ok, mistakes and host.support.mb.mistakes_text(mistakes))

    assert.equal(0, (h:run(h.io, rw(2, 9, 8, back.bus, 0, { nsid = 2 }))))
    equal_bytes(m.ptr, back.ptr, 4096)
    local _, value = h:admin { opcode = 0x0a, cdw10 = 8 }
    assert.equal(0x77, value)
    assert.equal(1, tonumber(h:smart().writes[0]))
    local _, log = h:log(1, 64, types.error_ptr)
    assert.equal(1, tonumber(log[0].count))
    assert.equal(0, (h:admin { opcode = 8, cdw10 = held * 0x10000 }))
    assert.equal(held, h:reap(a).cid)
    assert.equal(1, h.d:irq_take(1) > 0 and 1 or 0)
    h.d.cc.en = 0
    h:enable()
    assert.equal(0, (h:identify(1)))
  end)

  it("goes on with the old code when the new is refused", function()
    local h = ready {}
    local bus = h.dev.bus
    h.dev.bus = "pciem"                 -- where a map that differs is refused, once the file has run
    local ok, mistakes = h.dev:reload { queues = "8" }
    h.dev.bus = bus
    assert.is_nil(ok)
    assert.matches("register map has changed", host.support.mb.mistakes_text(mistakes))
    local m, back = h.d:dma_alloc(4096), h.d:dma_alloc(4096)
    fill(m, 23)
    assert.equal(0, (h:run(h.io, rw(1, 9, 8, m.bus, 0))))
    assert.equal(0, (h:run(h.io, rw(2, 9, 8, back.bus, 0))))
    equal_bytes(m.ptr, back.ptr, 4096)
    local status, queues = h:admin { opcode = 0x0a, cdw10 = 7 }
    assert.same({ 0, 0x000f000f }, { status, queues })
    assert.equal(0, (h:admin { opcode = 0x09, cdw10 = 8, cdw11 = 0x55 }))
    assert.equal(0x55, select(2, h:admin { opcode = 0x0a, cdw10 = 8 }))
  end)
end)
