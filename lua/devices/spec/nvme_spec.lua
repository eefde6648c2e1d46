-- SPDX-License-Identifier: MIT
-- What a driver of nvme.lua does, as a test: it gives the controller an admin queue pair, enables it, asks who it is.
--
-- Try it:  tests/spec/run lua/devices/spec/nvme_spec.lua
local mb = require "moonbar"
local ENTRIES, IDENTIFY, CONTROLLER = 8, 0x06, 1

describe("nvme, by example:", function()
  local dev, d, sq, cq, tail, head

  before_each(function()
    dev = assert(mb.load("lua/devices/nvme.lua", { size = "1M" }))
    d = mb.driver(dev)
    sq, cq = d:dma_alloc(64 * ENTRIES), d:dma_alloc(16 * ENTRIES)
    tail, head = 0, 0
    d:enable "msix"
    d.aqa = { asqs = ENTRIES - 1, acqs = ENTRIES - 1 }
    d.asq, d.acq = sq.bus, cq.bus
    d.cc = { en = 1, iosqes = 6, iocqes = 4 }
    assert(d:wait(function() return d.csts.rdy == 1 end))
  end)
  after_each(function() dev:free() end)

  -- Carry out one command of the admin queue: its status.
  local function admin(opcode, nsid, prp1, dword10)
    local entry = sq:at(64 * tail, 64):fill(0)
    entry:u32(0, opcode + 77 * 0x10000)               -- command identifier 77
    entry:u32(4, nsid)
    entry:u64(24, prp1)
    entry:u32(40, dword10)
    tail = (tail + 1) % ENTRIES
    d.sq_tail[0] = tail                               -- ring
    assert(d:wait_irq(0))
    local done = cq:at(16 * head, 16)
    assert.equals(77, done:u16(12))
    head = (head + 1) % ENTRIES
    d.cq_head[0] = head
    return math.floor(done:u16(14) / 2)               -- without the phase bit
  end

  it("identify", function()
    local page = d:dma_alloc(4096)
    assert.equals(0, admin(IDENTIFY, 0, page.bus, CONTROLLER))
    assert.equals(d:config_read(0, 2), page:u16(0))   -- vendor
    assert.matches("^Moonbar", page:at(24, 40):string())
    assert.equals(1, page:u32(516))                   -- namespaces
  end)

  it("a command that there is not", function()
    assert.equals(1, admin(0x7f, 0, 0, 0) % 0x100)    -- invalid opcode
  end)
end)
