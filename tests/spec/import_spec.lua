-- SPDX-License-Identifier: MIT
-- moonbar export and import: a map that goes out and comes back is the same map; SVD and IP-XACT that others would
-- write become files that a person would have written; what is broken is told with its line.
--
-- Try it:  tests/spec/run tests/spec/import_spec.lua
-- luacheck: no max line length
local support = dofile "tests/spec/support.lua"
local ffi = require "ffi"
local bit = require "bit"
local device = require "moonbar.device"
local import = require "moonbar.formats.import"
local svd_write = require "moonbar.formats.svd_write"
local xml = require "moonbar.formats.xml"
local mb = support.mb

local function define(text, options)
  return support.with_file(text, function(path)
    local def = device.define(path, options or {}, true)
    assert(#def.mistakes == 0, mb.mistakes_text(def.mistakes) .. "\n" .. text)
    return def
  end)
end

local function import_text(text, ...)
  local only = { ... }
  return support.with_file(text, function(path)
    local lua, why = import.text(path, only)
    if not lua then return nil, (why:gsub("^" .. path:gsub("%p", "%%%0") .. ":?", "")) end
    return lua
  end)
end

local HOOKS = bit.bor(0x01, 0x02, 0x08)         -- read, write, sync: MB_REG flags that a file of registers lacks

-- All that C is told of a map, but for hooks.
local function masks(def)
  local rows = {}
  for i = 0, def.nrows - 1 do
    local row = ffi.new("struct mb_reg[1]")
    ffi.copy(row, def.rows + i, ffi.sizeof("struct mb_reg"))
    row[0].flags = bit.band(row[0].flags, bit.bnot(HOOKS))
    rows[i] = ffi.string(row, ffi.sizeof("struct mb_reg"))
  end
  return rows
end

-- All that people see of it.
local function words(def)
  local list = {}
  for _, reg in ipairs(def.regs) do
    local r = { reg.name, reg.doc or "", reg.alias or "", reg.lock or "", reg.enable or "", reg.exclude or "",
      reg.doorbell and "doorbell" or "" }
    for _, f in ipairs(reg.fields or {}) do
      r[#r + 1] = { f.name, f.lo, f.hi, f.access, f.doc or "", f.enum or {} }
    end
    list[#list + 1] = r
  end
  for _, b in pairs(def.bars) do list[#list + 1] = { b.n, b.size, b.is64 or false, b.prefetch or false, b.doc or "" } end
  for _, ram in ipairs(def.rams) do list[#list + 1] = { ram.bar, ram.offset, ram.size } end
  list[#list + 1] = { def.name, def.doc or "" }
  return list
end

local function round_trip(def)
  local svd = svd_write.text(def)
  local lua = assert(import_text(svd))
  local back = define(lua)
  assert.same(words(def), words(back))
  assert.equal(def.nrows, back.nrows)
  local a, b = masks(def), masks(back)
  for i = 0, def.nrows - 1 do assert(a[i] == b[i], "row " .. i .. " differs:\n" .. lua) end
  assert.equal(device.describe_text(def), device.describe_text(back))
  return lua
end

local everything = [[
device "all" { id = "1234:5678", subsystem = "1af4:0001", rev = 0x21, class = 0x088000, intx = true, timeout = 10*ms,
  dma_bits = 40, doc = "All there is: \"quotes\", <tags> & \\ more -- even this",
  caps = { cap.pm{}, cap.express{}, cap.msi{ vectors = 4, masking = true }, cap.vendor{ bytes = "\1\2\3", wmask = { 255 } }, cap.aer{},
    cap.serial{ number = 0x0123456789abcdefULL }, cap.vsec{ id = 7, bytes = "\1\2" } } }
ram(0x8000, 4*KiB)
ram(0x0, 64*KiB, 2)
bar(0, 64*KiB, { sizes = {4, 8}, doc = "Registers" }) {
  a = { 0x00, ro, 7 }, b = { 0x04, rw, 7 }, c = { 0x08, wo }, e = { 0x0c, rc, 0xf }, f = { 0x10, rs, 1 },
  g = { 0x14, w1c, 0xff }, h = { 0x18, w1s, 1 }, i = { 0x1c, w1t, 0xf }, j = { 0x20, w0c, 0xff }, k = { 0x24, w0s, 1 },
  l = { 0x28, w0t, 0xf }, m = { 0x2c, once }, n = { 0x30, const, 9 }, o = { 0x34, rsvd },
  wide = { 0x40, rw, 0xfedcba9876543210ULL, width = 64, sizes = {8} },
  Mixed_Case = { 0x48, rw, 5, width = 8, sizes = {1} }, small = { 0x4a, rw, width = 16, sizes = {2} },
  fields = { 0x50, "Every word, as a field", { a = ro(0), b = rw(1), c = wo(2), d = rc(3), e = rs(4), f = w1c(5), g = w1s(6),
    h = w1t(7), i = w0c(8), j = w0s(9), k = w0t(10), l = once(11), m = const(12, { reset = 1 }), n = rsvd(13),
    o = rw(17, 14, { [0] = "1 kHz", "1 MHz", [7] = "7", [9] = "nine", reset = "nine" }, "A \"rate\""),
    p = rw(18, { sticky = true }), q = ro(19, { volatile = true }) } },
  array = { 0x60, rw, 3, array = 4 }, gaps = { 0x80, { x = rw(3, 0) }, array = {3, stride = 0x10} },
  status = { 0xc0, w1c, { done = w1c(0), bad = w1c(1) }, vector = 0, enable = "mask" },
  mask = { 0xc4, { done = rw(0), bad = rw(1) } }, set = { 0xc8, w1s "mask", "Sets" },
  locked = { 0xcc, rw, lock = "status.done", sticky = true, volatile = true, exclude = "a reason" },
  bell = { 0xd0, "Rings", doorbell = function() end, array = 2 },
  hooked = { 0xd8, rw, write = function() end, sync = true },
  many = { 0xe0, { x = w1c(0) }, array = 2, vector = {1, 2}, enable = "mask2" }, mask2 = { 0xe8, { x = rw(0) }, array = 2 },
  chan = group(0x100, {2, stride = 0x60}, "A channel") { ctrl = { 0x00, "Control", { go = rw(0) } },
    len = { 0x08, rw, lock = "ctrl.go" }, bell = { 0x10, doorbell = function() end }, set = { 0x18, w1s "len" },
    key = { 0x40, rw, array = 4 }, gap = { 0x50, ro, 5, array = {2, stride = 8} } },
  other = group(0x200) { x = { 0x04, rw } },
}
bar(2, 64*KiB, { prefetch = true }) {}
bar(4, 4*GiB, { is64 = true }) { far = { 0xfffffff0, rw } }
config { own = { 0xa8, { on = rw(0) }, width = 16 }, ext = { 0x204, rw, 0x12345678 } }
]]

describe("moonbar export and import", function()
  for _, name in ipairs { "edu", "exar", "i6300esb", "nvme", "pci_endpoint_test", "pvpanic", "ten" } do
    it(name .. " comes back the same", function()
      local def = device.define("lua/devices/" .. name .. ".lua", {}, true)
      assert.equal(0, #def.mistakes)
      round_trip(def)
    end)
  end

  it("a device with all there is comes back the same", function() round_trip(define(everything)) end)
end)

-- ---- files of others -------------------------------------------------------------------------------------------

local chip_svd = [[
<?xml version="1.0"?>
<device schemaVersion="1.1">
 <name>Chip</name><version>1</version><description>A chip
   of two lines</description><addressUnitBits>8</addressUnitBits><width>32</width>
 <size>0x20</size><resetValue>0</resetValue><resetMask>0xFFFFFFFF</resetMask>
 <peripherals>
  <peripheral><name>UART0</name><description>A UART</description><baseAddress>0x40000000</baseAddress>
   <addressBlock><offset>0</offset><size>0x300</size><usage>registers</usage></addressBlock>
   <registers>
    <register><name>UART0_CTRL</name><description>Control. With more to say of it, and that over so many words that it does
      not fit on one line of a file any more.</description><addressOffset>0x0</addressOffset><resetValue>0x11</resetValue>
     <fields>
      <field><name>EN</name><bitRange>[0:0]</bitRange><access>read-write</access></field>
      <field><name>MODE</name><lsb>1</lsb><msb>2</msb><enumeratedValues><name>Modes</name>
       <enumeratedValue><name>OFF</name><value>0</value></enumeratedValue>
       <enumeratedValue><name>SLOW</name><description>Slow, but sure</description><value>0x1</value></enumeratedValue>
       <enumeratedValue><name>OFF</name><value>#10</value></enumeratedValue>
       <enumeratedValue><name>ANY</name><value>#1x</value></enumeratedValue></enumeratedValues></field>
      <field><name>END</name><bitOffset>3</bitOffset><bitWidth>1</bitWidth></field>
      <field><name>RESERVED</name><bitOffset>8</bitOffset><bitWidth>8</bitWidth></field>
      <field><name>CH%s</name><dim>3</dim><dimIncrement>1</dimIncrement><dimIndex>A-C</dimIndex><bitRange>[16:16]</bitRange></field>
      <field derivedFrom="MODE"><name>MODE2</name><bitRange>[21:20]</bitRange></field>
     </fields></register>
    <register><name>UART0_STAT</name><addressOffset>4</addressOffset><access>read-only</access><fields>
      <field><name>DONE</name><bitRange>[0:0]</bitRange><access>read-write</access><modifiedWriteValues>oneToClear</modifiedWriteValues></field>
      <field><name>SEEN</name><bitRange>[1:1]</bitRange><readAction>clear</readAction></field></fields></register>
    <register><name>UART0_RX</name><addressOffset>8</addressOffset><size>8</size><access>read-only</access></register>
    <register><name>UART0_TX</name><alternateRegister>RX</alternateRegister><addressOffset>8</addressOffset><size>8</size>
      <access>write-only</access></register>
    <register><name>UART0_ID%s</name><dim>4</dim><dimIncrement>4</dimIncrement><addressOffset>0x10</addressOffset></register>
    <register><name>UART0_A0</name><addressOffset>0x20</addressOffset></register>
    <register><name>UART0_A1</name><addressOffset>0x24</addressOffset></register>
    <register><name>UART0_A2</name><addressOffset>0x28</addressOffset></register>
    <register><name>UART0_CH0_LEN</name><description>Length of 0</description><addressOffset>0x40</addressOffset></register>
    <register><name>UART0_CH0_SRC</name><addressOffset>0x44</addressOffset></register>
    <register><name>UART0_CH1_LEN</name><description>Length of 1</description><addressOffset>0x48</addressOffset></register>
    <register><name>UART0_CH1_SRC</name><addressOffset>0x4c</addressOffset></register>
    <cluster><dim>2</dim><dimIncrement>0x20</dimIncrement><name>UART0_DMA[%s]</name><description>A channel</description>
     <addressOffset>0x100</addressOffset>
     <register><name>CTRL</name><addressOffset>0</addressOffset><resetValue>0x3</resetValue></register>
     <register><name>PART%s</name><dim>2</dim><dimIncrement>4</dimIncrement><addressOffset>8</addressOffset></register></cluster>
    <cluster><name>UART0_SUB</name><addressOffset>0x200</addressOffset>
     <cluster><name>DEEP</name><addressOffset>0x10</addressOffset>
      <register><name>X</name><addressOffset>4</addressOffset></register></cluster></cluster>
   </registers></peripheral>
  <peripheral derivedFrom="UART0"><name>UART1</name><baseAddress>0x40001000</baseAddress></peripheral>
  <peripheral><name>TINY</name><baseAddress>0x50000000</baseAddress><registers>
    <register derivedFrom="UART0.UART0_STAT"><name>STAT</name></register></registers></peripheral>
 </peripherals>
</device>
]]

local uart_lua = [[
-- uart0.lua: UART0 of Chip, A UART. Read from FILE (CMSIS-SVD) by moonbar import.
-- What the registers do is to be written here: docs/author.md has the words. The file knew of no PCI device: choose
-- the id.
device "uart0" { id = "1234:0001" }

bar(0, 1*KiB, { doc = "A UART" }) {
  -- Control. With more to say of it, and that over so many words that it does not fit on one line of a file any more.
  ctrl     = { 0x000, 0x00000011, "Control", {
    en      = rw(0),
    mode    = rw(2, 1, {
      [0] = "off",
      "slow",       -- Slow, but sure
      "off_2",
    }),
    end_    = rw(3),
    fixed_4 = const(4, "Named by no field; 1 after a reset"),
    cha     = rw(16),
    chb     = rw(17),
    chc     = rw(18),
    mode2   = rw(21, 20, {
      [0] = "off",
      "slow",       -- Slow, but sure
      "off_2",
    }),
  } },
  stat     = { 0x004, { done = w1c(0), seen = rc(1) } },
  rx       = { 0x008, ro, width = 8 },
  id       = { 0x010, rw, array = 4 },
  a        = { 0x020, rw, array = 3 },
  ch = group(0x040, { 2, stride = 0x8 }) {
    len = { 0x00, rw, "Length of n" },
    src = { 0x04, rw },
  },
  dma = group(0x100, { 2, stride = 0x20 }, "A channel") {
    ctrl = { 0x00, rw, 0x00000003 },
    part = { 0x08, rw, array = 2 },
  },
  sub_deep = group(0x210) {
    x = { 0x04, rw },
  },
  -- tx at 0x08 is another view of rx
}
]]

describe("moonbar import of CMSIS-SVD", function()
  it("writes what a person would", function()
    local lua = assert(import_text(chip_svd, "UART0"))
    assert.equal(uart_lua, (lua:gsub("Read from %S+", "Read from FILE")))
    define(lua)
  end)

  it("derives peripherals and registers, and makes BARs of several", function()
    local def = define((assert(import_text(chip_svd, "UART1", "TINY"))))
    assert.same({ 0x400, 16 }, { def.bars[0].size, def.bars[1].size })
    assert.equal("w1c", def.by_name.stat.field.done.access)
    assert.is_truthy(def.by_name.uart0_stat)            -- UART1's: its rows do not all begin with "uart1_"
    assert.equal(1, def.by_name.stat.bar.n)
  end)

  it("asks which peripheral, and lists them", function()
    local _, why = import_text(chip_svd)
    assert.matches("3 register maps; choose with %-%-peripheral NAME .*UART0, UART1, TINY", why)
    _, why = import_text(chip_svd, "UART2")
    assert.matches('no peripheral "UART2"', why)
    support.with_file(chip_svd, function(path)
      local text = assert(import.list(path))
      assert.matches("CMSIS%-SVD Chip, 3 register maps\n  UART0 +22 registers  0x40000000  A UART\n", text)
      assert.matches("\n  TINY +1 register   0x50000000\n", text)
    end)
  end)
end)

local function ipxact(body, ns, version)
  local text = ([[<?xml version="1.0"?>
<NS:component xmlns:NS="http://www.accellera.org/XMLSchema/IPXACT/VERSION">
<NS:vendor>v</NS:vendor><NS:library>l</NS:library><NS:name>block</NS:name><NS:version>1</NS:version>
<NS:memoryMaps><NS:memoryMap><NS:name>regs</NS:name><NS:description>The registers</NS:description>
]] .. body .. "</NS:memoryMap></NS:memoryMaps></NS:component>\n"):gsub("NS", ns):gsub("VERSION", version)
  return text
end

local body_2014 = [[
<NS:addressBlock><NS:name>main</NS:name><NS:baseAddress>'h1000</NS:baseAddress><NS:range>'h100</NS:range><NS:width>32</NS:width>
 <NS:register><NS:name>CTRL</NS:name><NS:description>Control</NS:description><NS:addressOffset>'h0</NS:addressOffset>
  <NS:size>32</NS:size>
  <NS:field><NS:name>EN</NS:name><NS:bitOffset>0</NS:bitOffset><NS:resets><NS:reset><NS:value>'h1</NS:value></NS:reset></NS:resets>
   <NS:bitWidth>1</NS:bitWidth><NS:access>read-write</NS:access></NS:field>
  <NS:field><NS:name>MODE</NS:name><NS:bitOffset>4</NS:bitOffset><NS:resets><NS:reset><NS:value>2</NS:value></NS:reset></NS:resets>
   <NS:bitWidth>2</NS:bitWidth><NS:enumeratedValues>
    <NS:enumeratedValue><NS:name>IDLE</NS:name><NS:value>0</NS:value></NS:enumeratedValue>
    <NS:enumeratedValue><NS:name>RUN</NS:name><NS:value>'h2</NS:value></NS:enumeratedValue></NS:enumeratedValues></NS:field>
 </NS:register>
 <NS:register><NS:name>IRQ</NS:name><NS:addressOffset>'h8</NS:addressOffset><NS:size>64</NS:size><NS:volatile>true</NS:volatile>
  <NS:field><NS:name>DONE</NS:name><NS:bitOffset>63</NS:bitOffset><NS:bitWidth>1</NS:bitWidth><NS:access>read-write</NS:access>
   <NS:modifiedWriteValue>oneToClear</NS:modifiedWriteValue></NS:field></NS:register>
 <NS:registerFile><NS:name>CH</NS:name><NS:dim>4</NS:dim><NS:addressOffset>'h20</NS:addressOffset><NS:range>'h10</NS:range>
  <NS:register><NS:name>LEN</NS:name><NS:addressOffset>'h4</NS:addressOffset><NS:size>16</NS:size>
   <NS:field><NS:name>LEN</NS:name><NS:bitOffset>0</NS:bitOffset><NS:bitWidth>16</NS:bitWidth></NS:field></NS:register>
 </NS:registerFile>
</NS:addressBlock>
]]

local block_lua = [[
-- block_regs.lua
device "regs" { id = "1234:0001" }

bar(0, 256, { doc = "The registers" }) {
  ctrl = { 0x00, 0x00000021, "Control", { en = rw(0), mode = rw(5, 4, { [0] = "idle", [2] = "run" }) } },
  irq  = { 0x08, width = 64, volatile = true, { done = w1c(63) } },
  ch = group(0x20, { 4, stride = 0x10 }) {
    len = { 0x04, rw, width = 16 },
  },
}
]]

describe("moonbar import of IP-XACT", function()
  it("writes what a person would, from 2014 and 2009", function()
    local want = block_lua:match('device ".*')
    assert.equal(want, assert(import_text(ipxact(body_2014, "ipxact", "1685-2014"))):match('device ".*'))
    assert.equal(want, assert(import_text(ipxact(body_2014, "spirit", "SPIRIT/1685-2009"))):match('device ".*'))
  end)

  it("reads a reset value of the register, dim, and 2022's arrays", function()
    local block = [[<NS:addressBlock><NS:name>b</NS:name><NS:baseAddress>0</NS:baseAddress><NS:range>64</NS:range>
<NS:width>32</NS:width>%s</NS:addressBlock>]]
    local function rows(text)
      return define((assert(import_text((ipxact(block:format(text), "ipxact", "1685-2022")))))).by_name
    end
    local r = rows [[<NS:register><NS:name>a</NS:name><NS:addressOffset>0</NS:addressOffset><NS:size>32</NS:size>
<NS:access>read-only</NS:access><NS:reset><NS:value>0xF0</NS:value><NS:mask>0x30</NS:mask></NS:reset></NS:register>
<NS:register><NS:name>b</NS:name><NS:dim>3</NS:dim><NS:addressOffset>4</NS:addressOffset><NS:size>32</NS:size></NS:register>
<NS:register><NS:name>c</NS:name><NS:array><NS:dim>2</NS:dim><NS:stride>8</NS:stride></NS:array>
<NS:addressOffset>16</NS:addressOffset><NS:size>32</NS:size></NS:register>]]
    assert.equal(0x30ULL, r.a.reset)
    assert.equal("ro", r.a.access)
    assert.same({ 3, 4 }, { r.b.count, r.b.stride })
    assert.same({ 2, 8 }, { r.c.count, r.c.stride })
  end)
end)

-- ---- broken files ------------------------------------------------------------------------------------------------

describe("moonbar import says what is wrong, and where", function()
  local function device_svd(registers)
    return "<device>\n<name>d</name>\n<peripherals><peripheral><name>P</name><baseAddress>0</baseAddress><registers>\n"
      .. registers .. "\n</registers></peripheral></peripherals></device>"
  end
  local function register(text) return device_svd("<register><name>r</name>" .. text .. "</register>") end

  for what, case in pairs {
    ["not XML"] = { "hello", "^1: not well%-formed XML" },
    ["an empty file"] = { "", "^1: not well%-formed XML: no element found" },
    ["a tag that does not end"] = { device_svd "<register>", "^5: not well%-formed XML: mismatched tag" },
    ["cut short"] = { device_svd("<register>"):sub(1, -40), "^5: not well%-formed" },
    ["another kind of XML"] = { "<html><body/></html>", "^1: <html>: neither CMSIS%-SVD" },
    ["entities"] = { '<!DOCTYPE d [<!ENTITY a "aaaa">]>\n<device>&a;</device>', "^1: a document type" },
    ["no peripherals"] = { "<device>\n</device>", "^1: <device> without <peripherals>" },
    ["no offset"] = { register "", "^4: register r: no addressOffset" },
    ["an offset that is none"] = { register "<addressOffset>zero</addressOffset>", '^4: addressOffset is "zero"; right would' },
    ["a huge offset"] = { register "<addressOffset>0xffffffffffff</addressOffset>", "^4: addressOffset is 0xffffffffffff; at most" },
    ["a register beyond 4 GiB"] = { register "<addressOffset>0xfffffffd</addressOffset>", "^4: r at 0xfffffffd: a register stands" },
    ["a field outside"] = { register("<addressOffset>0</addressOffset>\n<fields><field><name>f</name>"
      .. "<bitRange>[35:0]</bitRange></field></fields>"), "^5: field f has bit 35; the register r has 32" },
    ["a field without bits"] = { register "<addressOffset>0</addressOffset><fields><field><name>f</name></field></fields>",
      "^4: field f: no bitRange" },
    ["an access that is none"] = { register "<addressOffset>0</addressOffset><access>often</access>", '^4: access "often"' },
    ["too many registers"] = { register "<dim>65537</dim><dimIncrement>4</dimIncrement><addressOffset>0</addressOffset>",
      "^4: dim is 0x10001; at most 0x10000" },
    ["too many registers, in steps"] = { device_svd(("<register><name>r%%s</name><dim>40000</dim><dimIncrement>4</dimIncrement>"
      .. "<addressOffset>%d</addressOffset></register>\n"):rep(2):format(0, 400000)), "^5: .*more than 65536 registers" },
    ["derived in a circle"] = { device_svd('<register derivedFrom="b"><name>a</name></register>\n'
      .. '<register derivedFrom="a"><name>b</name></register>'), 'goes in a circle' },
    ["derived from nothing"] = { device_svd '\n<register derivedFrom="zz"><name>a</name></register>', '^5: derivedFrom "zz"' },
    ["elements without end"] = { ("<a>"):rep(200), "^1: more than 100 elements" },
    ["no IP-XACT maps"] = { "<component>\n</component>", "^1: <component> without <memoryMaps>" },
    ["a definition elsewhere"] = { (ipxact("<NS:addressBlock><NS:name>b</NS:name><NS:addressBlockDefinitionRef/>"
      .. "<NS:baseAddress>0</NS:baseAddress></NS:addressBlock>", "x", "y")), "definitions in another place" },
  } do
    it(what, function()
      local lua, why = import_text(case[1])
      assert.is_nil(lua)
      assert.matches(case[2], why)
    end)
  end

  it("rows of an exported file that was changed so that they overlap", function()
    local svd = svd_write.text(device.define("lua/devices/edu.lua", {}, true))
    local _, why = import_text((svd:gsub("<addressOffset>0x4<", "<addressOffset>0x2<")))
    assert.matches("^%d+: what was read does not make a device: liveness: liveness %(0x02 to 0x05%) overlaps id "
      .. "%(0x00 to 0x03%); the first", why)
  end)

  it("a file that is too large", function()
    local limit = xml.MAX_BYTES
    xml.MAX_BYTES = 100000
    local _, why = import_text("<device>\n" .. ("<x/>\n"):rep(100000) .. "</device>")
    xml.MAX_BYTES = limit
    assert.matches("^%d+: the file is larger than", why)
  end)

  it("no file, and a directory", function()
    local _, why = import.text("/nonexistent.svd", {})
    assert.matches("^/nonexistent.svd: cannot be read: No such file", why)
    _, why = import.text("/tmp", {})
    assert.matches("^/tmp: cannot be read: it is a directory", why)
  end)

  it("nor are descriptions taken for what they are not", function()
    local def = define((assert(import_text(device_svd("<register><name>a</name><addressOffset>0</addressOffset><description>4"
      .. "</description></register><register><name>b</name><addressOffset>4</addressOffset><description>rw</description></register>")))))
    assert.same({ "4", "rw" }, { def.by_name.a.doc, def.by_name.b.doc })
  end)

  it("text in a file cannot leave its string or its comment", function()
    local evil = '"]] } os.execute "x" --[[ \\" \n) }'
    local svd = register("<addressOffset>0</addressOffset><description>" .. evil:gsub("[&<]", "") .. "</description><fields><field>"
      .. "<name>f</name><bitRange>[0:0]</bitRange><description>" .. (evil .. " "):rep(9) .. "</description></field></fields>")
    local def = define((assert(import_text(svd))))
    assert.equal(1, #def.regs)
    assert.is_truthy(def.by_name.r.doc:find('os.execute "x"', 1, true))
  end)
end)
