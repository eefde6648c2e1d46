-- SPDX-License-Identifier: MIT
-- The endpoint of the kernel's PCI test function, driven as pci_endpoint_test.c drives it.
--
-- Try it:  tests/spec/run tests/spec/endpoint_test_spec.lua
local bit = require "bit"
local support = dofile "tests/spec/support.lua"
local mb = support.mb
local band, bxor, rshift = bit.band, bit.bxor, bit.rshift

local INTX, MSI, MSIX = 0, 1, 2

-- The checksum, a bit at a time.
local function crc32(text)
  local c = -1
  for i = 1, #text do
    c = bxor(c, text:byte(i))
    for _ = 1, 8 do c = bxor(rshift(c, 1), band(c, 1) ~= 0 and 0xedb88320 or 0) end
  end
  return c % 2 ^ 32
end

describe("pci_endpoint_test", function()
  local dev, ep, number

  -- As the driver's probe: all vectors of one kind.
  local function enable(kind, message)
    assert(ep:enable(({ [INTX] = "intx", [MSI] = "msi", [MSIX] = "msix" })[kind], 32))
    ep.irq_type, number = kind, message or 1
  end

  -- A command, the interrupt that ends it, and the STATUS that the handler reads.
  local function command(what)
    ep.irq_number = number
    ep.command = { [what] = 1 }
    local vector = ep:read "irq_type" == INTX and 0 or number - 1
    assert(ep:wait_irq(vector))
    local status = ep.status
    assert.equals(1, status.irq_raised)
    assert.equals(0, ep:irq_take(vector))
    return status
  end

  local function page(size, byte)
    local p = assert(ep:dma_alloc(size))
    for i = 0, size - 1 do p:u8(i, (i * byte + rshift(i, 8)) % 256) end
    return p
  end

  before_each(function()
    local mistakes
    dev, mistakes = mb.load "lua/devices/pci_endpoint_test.lua"
    assert(dev, mistakes and mb.mistakes_text(mistakes))
    dev, ep = support.start(dev)
    enable(MSI)
  end)
  after_each(function()
    support.free_all()
    support.take_said()
  end)

  it("is 104c:b500 with six BARs, MSI 32 and MSI-X 2048", function()
    assert.equals(0xb500104c, ep:config_read(0, 4))
    for n, size in ipairs { 0x10000, 512, 1024, 0x4000, 0x20000, 0x100000 } do
      local at = 0x0c + 4 * n
      local was = ep:config_read(at, 4)
      ep:config_write(at, 4, 0xffffffff)
      assert.equals(2 ^ 32 - size, ep:config_read(at, 4))
      ep:config_write(at, 4, was)
    end
    assert.equals(32, ep:enable("msi", 32))
    assert.equals(2048, ep:enable "msix")
    assert.equals(0x3f, ep:read "caps")
  end)

  it("keeps what is written into BARs, each its own", function()
    ep.magic = 0xa0a0a0a0
    for bar = 1, 5 do
      local last = ({ 512, 1024, 0x4000, 0x20000, 0x100000 })[bar] - 8
      ep:bus_write(bar, 0, 4, 0xa0a0a0a0 + bar)
      ep:bus_write(bar, last, 8, 0xa1a1a1a1a1a1a1a1ULL * bar)
    end
    for bar = 1, 5 do
      local last = ({ 512, 1024, 0x4000, 0x20000, 0x100000 })[bar] - 8
      assert.equals(0xa0a0a0a0 + bar, ep:bus_read(bar, 0, 4))
      assert.equals(0xa1a1a1a1a1a1a1a1ULL * bar, ep:bus_read(bar, last, 8))
    end
    assert.equals(0xa0a0a0a0, ep.magic)
    assert.equals("", support.take_said())
  end)

  it("holds INTx until STATUS is read", function()
    enable(INTX, 0)
    ep.irq_number = 0
    ep.command = { raise_intx = 1 }
    ep:step(0)
    assert.equals(1, ep:irq_take(0))
    assert.equals(1, ep:irq_take(0))
    assert.equals(1, ep.status.irq_raised)
    assert.equals(0, ep:irq_take(0))
    assert.equals(0, ep:read "command")
  end)

  for name, kind in pairs { MSI = { MSI, 32, "raise_msi" }, ["MSI-X"] = { MSIX, 2048, "raise_msix" } } do
    it("sends each message of " .. name .. " once, and no other", function()
      enable(kind[1])
      for n = 1, kind[2] do
        number = n
        command(kind[3])
        for _, other in ipairs { 0, 1, n, kind[2] - 1 } do assert.equals(0, ep:irq_take(other)) end
      end
      assert.equals("", support.take_said())
    end)
  end

  it("refuses to interrupt as the driver has not asked for", function()
    ep.irq_type, ep.irq_number = MSIX, 1
    ep.command = { raise_msix = 1 }
    ep:step(0)
    assert.matches("IRQ_TYPE is 2 (msix), but the driver has enabled msi", support.take_said(), 1, true)
    ep.irq_type, ep.irq_number = MSI, 33
    ep.command = { raise_msi = 1 }
    ep:step(0)
    assert.matches("IRQ_NUMBER is 33; msi has 1 to 32", support.take_said(), 1, true)
    ep.irq_number = 0
    ep.command = { raise_msi = 1 }
    ep:step(0)
    for v = 0, 31 do assert.equals(0, ep:irq_take(v)) end
    assert.equals(0, ep.status.irq_raised)
  end)

  local sizes = { 1, 1024, 1025, 65536, 65537, 1024001 }

  it("reads and compares the checksum", function()
    for _, size in ipairs(sizes) do
      local p = page(size, 7)
      ep.src_addr, ep.size, ep.checksum = p.bus, size, crc32(p:string())
      local status = command "read"
      assert.equals(1, status.read_success, size)
      assert.equals(0, status.read_fail)
      ep.checksum = bxor(ep.checksum, 1)
      status = command "read"
      assert.equals(0, status.read_success)
      assert.equals(1, status.read_fail)
      ep:dma_unmap(p)
    end
  end)

  it("writes fresh data and gives its checksum", function()
    local before
    for _, size in ipairs(sizes) do
      local p = page(size + 1, 0)
      p:u8(size, 0x5a)
      ep.dst_addr, ep.size = p.bus, size
      assert.equals(1, command("write").write_success)
      local data = p:string(size)
      assert.equals(crc32(data), ep.checksum)
      assert.equals(0x5a, p:u8(size))
      assert.not_equals(before, data)
      before = data
      ep:dma_unmap(p)
    end
  end)

  it("copies", function()
    for _, size in ipairs(sizes) do
      local from, to = page(size, 13), page(size, 0)
      ep.src_addr, ep.dst_addr, ep.size = from.bus, to.bus, size
      assert.equals(1, command("copy").copy_success)
      assert.is_true(from:string() == to:string())
      ep:dma_unmap(from)
      ep:dma_unmap(to)
    end
  end)

  it("says which address was wrong", function()
    local p = page(64, 1)
    ep.src_addr, ep.dst_addr, ep.size = 0x1000, p.bus, 64
    local status = command "copy"
    assert.same({ 1, 0 }, { status.copy_fail, status.copy_success })
    assert.same({ 1, 0 }, { status.src_addr_invalid, status.dst_addr_invalid })
    ep.src_addr, ep.dst_addr = p.bus, 0x1000
    status = command "copy"
    assert.same({ 1, 0, 1 }, { status.copy_fail, status.src_addr_invalid, status.dst_addr_invalid })
    ep.size = 65
    assert.equals(1, command("read").src_addr_invalid)
  end)

  it("takes addresses above 4 GiB in two halves", function()
    ep:bus_write(0, 0x0c, 4, 0x89abcdef)
    ep:bus_write(0, 0x10, 4, 0x01234567)
    assert.equals(0x0123456789abcdefULL, ep.src_addr)
    ep:bus_write(0, 0x14, 4, 1)
    ep:bus_write(0, 0x18, 4, 2)
    assert.equals(0x200000001ULL, dev:peek "dst_addr")
  end)

  it("rings when its doorbell is on", function()
    assert.equals(0xffffffff, ep.db_bar)
    ep:bus_write(0, 0x100, 4, 1)
    assert.matches("doorbell rung while it is off", support.take_said(), 1, true)
    local status = command "enable_doorbell"
    assert.same({ 1, 0 }, { status.doorbell_enable_success, status.doorbell_enable_fail })
    ep.status = 0
    ep:bus_write(ep.db_bar, ep.db_offset, 4, ep.db_data)
    assert(ep:wait_irq(0))
    assert.equals(1, ep.status.doorbell_success)
    assert.equals(1, command("disable_doorbell").doorbell_disable_success)
    assert.equals(1, command("disable_doorbell").doorbell_disable_fail)
    assert.equals(0xffffffff, ep.db_bar)
  end)

  it("lets the halves of a BAR change places", function()
    for bar = 1, 5 do
      local half = ({ 512, 1024, 0x4000, 0x20000, 0x100000 })[bar] / 2
      ep.size = bar
      assert.equals(1, command("subrange_setup").subrange_setup_success)
      for i = 0, 1 do
        local signature = (0x50 + 8 * bar + i) * 0x01010101
        assert.equals(signature, ep:bus_read(bar, i * half, 4))
        assert.equals(signature, ep:bus_read(bar, i * half + half - 4, 4))
      end
      ep:bus_write(bar, 0, 4, 0x11111111)
      ep:bus_write(bar, half, 4, 0x22222222)
      assert.equals(1, command("subrange_setup").subrange_setup_fail)
      assert.equals(1, command("subrange_clear").subrange_clear_success)
      assert.equals(0x22222222, ep:bus_read(bar, 0, 4))
      assert.equals(0x11111111, ep:bus_read(bar, half, 4))
      assert.equals(1, command("subrange_clear").subrange_clear_fail)
    end
    for _, bar in ipairs { 0, 6 } do
      ep.size = bar
      assert.equals(1, command("subrange_setup").subrange_setup_fail)
    end
  end)

  it("takes the number of MSI-X vectors as an option", function()
    dev:free()
    dev = assert(mb.load("lua/devices/pci_endpoint_test.lua", { vectors = "3" }))
    dev, ep = support.start(dev)
    assert.equals(3, ep:enable "msix")
  end)
end)
