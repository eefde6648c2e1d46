-- SPDX-License-Identifier: MIT
-- What the prompt shows of a device: ?, trace, md, dma, config; what it reads again; what TAB offers.
-- Try it:  tests/spec/run tests/spec/repl_look_spec.lua
local p = dofile "tests/spec/prompt.lua"
local mb = require "moonbar"
local complete = require "repl.complete"
local config = require "repl.config"
local caps = require "repl.config_caps"

local TEXT = [[
device "g" { id = "1234:0001", intx = true, msix = 4 }
local mem = ram(0x1000, 4096)
local function bang(dev, v)
  return v + 1
end
config { setup = { 0x80, { on = rw(0), mode = rw(2, 1, { [0] = "slow", "fast" }) }, width = 16 } }
bar(0, 16*KiB) {
  ctrl = { 0x00, "Control", { go = rw(0, "Starts it"), mode = rw(5, 4, { [0] = "off", "slow", "fast" }) },
           write = bang },
  slot = { 0x10, rw, "A slot", { low = rw(3, 0), high = rw(31, 4) }, array = {4, stride = 8} },
  wide = { 0x40, rw, 0x1122334455667788ULL, width = 64, lock = "ctrl.go" },
  bell = { 0x50, doorbell = function() end },
  ch   = group(0x100, { 4, stride = 0x20 }, "The channels") {
    len  = { 4, rw, 7 },
    buf  = { 0x10, rw, array = { 2, stride = 8 } },
    mode = { 8, { kind = rw(1, 0, { [0] = "in", "out" }) } },
  },
}
]]

local dev, path, type_line, prompt

local function gives(line, want)
  local out, err = type_line(line)
  assert.equal("", err, line)
  assert.equal(want, out)
end

local function says(line, ...)
  local out, err = type_line(line)
  assert.equal("", err, line)
  for _, want in ipairs { ... } do assert.is_truthy(out:find(want, 1, true), out .. "\n-- lacks: " .. want) end
  return out
end

local function fails(line, want)
  local _, err, verdict = type_line(line)
  assert.equal("error", verdict, line)
  assert.is_truthy(err:find(want, 1, true), err .. "\ninstead of: " .. want)
end

before_each(function()
  dev, path = p.load_text(TEXT)
  type_line, prompt = p.new(100)
end)

after_each(function()
  dev:free()
  os.remove(path)
end)

describe("?", function()
  it("tells description, value, fields, access and cost of a register", function()
    says("?g.ctrl", "g.ctrl = 0x00000000 (0)   BAR 0 + 0x0, 32 bits, rw", "Control", "go", "[0]", "Starts it",
      "mode is one of: 0 off, 1 slow, 2 fast", "reset value 0x00000000",
      "a driver's read: answered from masks; write: masks, then posted to Lua", "hook: write")
    says("? g.wide", "locked while ctrl.go is not 0", "reset value 0x1122334455667788")
    says("?g.bell", "write: posted to Lua", "hook: doorbell")
    says("?g.slot", "g.slot: 4 registers of 32 bits, BAR 0 + 0x10, one every 0x8", "low", "[3:0]")
    says("?g.slot[2]", "g.slot[2] = 0x0")
    says("?g.ch[1].buf[1]", "g.ch[1].buf[1] = 0x00000000 (0)")
    says("?g.ch[1].len", "g.ch[1].len = 0x00000007 (7)")
    says("?g.ch", "g.ch: 3 registers at BAR 0 + 0x100, 4 times, one every 0x20", "The channels", "0x04  len")
    says("?g.setup", "configuration space + 0x80", "write: masks")
    says("?ctrl", "g.ctrl = ")
  end)

  it("tells of a field, a device, and words", function()
    says("?g.ctrl.mode", "g.ctrl.mode: bits 5 to 4 of BAR 0 + 0x0, rw", "1  slow", "2  fast")
    says("?g", "device g, 1234:0001", "MSI-X 4", "on sim:stepped")
    says("?regs", "regs [DEVICE] [PATTERN]")
    says("?w1c", "Writing 1 clears", "docs/author.md")
    assert.equal((type_line "help"), (type_line "?"))
    fails("?g.ctlr", "g: there is no register 'ctlr'; did you mean 'ctrl'?")
    fails("?g.ctrl.modd", "g: ctrl has no field 'modd'; did you mean 'mode'?")
    fails("?nothing", "there is no help on 'nothing'")
  end)

  it("changes nothing, and runs no hook", function()
    local reader = p.load_text [[
      device "r" { id = "1234:0003" }
      bar(0, 16) { a = { 0, rc, 5, read = function() error "no" end } }
    ]]
    local _, err = type_line "??r.a"
    assert.equal("", err)
    assert.equal(5, reader:peek "a")
    reader:free()
  end)

  it("twice shows the row and hooks that stand elsewhere, with their lines", function()
    local out = says("??g.ctrl", path:match("[^/]*$") .. ":8\n  ctrl = { 0x00,", "         write = bang },",
      "write hook, ", ":3\n  local function bang(dev, v)\n    return v + 1\n  end")
    assert.is_nil(out:find("slot", 1, true))
    says("??g.bell", ":12\n  bell = { 0x50")
    assert.is_nil(says("??g.bell", "hook"):find("doorbell hook,", 1, true))
    says("??g.ch[2].mode", ":16\n  mode = { 8,")
    says("??g.ch", ":13")
  end)
end)

describe("trace", function()
  -- type(line) -> what was shown above the line
  local function traced(line)
    local _, above = type_line(line)
    return above
  end

  it("shows accesses, decoded, and nothing while it is off", function()
    assert.equal("", traced "g.slot[1]:write(0x25)")
    gives("trace", "trace: off")
    gives("trace on", "trace: everything")
    assert.equal("g  write  slot[1] = 0x00000025  low=5 high=2", traced "g.slot[1]:write(0x25)")
    assert.equal("g  read   slot[1] = 0x00000025  low=5 high=2", traced "g.slot[1]:read()")
    assert.equal("g  write  ctrl = 0x00000020  go=0 mode=fast", traced "g.ctrl:write(0x20)")
    assert.equal("g  read   ctrl = 0x00000021  go=1 mode=fast", traced "g.ctrl:read()")
    assert.equal("g  write  ch[1].buf[1] = 0x00000009", traced "g.ch[1].buf[1]:write(9)")
    assert.equal("g  read   ch[3].len = 0x00000007", traced "g.ch[3].len:read()")
    type_line 'd = driver "g"'
    assert.equal("g  read   BAR 0 + 0x1004 = 0x0000  ram", traced "d:bus_read(0, 0x1004, 2)")
    assert.is_truthy(traced("d:bus_read(0, 0x3010, 4)")
      :find("BAR 0 + 0x3010 = 0x00000000  MSI-X table, vector 1", 1, true))
    assert.is_truthy(traced("d:bus_read(0, 0x80, 4)"):find("BAR 0 + 0x80 = 0xffffffff  nothing is there", 1, true))
    assert.equal("g  read   wide = 0x55667788  bytes 0 to 3 of 8", traced "d:bus_read(0, 0x40, 4)")
    assert.equal("g  config write  config + 0x04 = 0x0006  command", traced "d:config_write(4, 2, 6)")
    assert.equal("g  config read  setup = 0x0000  on=0 mode=slow", traced "g.setup:read()")
    gives("trace off", "trace: off")
    assert.equal("", traced "g.slot[1]:write(1)")
  end)

  it("takes patterns", function()
    gives("trace on slot*", "trace: slot*")
    assert.equal("g  write  slot[0] = 0x00000001  low=1 high=0", traced "g.slot[0]:write(1)")
    assert.equal("", traced "g.wide:write(1)")
    gives("trace on g.wide", "trace: slot*, g.wide")
    assert.equal("g  write  wide = 0x0000000000000001", traced "g.wide:write(1)")
    fails("trace off slut*", "that is not traced: slot*, g.wide is")
    gives("trace off slot*", "trace: g.wide")
    assert.equal("", traced "g.slot[0]:write(1)")
    gives("trace off", "trace: off")
    fails("trace off slot*", "nor is anything else")
    fails("trace maybe", "trace takes on or off")
  end)

  it("does not disturb an access, nor a hook's own", function()
    type_line "trace on"
    type_line "g.ctrl:write(0x10)"
    gives("g.ctrl.value", "0x11 (17)")
    assert.equal("0x1122334455667788 (1234605616436508552)", (type_line "g.wide:read()"))
    type_line "trace off"
  end)
end)

describe("md", function()
  it("shows registers, memory, holes, and the driver's memory", function()
    type_line "g.slot[0] = 0x61626364"
    gives("md g bar0+0x10 16", "00000010  64 63 62 61 -- -- -- --  00 00 00 00 -- -- -- --  |dcba    ....    |")
    gives("md ch[1].buf[1] 4", "00000138  00 00 00 00                                       |....|")
    gives("md slot[1] 4", "00000018  00 00 00 00                                       |....|")
    gives("md g wide 8", "00000040  88 77 66 55 44 33 22 11                           |.wfUD3\".|")
    type_line 'd = driver "g"; page = d:dma_alloc(4096); page:set "moon"'
    gives("md dma+0x100000 4", "00100000  6d 6f 6f 6e                                       |moon|")
    gives("md(page, 4)", "00100000  6d 6f 6f 6e                                       |moon|")
    gives("md(page:at(1, 3))", "00000000  6f 6f 6e                                          |oon|")
    type_line 'for i = 0, 3 do d:bus_write(0, 0x1000 + i, 1, 0x40 + i) end'
    gives("md 0x1000 4", "00001000  40 41 42 43                                       |@ABC|")
    gives("md bar0+0x1100 80", "00001100  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|\n*\n"
      .. "00001140  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|")
    assert.equal(2, select(2, (type_line "md 0x3fe0 1000"):gsub("%-%- %-%- |?", "")) > 0 and 2 or 0)
  end)

  it("says what is wrong", function()
    fails("md", "md of what?")
    fails("md g bar3", "g has no BAR 3")
    fails("md g bar0+0x4000", "0x4000 is beyond the end of BAR 0, which is 16 KiB")
    fails("md g bar0 0", "md: a length of 0; right would be 1 to 65536")
    fails("md g bar0 x", 'md: length "x"; right would be a number')
    fails("md g ctlr", "md: where is 'ctlr'?")
    fails("md h bar0 4", "there is no device 'h'")
    fails("md g dma+0x5", "has mapped nothing at bus address 0x5")
    fails("md g bar0 4 4", "one word too many")
  end)
end)

describe("dma", function()
  it("shows mappings and the latest transfers", function()
    local e = p.load "lua/devices/edu.lua"
    says("dma edu", "edu  0 mappings", "edu  0 transfers")
    for _, line in ipairs { 'd = driver "edu"; page = d:dma_alloc(4096)',
      'own = d:dma_map(require("moonbar.memory").buffer(100), "to_device")',
      "d.dma_src, d.dma_dst, d.dma_cnt = page.bus, 0x40000, 24; d.dma_cmd = 5; d:step(1*s)",
      "d.dma_cnt = 5; d.dma_src = 0x40000; d.dma_dst = own.bus; d.dma_cmd = 3; d:step(1*s)" } do type_line(line) end
    local out = says("dma edu", "edu  2 mappings", "0x00100000 to 0x00100fff  4 KiB      both ways",
      "100 bytes  the device reads", "edu  2 transfers", "0x00100000  24 bytes   driver to device  done",
      "device to driver  refused: against the mapping's direction")
    assert.equal(out, (type_line "dma(edu)"))
    type_line "for i = 1, 30 do d.dma_src, d.dma_dst, d.dma_cnt = page.bus, 0x40000, i; d.dma_cmd = 1; d:step(1*s) end"
    says("dma edu", "edu  32 transfers, the last 16 of them:", "  0x00100000  30 bytes")
    e:free()
  end)
end)

-- ---- config, against lspci ------------------------------------------------------------------------------

local function lspci(bytes)
  local name = os.tmpname()
  local lines = { "00:00.0 test" }
  for at = 0, 4095, 16 do
    local hex = {}
    for i = 0, 15 do hex[i + 1] = ("%02x"):format(bytes[at + i]) end
    lines[#lines + 1] = ("%02x: %s"):format(at, table.concat(hex, " "))
  end
  p.write(name, table.concat(lines, "\n") .. "\n\n")
  local f = assert(io.popen("lspci -n -vvv -F " .. name .. " 2>&1"))
  local text = f:read "*a"
  f:close()
  os.remove(name)
  return text
end

describe("config", function()
  it("says of header, BARs, MSI-X and own registers what lspci says", function()
    type_line 'd = driver "g"; d:enable "msix"; g.setup = 3'
    local out, theirs = (type_line "config g"), lspci(config.bytes(dev))
    for ours, other in pairs {
      ["memory+ bus-master+"] = "Control: I/O- Mem+ BusMaster+",
      ["pin A, line 0"] = "Interrupt: pin A routed to IRQ 0",
      ["BAR 0: memory at 0xe0000000, 32-bit, not prefetchable, 16 KiB"] =
        "Memory at e0000000 (32-bit, non-prefetchable)",
      ["[40] MSI-X: enable+ masked-, 4 vectors"] = "[40] MSI-X: Enable+ Count=4 Masked-",
      ["table in BAR 0 + 0x3000, pending bits in BAR 0 + 0x3040"] = "PBA: BAR=0 offset=00003040",
    } do
      assert.is_truthy(out:find(ours, 1, true), out .. "\n-- lacks: " .. ours)
      assert.is_truthy(theirs:find(other, 1, true), theirs .. "\n-- lacks: " .. other)
    end
    assert.is_truthy(out:find("0x80  setup = 0x0003  on=1 mode=fast", 1, true))
  end)

  it("says of PM, Express, MSI and vendor-specific ones what lspci says", function()
    local e = p.load_text [[
      device "many" { id = "1234:0002", caps = {
        cap.pm{}, cap.express{}, cap.msi{ vectors = 8, masking = true }, cap.vendor{ bytes = { 1, 2, 3 } } } }
      bar(0, 64*KiB, { is64 = true, prefetch = true }) { a = { 0, rw } }
    ]]
    local driver = mb.driver "many"
    driver:enable("msi", 4)
    local out, theirs = (type_line "config many"), lspci(config.bytes(e))
    for ours, other in pairs {
      ["memory at 0x0000000800000000, 64-bit, prefetchable, 64 KiB"] = "Memory at 800000000 (64-bit, prefetchable)",
      ["power management, version 3: D1- D2-"] = "Power Management version 3",
      ["state D0, no-soft-reset+"] = "Status: D0 NoSoftRst+",
      ["PCI Express, version 2, endpoint"] = "Express (v2) Endpoint",
      ["payload up to 256 bytes, now 128; read requests of 512"] = "MaxPayload 256 bytes",
      ["FLR-"] = "FLReset-",
      ["link: up to 8 GT/s, x4; now 8 GT/s, x4"] = "LnkSta:\tSpeed 8GT/s",
      ["MSI: enable+, 4 of 8 vectors, 64-bit+ masking+"] = "MSI: Enable+ Count=4/8 Maskable+ 64bit+",
      ["address 0x00000000fee00000, data 0x4020"] = "Address: 00000000fee00000  Data: 4020",
      ["vendor-specific, 6 bytes: 01 02 03"] = "Vendor Specific Information: Len=06",
    } do
      assert.is_truthy(out:find(ours, 1, true), out .. "\n-- lacks: " .. ours)
      assert.is_truthy(theirs:find(other, 1, true), theirs .. "\n-- lacks: " .. other)
    end
    e:free()
  end)

  it("says of extended capabilities what lspci says", function()
    local bytes = {}
    for i = 0, 4095 do bytes[i] = 0 end
    local image = config.bytes(dev)
    for i = 0, 255 do bytes[i] = image[i] end
    local function put(at, size, v)
      for i = 0, size - 1 do bytes[at + i] = math.floor(v / 256 ^ i) % 256 end
    end
    -- lspci reads the extended ones of devices with a PCI Express capability only
    put(0x4c, 4, 0x00020010)
    put(0x41, 1, 0x4c)
    local function add(at, id, version, next_at) put(at, 4, id + version * 0x10000 + next_at * 0x100000) end
    add(0x100, 0x01, 2, 0x150)
    put(0x104, 4, 0x4000) put(0x108, 4, 0x100000) put(0x10c, 4, 0x62030) put(0x110, 4, 0x40) put(0x114, 4, 0x2000)
    add(0x150, 0x03, 1, 0x160)
    put(0x154, 4, 0x55667788) put(0x158, 4, 0x11223344)
    add(0x160, 0x0f, 1, 0x170)
    put(0x164, 2, 5) put(0x166, 2, 0x8001)
    add(0x170, 0x1b, 1, 0x180)
    put(0x174, 2, 0x1406) put(0x176, 2, 1)
    add(0x180, 0x0b, 1, 0x190)
    put(0x184, 4, 0xabcd + 2 * 0x10000 + 12 * 0x100000) put(0x188, 4, 0x04030201)
    add(0x190, 0x0e, 1, 0x1a0)
    put(0x195, 1, 7)
    add(0x1a0, 0x77, 3, 0x1b0)
    add(0x1b0, 0x10, 1, 0)
    put(0x1b8, 2, 9) put(0x1be, 2, 64) put(0x1c0, 2, 8)
    local out, theirs = table.concat(config.lines(dev, bytes), "\n"), lspci(bytes)
    for ours, other in pairs {
      ["[100] advanced error reporting, version 2"] = "[100 v2] Advanced Error Reporting",
      ["uncorrectable: data-link- poisoned- flow-control- completion-timeout+"] =
        "UESta:\tDLP- SDES- TLP- FCP- CmpltTO+",
      ["masked: receiver- bad-TLP- bad-DLLP- replay-rollover- replay-timer- advisory+"] =
        "CEMsk:\tRxErr- BadTLP- BadDLLP- Rollover- Timeout- AdvNonFatalErr+",
      ["[150] serial number 11-22-33-44-55-66-77-88"] = "Device Serial Number 11-22-33-44-55-66-77-88",
      ["[160] address translation: enable+, queue depth 5, smallest unit 8192 bytes"] =
        "ATSCtl:\tEnable+, Smallest Translation Unit: 01",
      ["[170] PASID: enable+ execute- privileged-, 20 bits"] = "Max PASID Width: 14",
      ["vendor-specific, identifier abcd, version 2, 12 bytes: 01 02 03 04"] = "ID=abcd Rev=2 Len=00c",
      ["[190] alternative routing-ID: next function 7"] = "Next Function: 7",
      ["[1a0] extended capability 0x0077, not known here, version 3"] = "[1a0 v3] Extended Capability ID 0x77",
      ["[1b0] SR-IOV: enable+ memory+, 8 of 64 virtual functions"] = "Total VFs: 64, Number of VFs: 8",
    } do
      assert.is_truthy(out:find(ours, 1, true), out .. "\n-- lacks: " .. ours)
      assert.is_truthy(theirs:find(other, 1, true), theirs .. "\n-- lacks: " .. other)
    end
    put(0x1b0, 4, 0x10 + 0x10000 + 0x150 * 0x100000)
    out = table.concat(config.lines(dev, bytes), "\n")
    assert.is_truthy(out:find("[150] again: the list runs in a circle", 1, true))
    put(0x4d, 1, 0x40)
    out = table.concat(config.lines(dev, bytes), "\n")
    assert.is_truthy(out:find("[40] again: the list runs in a circle", 1, true))
  end)

  it("never fails, whatever the bytes are", function()
    math.randomseed(5)
    for _ = 1, 60 do
      local bytes = {}
      for i = 0, 4095 do bytes[i] = math.random(0, 255) end
      for id in pairs(caps.plain) do
        bytes[6], bytes[0x34] = 0x10, 0x40
        bytes[0x40] = id
        assert.is_true(#config.lines(dev, bytes) > 5)
      end
      for id in pairs(caps.extended) do
        bytes[0x100], bytes[0x101] = id, 0
        assert.is_true(#config.lines(dev, bytes) > 5)
      end
    end
    for _, value in ipairs { 0, 255 } do
      local bytes = {}
      for i = 0, 4095 do bytes[i] = value end
      assert.is_true(#config.lines(dev, bytes) > 3)
    end
  end)
end)

describe("reload", function()
  it("takes new hooks and keeps values; a broken file leaves the old code", function()
    type_line "g.slot[0] = 5"
    p.write(path, (TEXT:gsub("return v %+ 1", "return v + 16")))
    gives("reload g", "g: loaded again")
    type_line "g.ctrl:write(0)"
    gives("g.ctrl.value, g.slot[0].value", "0x10 (16)\n0x5 (5)")
    p.write(path, (TEXT:gsub("rw, 7", "rww, 7")))
    fails("reload", "g goes on as it is, for its file does not load:")
    fails("reload g", "rww")
    type_line "g.ctrl:write(0)"
    gives("g.ctrl.value", "0x10 (16)")
    fails("reload h", "there is no device 'h'")
  end)

  it("takes another register map, and the driver's memory stays", function()
    type_line 'd = driver "g"; page = d:dma_alloc(4096); page:set "moon"; g.slot[3] = 9'
    type_line "trace on wide"
    p.write(path, (TEXT:gsub("  bell =", "  extra = { 0x60, rw, 3 }, bell =")))
    says("reload", "g: loaded again; the register map is another")
    gives("g.extra.value, g.slot[3].value", "0x3 (3)\n0x9 (9)")
    gives("page:string(4)", '"moon"')
    says("dma", "1 mapping")
    assert.equal("g  read   wide = 0x1122334455667788", select(2, type_line "g.wide:read()"))
    type_line "trace off"
  end)
end)

describe("TAB", function()
  local function offers(text, want) assert.equal(want, complete.line(prompt, text), text) end

  it("offers registers, groups, elements and fields", function()
    offers("g.ct", "g.ctrl")
    offers("g.sl", "g.slot[")
    offers("g.c", "g.c\ng.ch[\ng.ctrl")
    offers("g.slot[2].h", ".high")
    offers("x = g.ch[1].", ".\n.buf[\n.len\n.mode")
    offers("g.ch[1].mode.k", ".mode.kind")
    offers("g.ctrl:w", "g.ctrl:write(")
    offers("g.setup.m", "g.setup.mode")
    type_line "r = g.slot[1]"
    offers("r.l", "r.low")
  end)

  it("offers the values of an enum, with quotes if there are none", function()
    offers('g.ctrl.mode = "f', 'fast')
    offers("g.ctrl.mode = 'f", "fast")
    offers("g.ctrl.mode = ", "\"\n\"fast\"\n\"off\"\n\"slow\"")
    offers('g.ctrl.mode == "', '\nfast\noff\nslow')
    offers('g.ch[2].mode.kind = "o', 'out')
    assert.is_nil(complete.line(prompt, 'g.ctrl.go = "'))
    offers('d = driver "', 'g')
  end)

  it("offers a driver's registers and methods", function()
    type_line 'd = driver "g"'
    offers("d.ct", "d.ctrl")
    offers("d.ctrl.m", "d.ctrl.mode")
    offers('d.ctrl.mode = "sl', 'slow')
    offers("d:dma_a", "d:dma_alloc(")
    offers("d:wait", "d:wait\nd:wait(\nd:wait_irq(")
    offers('d:read "wi', 'wide')
    type_line "page = d:dma_alloc(64)"
    offers("page:st", "page:string(")
  end)

  it("offers commands, their words, and Lua's names", function()
    offers("trace o", "o\noff\non")
    offers("trace on sl", "slot")
    offers("reload o", "o\noff\non")
    offers("reload ", "\ng\noff\non")
    offers("config ", "g")
    offers("?g.ct", "g.ctrl")
    offers("??g.ct", "g.ctrl")
    offers("help tra", "trace")
    offers("tra", "trace")
    offers("bit.bno", "bit.bnot(")
    offers("string.for", "string.format(")
    offers("x = bno", "bnot")
  end)
end)
