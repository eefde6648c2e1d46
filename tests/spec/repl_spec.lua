-- SPDX-License-Identifier: MIT
-- The prompt without a terminal: what lines mean, how values look, what mistakes are told.
-- Try it:  make test-quick, or: busted --lua=luajit tests/spec/repl_spec.lua

package.path = "./lua/lib/?.lua;./lua/lib/?/init.lua;./?.lua;" .. package.path
package.cpath = "./build/?.so;" .. package.cpath

local bit = require "bit"
local ffi = require "ffi"
local mb = require "moonbar"
local commands = require "repl.commands"
local complete = require "repl.complete"
local show = require "repl.show"
local p = dofile "tests/spec/prompt.lua"

local new_prompt, load_device = p.new, p.load

local function load_text(text)
  local dev, path = p.load_text(text)
  os.remove(path)
  return dev
end

local function snapshot(dev)
  local values = {}
  for _, reg in ipairs(dev.registers) do
    if not (reg.is_array or (reg.count or 1) > 1) then
      values[#values + 1] = reg.name .. "=" .. tostring(dev:peek(reg.name))
    end
  end
  return table.concat(values, " ")
end

describe("values", function()
  it("are shown in hexadecimal and decimal", function()
    assert.equal("0x0 (0)", show.value(0))
    assert.equal("0x78 (120)", show.value(120))
    assert.equal("-0x6 (-6)", show.value(-6))
    assert.equal("0xffffffffffffffff (18446744073709551615)", show.value(0xffffffffffffffffULL))
    assert.equal("-0x8000000000000000 (-9223372036854775808)",
      show.value(ffi.cast("int64_t", 0x8000000000000000ULL)))
    assert.equal("0x10000000000000 (4503599627370496)", show.value(2 ^ 52))
  end)

  it("that are no whole numbers are shown as Lua shows them", function()
    assert.equal("0.5", show.value(0.5))
    assert.equal("inf", show.value(math.huge))
    assert.equal("nan", (show.value(0 / 0):gsub("-", "")))
    assert.equal("1e+300", show.value(1e300))
    assert.equal("nil", show.value(nil))
    assert.equal("true", show.value(true))
    assert.equal('"a\\n\\"b\\x00"', show.value 'a\n"b\0')
    assert.equal("{ 0x1 (1), {...}, a = \"x\" }",
      show.value { 1, {}, a = "x" })
  end)

  it("of fields are the bits of the register", function()
    math.randomseed(7)
    for _ = 1, 2000 do
      local lo = math.random(0, 63)
      local hi = math.random(lo, 63)
      local value, want = 0ULL, 0ULL
      for b = 0, 63 do
        if math.random(2) == 2 then
          value = value + bit.lshift(1ULL, b)
          if b >= lo and b <= hi then want = want + bit.lshift(1ULL, b - lo) end
        end
      end
      assert.is_true(show.field(value, { lo = lo, hi = hi }) == want)
    end
  end)
end)

describe("the table of registers", function()
  it("fits the terminal at every width and loses nothing without one", function()
    local rows = {}
    for i = 1, 20 do
      rows[i] = { name = "register_" .. i, value = i, reg = { name = "register_" .. i, offset = 4 * i,
        width = 32, access = "rw", doc = ("Wörter "):rep(i), bar = 0,
        fields = { { name = "low", lo = 0, hi = 3 }, { name = "high", lo = 4, hi = 31 } } } }
    end
    for width = 60, 160 do
      for _, line in ipairs(show.table(rows, width)) do
        assert.is_true(show.length(line) < width, width .. ": " .. line)
      end
    end
    local all = table.concat(show.table(rows, nil), "\n")
    assert.is_truthy(all:find(("Wörter "):rep(20):gsub(" $", ""), 1, true))
    assert.is_nil(all:find("...", 1, true))
  end)
end)

describe("the prompt on edu", function()
  local dev, type_line, prompt

  before_each(function()
    dev = load_device "lua/devices/edu.lua"
    type_line, prompt = new_prompt(100)
  end)

  after_each(function()
    dev:stop()
    dev:free()
  end)

  local function gives(line, want)
    local out, err = type_line(line)
    assert.equal("", err)
    assert.equal(want, out)
  end

  local function fails(line, want)
    local before = snapshot(dev)
    local _, err, verdict = type_line(line)
    assert.equal("error", verdict, line)
    assert.is_truthy(err:find(want, 1, true), err .. "\ninstead of: " .. want)
    assert.equal(before, snapshot(dev))
  end

  it("evaluates expressions and statements", function()
    gives("6 * 7", "0x2a (42)")
    gives("= 6 * 7", "0x2a (42)")
    gives("_ + 1", "0x2b (43)")
    gives("x = 5", "")
    gives("x", "0x5 (5)")
    gives("x = 6; x", "0x6 (6)")
    gives("x = 7;", "")
    gives("1, nil, 'a'", '0x1 (1)\nnil\n"a"')
    gives("", "")
    gives("   -- a remark", "")
  end)

  it("goes on with a statement that is not complete", function()
    for _, line in ipairs { "for i = 1, 3 do", "  y = i", "" } do
      local out, err, verdict = type_line(line)
      assert.same({ "", "", "more" }, { out, err, verdict })
    end
    gives("end", "")
    gives("y", "0x3 (3)")
    assert.equal("more", select(3, type_line "z = {"))
    assert.equal("ok", prompt:abandon())
    gives("1", "0x1 (1)")
    assert.equal("more", select(3, type_line "s = [["))
    gives("two]]", "")
    gives("s", '"two"')
    assert.equal("more", select(3, type_line "1 +"))
    assert.equal("error", prompt:finish())
  end)

  it("peeks and pokes without running a hook", function()
    gives("edu.liveness = 5", "")
    gives("edu.liveness.value", "0x5 (5)")
    gives("edu.status.irqfact = 1", "")
    gives("edu.status.irqfact", "0x1 (1)")
    gives("edu.status.value", "0x80 (128)")
    gives("edu.factorial = 5", "")
    gives("edu.status.computing", "0x0 (0)")
    dev.core:step(1e9)
    gives("edu.factorial.value", "0x5 (5)")
    gives("edu.dma_src = 0xfedcba9876543210ULL", "")
    gives("edu.dma_src.value", "0xfedcba9876543210 (18364758544493064720)")
    gives('edu.dma_cmd.dir = "to_ram"', "")
    gives("edu.dma_cmd.value", "0x2 (2)")
  end)

  it("reads and writes as the driver would", function()
    gives("edu.liveness:write(0x1234)", "")
    gives("edu.liveness:read()", "0xffffedcb (4294962635)")
    gives("edu.factorial:write(5)", "")
    gives("edu.status.computing", "0x1 (1)")
    dev.core:step(1e9)
    gives("edu.factorial:read()", "0x78 (120)")
  end)

  it("lets a register stand for its value in arithmetic and comparison", function()
    gives("edu.liveness = 12", "")
    gives("edu.liveness == 12, 12 == edu.liveness, edu.liveness == 13, edu.liveness == nil",
      "true\ntrue\nfalse\nfalse")
    gives("edu.liveness + 1, 2 * edu.liveness, -edu.liveness",
      "0xd (13)\n0x18 (24)\n-0xc (-12)")
    gives("edu.liveness < 13, edu.liveness <= 11", "true\nfalse")
    gives("bit.band(edu.liveness, 4), tonumber(edu.liveness)", "0x4 (4)\n0xc (12)")
    gives("edu.dma_dst = edu.liveness", "")
    gives("edu.dma_dst == edu.liveness", "true")
    gives("edu.factorial:write(edu.liveness)", "")
  end)

  it("shows a register with its fields", function()
    type_line "edu.dma_cmd = 3"
    local out = type_line "edu.dma_cmd"
    assert.is_truthy(out:find "^edu.dma_cmd = 0x0000000000000003 %(3%)   BAR 0 %+ 0x98, 64 bits")
    assert.is_truthy(out:find "dir +%[1%] +rw +0x1 %(1%) +to_ram")
  end)

  it("keeps registers live in variables", function()
    type_line "r = edu.liveness"
    type_line "edu.liveness = 1"
    gives("r == 1", "true")
    type_line "edu.liveness = 2"
    gives("r == 2", "true")
  end)

  it("names the thing in its errors, and changes nothing", function()
    fails("edu.livness", "edu has no register 'livness'; did you mean 'liveness'?")
    fails("edu.zzzzzz = 1", "edu has no register 'zzzzzz'; `regs edu` lists its")
    fails("edu.status.compting", "edu.status has no field 'compting'; did you mean 'computing'?")
    fails("edu.liveness.x = 1", "edu.liveness has no field 'x': it has no fields")
    fails("edu.status.irqfact = 2", "0x2 (2) does not fit edu.status.irqfact: 1 bit, 0 to 0x1")
    fails("edu.liveness = 2^32", "does not fit edu.liveness: 32 bits, 0 to 0xffffffff")
    fails("edu.liveness = -2^31 - 1", "does not fit edu.liveness")
    fails("edu.liveness = 1.5", "edu.liveness takes a whole number of 32 bits, not 1.5")
    fails("edu.liveness = 'a'", "edu.liveness takes a number, not a string")
    fails("edu.liveness = nil", "edu.liveness takes a number, not a nil")
    fails("edu.liveness:write()", "edu.liveness takes a number")
    fails("edu.liveness:write(2^32)", "does not fit edu.liveness")
    fails('edu.dma_cmd.dir = "to_rum"', "edu.dma_cmd.dir has no value 'to_rum'; did you mean 'to_ram'?")
    fails("edu.liveness[1]", "edu.liveness is not an array")
    fails("edu = 1", "edu is the device; to set a register: edu.REGISTER = VALUE")
    fails("liveness", "nothing is called 'liveness' here; did you mean 'edu.liveness'?")
    fails("livenes", "nothing is called 'livenes' here; did you mean 'edu.liveness'?")
    fails("x = 1; y z", "'=' expected near 'z'")
    fails("eddu.status", "nothing is called 'eddu' here; did you mean 'edu'?")
    fails("reg edu", "did you mean the command `regs`?")
    fails("regs edu zzz", "no register is called 'zzz'")
    fails("help zzz", "there is no help on 'zzz'")
    fails("irq edu 99", "edu has no vector 99: only 0")
    fails("irq edu -1", "irq takes a vector number")
    fails("irq foo 0", "there is no device 'foo'")
    fails("error{}", "{}")
    fails("error()", "nil")
    fails("error(setmetatable({}, {__tostring = function() return 'mine' end}))", "mine")
    fails("'abc", "unfinished string")
    type_line "local here = 1"
    fails("here", "a local lasts for one line")
  end)

  it("says what the driver's side cannot do on the kernel's bus, where peek and poke work", function()
    local bus = dev.bus
    dev.bus = "pciem"
    fails("edu.liveness:read()", "not supported yet: edu is on pciem")
    fails("edu.liveness:write(5)", "not supported yet: edu is on pciem")
    gives("edu.liveness = 6", "")
    gives("edu.liveness.value", "0x6 (6)")
    dev.bus = bus
  end)

  it("takes negative numbers that fit as two's complement", function()
    gives("edu.liveness = bit.bnot(5)", "")
    gives("edu.liveness.value", "0xfffffffa (4294967290)")
    gives("edu.liveness = -6", "")
    gives("edu.liveness.value", "0xfffffffa (4294967290)")
  end)

  it("has bit operations that are unsigned, as registers are", function()
    gives("bnot(5), bit.bnot(5)", "0xfffffffa (4294967290)\n0xfffffffa (4294967290)")
    gives("bit.bor(2^31, 1), bit.lshift(1, 31)", "0x80000001 (2147483649)\n0x80000000 (2147483648)")
    gives("bit.tobit(0xffffffff), bit.arshift(-8, 1)", "-0x1 (-1)\n-0x4 (-4)")
    gives("bnot(5ULL)", "0xfffffffffffffffa (18446744073709551610)")
  end)

  it("refuses words too many", function()
    fails("regs edu irq foo", "regs: \"foo\" is one word too many; it is `regs [DEVICE] [PATTERN]`")
    fails("irq edu 0 1", "irq: \"1\" is one word too many; it is `irq [DEVICE] VECTOR`")
    fails("help regs irq", "help: \"irq\" is one word too many")
    fails("quit now", "quit: \"now\" is one word too many; it is `quit`")
    fails("regs(edu, 'irq', 5)", "regs: 0x5 (5) is one word too many")
    assert.equal((type_line "regs edu irq*"), (type_line 'regs edu "irq*"'))
  end)

  it("shows the beginning of a long string", function()
    local out = type_line '("x"):rep(5000)'
    assert.is_true(#out < 400)
    assert.is_truthy(out:find("... (5000 bytes", 1, true))
    gives('("x"):rep(100)', '"' .. ("x"):rep(100) .. '"')
    gives("edu.dma_src = -1", "")
    gives("edu.dma_src = -1", "")
    gives("edu.dma_src.value", "0xffffffffffffffff (18446744073709551615)")
  end)

  it("pokes a field and leaves every other bit alone", function()
    math.randomseed(11)
    local places = {}
    for _, reg in ipairs(dev.registers) do
      for _, f in ipairs(reg.fields or {}) do places[#places + 1] = { reg, f } end
    end
    for _ = 1, 300 do
      local reg, f = unpack(places[math.random(#places)])
      local before = show.u64(dev:peek(reg.name))
      local v = math.random(0, tonumber(show.mask(math.min(20, f.hi - f.lo + 1))))
      gives(("edu.%s.%s = %d"):format(reg.name, f.name, v), "")
      local mask = bit.lshift(show.mask(f.hi - f.lo + 1), f.lo)
      local want = bit.bor(bit.band(before, bit.bnot(mask)), bit.lshift(show.u64(v), f.lo))
      assert.is_true(show.u64(dev:peek(reg.name)) == want)
    end
  end)

  it("lists the registers, all or some", function()
    local all = type_line "regs"
    for _, reg in ipairs(dev.registers) do
      assert.is_truthy(all:find(" " .. reg.name .. " ", 1, true), reg.name)
    end
    assert.equal(all, (type_line "regs edu"))
    assert.equal(all, (type_line "regs()"))
    local some = type_line "regs edu irq"
    assert.is_truthy(some:find "irq_raise")
    assert.is_nil(some:find "liveness")
    assert.equal(some, (type_line "regs irq*"))
    assert.equal(some, (type_line 'regs("edu", "irq")'))
  end)

  it("looks at registers without changing them", function()
    type_line "edu.irq_raise:write(1)"
    local before = snapshot(dev)
    for _, line in ipairs { "regs", "edu", "edu.irq_status", "help edu.dma_cmd", "edu.irq_ack.value" } do
      assert.equal("ok", select(3, type_line(line)))
    end
    assert.equal(before, snapshot(dev))
  end)

  it("fires an interrupt, with a cause the driver finds", function()
    local driver = mb.driver "edu"
    assert.equal("edu: vector 0 raised (INTx), cause irq_status.fact set", (type_line "irq edu 0"))
    assert.equal(1, driver:irq_take(0))
    assert.equal(1, driver.irq_status.fact)
    driver.irq_ack = 1
    assert.equal(0, driver:irq_take(0))
    assert(driver:enable "msi")
    assert.equal("edu: vector 0 raised (MSI), cause irq_status.fact set", (type_line "irq edu 0"))
    assert.equal(1, driver:irq_take(0))
    assert.equal("edu: vector 0 raised (MSI), cause in irq_status", (type_line "irq(0)"))
    assert.equal(1, driver:irq_take(0))
    assert.equal(0, driver:irq_take(0))
  end)

  it("offers names at TAB", function()
    assert.equal("edu.liveness", complete.line(prompt, "x = edu.liv"))
    assert.equal("edu.dma_\nedu.dma_cmd\nedu.dma_cnt\nedu.dma_dst\nedu.dma_src",
      complete.line(prompt, "edu.dma"))
    assert.equal("edu.status.irqfact", complete.line(prompt, "edu.status.i"))
    assert.equal("edu.status:read()", complete.line(prompt, "edu.status:r"))
    assert.equal("regs", complete.line(prompt, "reg"))
    assert.equal("edu", complete.line(prompt, "regs e"))
    assert.equal("quit", complete.line(prompt, "help q"))
    assert.is_nil(complete.line(prompt, "edu.zzz"))
    assert.is_nil(complete.line(prompt, "zzz.zzz"))
  end)
end)

describe("arrays of registers", function()
  it("are reached by their index", function()
    local dev = load_text [[
      device "ring" { id = "1234:5679", intx = true }
      bar(0, 4096) {
        slot = { 0x10, rw, "A slot", { low = rw(3, 0), high = rw(31, 4) }, array = {4, stride = 8} },
        many = { 0x100, rw, array = {64, stride = 4} },
      }
    ]]
    local type_line = new_prompt(100)
    local function gives(line, want)
      local out, err = type_line(line)
      assert.equal("", err)
      assert.equal(want, out)
    end
    gives("ring.slot[2] = 0x15", "")
    gives("ring.slot[2].high", "0x1 (1)")
    gives("ring.slot[2].low = 3", "")
    gives("ring.slot[2]:read()", "0x13 (19)")
    gives("ring.slot[3]:write(7)", "")
    gives("ring.slot[3].value, ring.slot[1].value", "0x7 (7)\n0x0 (0)")
    for line, want in pairs {
      ["ring.slot[4]"] = "ring.slot[4] does not exist: ring.slot is an array of 4, 0 to 3",
      ["ring.slot = 1"] = "ring.slot is an array of 4 registers: say which, ring.slot[0] to ring.slot[3]",
      ["ring.slot.low"] = "ring.slot is an array of 4 registers",
      ["ring.slot[1][1]"] = "ring.slot[1] is not an array",
    } do
      local _, err = type_line(line)
      assert.is_truthy(err:find(want, 1, true), err)
    end
    local out = type_line "regs"
    assert.is_truthy(out:find "0x20 +slot%[2%] +rw +0x00000013 +low=3 high=1")
    assert.is_truthy(out:find "many%[0%.%.63%]")
    out = type_line "help ring.many"
    assert.is_truthy(out:find("64 registers of 32 bits", 1, true))
    assert.equal("ring: vector 0 raised (INTx)", (type_line "irq 0"))
    dev:stop()
    dev:free()
  end)
end)

describe("groups and configuration space", function()
  it("are at the prompt what they are in code", function()
    local path = os.tmpname()
    local f = assert(io.open(path, "w"))
    f:write [[device "g" { id = "1234:0001" }
      config { setup = { 0x60, { on = rw(0) }, width = 16 } }
      bar(0, 4096) {
        ch  = group(0x100, { 4, stride = 0x20 }) { ctrl = { 0, { irq = rw(2) } }, len = { 4, rw, 7 } },
        one = group(0x200) { a = { 0, rw } },
      }]]
    f:close()
    local dev = load_device(path)
    os.remove(path)
    local type_line = new_prompt(100)
    for _, case in ipairs {
      { "g.ch[1].len = 5", "" }, { "g.ch[1].len.value", "0x5 (5)" }, { "g.ch[2].len + 1", "0x8 (8)" },
      { "g.ch[2].ctrl.irq = 1", "" }, { "g.ch[2].ctrl:read()", "0x4 (4)" },
      { "g.one.a:write(9)", "" }, { "g.one.a == 9", "true" },
      { "g.ch", "g.ch[0..3]: ctrl, len" }, { "g.ch[3]", "g.ch[3]: ctrl, len" },
      { "g.setup.on = 1", "" }, { "g.setup:read()", "0x1 (1)" },
      { "g.setup", "g.setup = 0x0001 (1)   configuration space + 0x60, 16 bits, rw\n  on  [0]  rw  0x1 (1)" },
    } do
      local out, err = type_line(case[1])
      assert.equal("", err, case[1])
      assert.equal(case[2], out)
    end
    for line, want in pairs {
      ["g.ch[4]"] = "g.ch[4] does not exist: there are 0 to 3",
      ["g.ch[0].lne"] = "g.ch[0] has no register 'lne'; did you mean 'len'?",
      ["g.ch.len"] = "g.ch is an array of groups: say which, g.ch[0].len",
      ["g.one[0]"] = "g.one is not an array of groups",
    } do
      assert.is_truthy(select(2, type_line(line)):find(want, 1, true), line)
    end
    assert.equals(5, dev:peek "ch[1].len")
    local table_of_registers = type_line "regs"
    assert.is_truthy(table_of_registers:find(" ch[1].len ", 1, true))
    assert.is_truthy((type_line "g.ch[1].len"):find("^g%.ch%[1%]%.len = 0x00000005"))
    dev:free()
  end)

  it("are named as one types them, also of a second device of one name", function()
    local text = [[device "g" { id = "1234:0001" }
      bar(0, 4096) { ch = group(0x100, { 4, stride = 0x20 }) { len = { 4, rw, 7 } }, a = { 0, rw } }]]
    local first, second = load_text(text), load_text(text)
    local type_line = new_prompt(100)
    for line, want in pairs {
      ['device("g#2").ch[1].len = -1/2'] = 'device("g#2").ch[1].len takes a whole number',
      ['device("g#2").ch.len'] = 'device("g#2").ch is an array of groups: say which, device("g#2").ch[0].len',
      ['device("g#2").b'] = 'g#2 has no register',
    } do
      assert.is_truthy(select(2, type_line(line)):find(want, 1, true), line .. ": " .. select(2, type_line(line)))
    end
    assert.is_truthy((type_line 'device("g#2").a'):find('device("g#2").a = 0x', 1, true))
    second:free()
    first:free()
  end)
end)

describe("the table of commands", function()
  it("has a doc and an example for every word", function()
    assert.is_true(#commands.list > 6)
    for _, entry in ipairs(commands.list) do
      assert.is_string(entry.name)
      assert.is_string(entry.args)
      assert.is_truthy(type(entry.doc) == "string" and entry.doc:find "^%u.*%.$", entry.name)
      assert.is_truthy(type(entry.example) == "string" and #entry.example > 0, entry.name)
    end
  end)

  it("has examples that work on edu, and help that says all of it", function()
    local dev = load_device "lua/devices/edu.lua"
    for _, entry in ipairs(commands.list) do
      local type_line = new_prompt(nil)
      local _, err, verdict = type_line(entry.example)
      assert.equal("", err, entry.example)
      assert.equal(entry.name == "quit" and "quit" or "ok", verdict)
      local out = type_line("help " .. entry.name)
      assert.is_truthy(out:find(entry.doc, 1, true) and out:find(entry.example, 1, true), entry.name)
      assert.is_truthy(type_line("help"):find(entry.doc, 1, true))
    end
    dev:stop()
    dev:free()
  end)
end)
