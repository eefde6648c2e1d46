-- SPDX-License-Identifier: MIT
-- nvme.lua's I/O commands: every shape of PRPs, every way to be refused, memory that the bus refuses.
--
-- Try it:  tests/spec/run tests/spec/nvme_io_spec.lua
local bit = require "bit"
local ffi = require "ffi"
local host = dofile "tests/spec/nvme_host.lua"
local ready, fill, equal_bytes, rw, types = host.ready, host.fill, host.equal_bytes, host.rw, host.types
local S = types.status
local band, rshift = bit.band, bit.rshift
local MiB = 2 ^ 20
local ALL = types.ALL

after_each(host.support.free_all)

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
