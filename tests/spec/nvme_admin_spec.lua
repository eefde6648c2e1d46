-- SPDX-License-Identifier: MIT
-- nvme.lua's admin commands: identify, features, logs, events, format, and what a file keeps.
--
-- Try it:  tests/spec/run tests/spec/nvme_admin_spec.lua
local bit = require "bit"
local ffi = require "ffi"
local host = dofile "tests/spec/nvme_host.lua"
local ready, fill, equal_bytes, rw, types = host.ready, host.fill, host.equal_bytes, host.rw, host.types
local u32p = host.u32p
local S = types.status
local mb = host.support.mb
local band, rshift = bit.band, bit.rshift
local MiB = 2 ^ 20
local ALL = types.ALL

after_each(host.support.free_all)

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
