-- SPDX-License-Identifier: MIT
-- Registers as code sees them: values, fields, arrays, hooks, what happens when hooks fail, guest errors.
--
-- Try it:  luajit /usr/bin/busted tests/spec/language_spec.lua
local bit = require "bit"
local support = dofile "tests/spec/support.lua"
local device = support.device

local seen = support.seen(before_each, after_each)

local head = 'local seen = require "seen"\n'

describe("values", function()
  it("are numbers to 32 bits and uint64_t above", function()
    local dev, t = device [[ a = { 0, rw, width = 8 }, b = { 2, rw, width = 16 }, c = { 4, rw },
      d = { 8, rw, width = 64 }, ]]
    t.a, t.b, t.c, t.d = 0x12, 0x3456, 0x89abcdef, 0x123456789abcdef0ULL
    assert.equals(0x12, dev.model.a)
    assert.equals(0x3456, dev.model.b)
    assert.equals(0x89abcdef, dev.model.c)
    assert.equals("number", type(dev.model.c))
    assert.equals("cdata", type(dev.model.d))
    assert.is_true(dev.model.d == 0x123456789abcdef0ULL)
    assert.is_true(t.d == 0x123456789abcdef0ULL)
  end)

  it("are reduced to the width", function()
    local dev = device [[ a = { 0, rw, width = 8 }, c = { 4, rw }, d = { 8, rw, width = 64 },
      f = { 16, { x = rw(6, 4), y = rw(7) } }, ]]
    local m = dev.model
    m.a, m.c = 0x1ff, bit.bnot(0)
    assert.equals(0xff, m.a)
    assert.equals(0xffffffff, m.c)
    m.c = 0x1234567890
    assert.equals(0x34567890, m.c)
    m.c = 0xfffffffffffffff5ULL
    assert.equals(0xfffffff5, m.c)
    m.d = -1
    assert.is_true(m.d == 0xffffffffffffffffULL)
    m.d = 2 ^ 52 + 1
    assert.is_true(m.d == 0x10000000000001ULL)
    m.f.x = 9
    assert.equals(1, m.f.x)
    m.f.x = -1
    assert.equals(7, m.f.x)
    assert.equals(0x70, m.f.value)
    assert.has_error(function() m.f.x = true end)       -- a truth is one bit
    m.f.y = true
    assert.equals(1, m.f.y)
    m.f.y = false
    assert.equals(0, m.f.y)
    m.a = -1
    assert.equals(0xff, m.a)
  end)

  it("refuse what is no number", function()
    local dev = device [[ a = { 0, rw }, f = { 16, { x = rw(6, 4) } }, ]]
    for _, v in ipairs { {}, 1.5, true, "5", function() end, 0 / 0, 1 / 0 } do
      assert.has_error(function() dev.model.a = v end)
      assert.has_error(function() dev.model.f.x = v end)
    end
    assert.has_error(function() dev.model.b = 1 end)
    assert.has_error(function() return dev.model.b end)
  end)

  it("stand in fields at any place of 64 bits", function()
    local dev, t = device [[ r = { 0, { a = rw(7, 0), b = rw(39, 28), hi = rw(63, 40) }, width = 64 },
      w = { 8, { low = rw(31, 0), high = rw(63, 32) }, width = 64 }, x = { 16, { most = rw(59, 4) }, width = 64 }, ]]
    local m = dev.model
    m.r.a, m.r.b, m.r.hi = 0x5a, 0xabc, 0x123456
    assert.equals("0x123456abc000005a", ("0x%s"):format(bit.tohex(m.r.value)))
    assert.equals(0xabc, m.r.b)
    assert.equals(0x123456, m.r.hi)
    assert.is_true(t.r.value == 0x123456abc000005aULL)
    assert.equals(0xabc, t.r.b)
    m.w.low, m.w.high = 0xfedcba98, 0x87654321
    assert.equals(0xfedcba98, m.w.low)
    assert.equals(0x87654321, m.w.high)
    assert.is_true(m.w.value == 0x87654321fedcba98ULL)
    m.x.most = 0xffffffffffffffULL
    assert.is_true(m.x.value == 0x0ffffffffffffff0ULL)
    assert.is_true(m.x.most == 0xffffffffffffffULL)
  end)

  it("take enum names, a table of fields, and the whole by .value or ()", function()
    local dev, t = device [[ r = { 0, { dir = rw(1, { [0] = "down", "up" }), n = rw(7, 4) } }, ]]
    local m = dev.model
    m.r.dir = "up"
    assert.equals(1, m.r.dir)
    m.r = { n = 5, dir = "up" }
    assert.equals(0x52, m.r.value)
    assert.equals(0x52, m.r())
    m.r.value = 0x30
    assert.equals(3, m.r.n)
    t.r = { dir = "up" }
    assert.equals(2, m.r())
    t.r.n = 15
    assert.equals(0xf2, t:read "r")
    assert.has_error(function() m.r.dir = "sideways" end)
    assert.has_error(function() m.r.dri = 1 end)
    assert.equals("r 0x000000f2 dir=up n=15", tostring(m.r))
  end)

  it("compare and calculate with a register that has fields as with its number", function()
    local dev, t = device([[ r = { 0, { a = rw(3, 0), b = rw(7, 4) } },
      w = { 8, { hi = rw(63, 32), lo = rw(31, 0) }, width = 64 },
      h = { 16, { go = rw(0), n = rw(7, 4) }, write = function(dev, v, access)
        seen.eq, seen.lt, seen.band, seen.sum = v == 0x31, v < 0x32, band(v, 0xf0), v + dev.r
      end }, ]], head)
    for _, r in ipairs { dev.model.r, t.r } do
      assert.is_true(r == 0 and r ~= 1 and 0 == r and r < 1 and r <= 0 and 1 > r)
    end
    t.r = 0x52
    for _, r in ipairs { dev.model.r, t.r } do
      assert.is_true(r == 0x52 and r ~= 0 and r > 0x51 and 0x53 > r)
      assert.same({ 0x53, 0x51, 0xa4, 0x29, 2, -0x52 }, { r + 1, r - 1, r * 2, r / 2, r % 16, -r })
      assert.is_false(r == "x" or r == nil or r == true)
      assert.equals("r 0x00000052 a=2 b=5!", r .. "!")
      assert.has_error(function() return r + {} end)
      assert.has_error(function() return r < "x" end)
    end
    dev.model.w = 0x8000000100000002ULL
    assert.is_true(dev.model.w == 0x8000000100000002ULL and t.w ~= 2)
    t.h = 0x31
    assert.same({ eq = true, lt = true, band = 0x30, sum = 0x83 }, seen)
    dev.model.r = t.h
    assert.is_true(dev.model.r == 0x31)
  end)

  it("that do not fit are refused from a driver", function()
    local dev, t = device [[ a = { 0, rw, width = 8 }, r = { 4, { f = rw(3, 1), one = rw(0) } },
      w = { 8, rw, width = 64 }, ]]
    for text, f in pairs {
      ["0x100 does not fit into a, which has 8 bits"] = function() t.a = 0x100 end,
      ["0xffffffffffffff7f does not fit into a, which has 8 bits"] = function() t:write("a", -129) end,
      ["0x8 does not fit into r.f, which has 3 bits"] = function() t.r.f = 8 end,
      ["0x2 does not fit into r.one, which has 1 bit"] = function() t.r = { one = 2 } end,
      ["does not fit into w, which has 64 bits"] = function() t.w = 2 ^ 64 end,
      ["a: 1.5 is no whole number"] = function() t.a = 1.5 end,
      ["a: right would be a number, not true"] = function() t.a = true end,
    } do
      local ok, message = pcall(f)
      assert.is_false(ok, text)
      assert.matches(text, message, 1, true)
    end
    t.a = -1
    assert.equals(0xff, dev:peek "a")
    t.r.f, t.w = 7, bit.bnot(0ULL)
    assert.equals(7, dev.model.r.f)
  end)

  it("peek and poke go by path", function()
    local dev = device [[ r = { 0, { f = rw(7, 4) }, reset = 0x20, array = {2} }, c = { 0x10, const, 7 }, ]]
    assert.equals(2, dev:peek "r[1].f")
    dev:poke("r[1].f", 5)
    assert.equals(0x50, dev:peek "r[1]")
    assert.equals(0x20, dev:peek "r[0]")
    assert.equals(7, dev:peek "c")
    assert.has_error(function() dev:peek "r" end)
    assert.has_error(function() dev:peek "r[2]" end)
    assert.has_error(function() dev:peek "q" end)
    assert.has_error(function() dev.model.c = 1 end)
  end)
end)

describe("hooks", function()
  it("get the new value, and store what they return", function()
    local dev, t = device [[
      keep = { 0, rw, write = function(dev, v) end },
      other = { 4, rw, write = function(dev, v) return v + 1 end },
      drop = { 8, rw, 7, write = function(dev, v) return drop end },
      minus = { 12, rw, write = function(dev, v) return bnot(v) end },
      wide = { 16, rw, width = 64, write = function(dev, v) return bnot(v) end }, ]]
    t.keep, t.other, t.drop, t.minus, t.wide = 5, 5, 5, 5, 5
    assert.same({ 5, 6, 7, 0xfffffffa }, { t.keep, t.other, t.drop, t.minus })
    assert.is_true(t.wide == bit.bnot(5ULL))
    t.other = 0xffffffff
    assert.equals(0, t.other)
    assert.is_truthy(dev)
  end)

  it("see value, old and raw of an access, and the element", function()
    local _, t = device([[
      a = { 0, w1c, 0xff, write = function(dev, v, access)
        seen.a = { v, access.old, access.raw, access.index, access.name } end },
      b = { 0x10, rw, array = {4, stride = 8},
        write = function(dev, v, access, i) seen.b = { v, i, access.index } end },
      d = { 0x40, rw, width = 64,
        write = function(dev, v, access) seen.d = { v, access.old, access.raw } end }, ]], head)
    t.a = 0x0f
    assert.same({ 0xf0, 0xff, 0x0f, 0, "a" }, seen.a)
    t.b[3] = 77
    assert.same({ 77, 3, 3 }, seen.b)
    t.d = 5
    t.d = 6
    assert.is_true(seen.d[1] == 6ULL and seen.d[2] == 5ULL and seen.d[3] == 6ULL)
  end)

  it("get a register with fields as a view of their own", function()
    local dev, t = device([[
      r = { 0, { go = rw(0), n = rw(7, 4), busy = ro(8) }, write = function(dev, v)
        seen.n, seen.go = v.n, v.go
        v.n = 3
        if v.go == 1 then return v end
      end }, ]], head)
    t.r = 0x91
    assert.same({ n = 9, go = 1 }, seen)
    assert.equals(0x31, dev.model.r.value)
    t.r = 0x90
    assert.equals(0x90, dev.model.r.value)
  end)

  it("answer reads", function()
    local dev, t = device [[
      a = { 0, ro, 5, read = function(dev, stored) return stored + 1 end },
      b = { 4, ro, 5, read = function() end },
      c = { 8, { x = ro(3, 0), y = ro(7, 4) }, read = function(dev, v) v.x = 9; return v end },
      d = { 16, ro, width = 64, read = function() return 0x8000000000000000ULL end },
      e = { 24, ro, read = function() return { x = 1 } end }, ]]
    assert.equals(6, t.a)
    assert.equals(5, dev:peek "a")
    assert.equals(5, t.b)
    assert.equals(9, t:read "c")
    assert.is_true(t.d == 0x8000000000000000ULL)
    assert.equals(0, t.e)       -- an answer that is none: told, and the stored value is read
    assert.matches("e: a read hook returns a number, or nothing for the stored value; this one returned a table, "
      .. "and the register has no fields; the driver reads the stored value", support.take_said(), 1, true)
  end)

  it("run for bus accesses only", function()
    local dev, t = device([[ a = { 0, rw, write = function() seen.n = (seen.n or 0) + 1 end }, ]], head)
    dev.model.a = 5
    dev:poke("a", 6)
    assert.is_nil(seen.n)
    t.a = 7
    assert.equals(1, seen.n)
  end)

  it("that return what is no value are told, on their line, and what follows", function()
    for _, text in ipairs { "true", "false", "1.5", "{}", "'x'", "dev", "0/0" } do
      for _, what in ipairs { "write", "read" } do
        local dev, t = device(("a = { 0, rw, 7,\n %s = function(dev, v) return %s end },"):format(what, text))
        if what == "write" then t.a = 9 end
        assert.equals(what == "write" and 9 or 7, t.a)
        assert.matches("^t: a, " .. what .. " hook: /.-:5: a: a " .. what .. " hook returns a number",
          support.take_said())
        dev:free()
      end
    end
    local _, t = device "a = { 0, ro, 7, read = function() return drop end },"
    assert.equals(7, t.a)
    assert.matches("a: a read hook returned drop; only a write can be dropped", support.take_said(), 1, true)
  end)

  it("ring doorbells, with the index", function()
    local dev, t = device([[
      sq = { 0x1000, "tail", doorbell = function(dev, v, i) seen[#seen + 1] = ("sq%d=%d"):format(i, v) end,
        array = {3, stride = 8} },
      cq = { 0x1004, doorbell = function(dev, v, i) seen[#seen + 1] = ("cq%d=%d"):format(i, v) end,
        array = {3, stride = 8} }, ]], head)
    t.sq[0], t.cq[2], t.sq[1] = 5, 6, 7
    table.sort(seen)
    assert.same({ "cq2=6", "sq0=5", "sq1=7" }, seen)
    assert.equals(0, t.sq[0])
    assert.equals(0, dev:peek "sq[0]")
  end)

  it("that raise keep the session alive, and are told once", function()
    local _, t = device [[
      a = { 0, rw, write = function(dev, v) error "broken" end },
      b = { 4, ro, 9, read = function(dev, v) local x = nil; return x.y end },
      c = { 8, rw, write = function(dev, v) dev["nothing"] = 1 end },
      d = { 12, rw, write = function(dev, v) return "x" end }, ]]
    for i = 1, 3 do t.a = i end
    assert.equals(3, t.a)
    local said = support.take_said()
    assert.matches("^t: a, write hook: /.-:4: broken; the write is kept", said)
    assert.equals(select(2, said:gsub("broken", "")), 1)
    assert.equals(9, t.b)
    assert.matches("^t: b, read hook: /.-:5: attempt to index local 'x' %(a nil value%); "
      .. "the driver reads the stored value", support.take_said())
    t.c = 1
    assert.matches("c, write hook: /.-:6: t has no register 'nothing'", support.take_said())
    t.d = 1
    assert.matches("d: a write hook returns a number, drop or nothing; this one returned a string",
      support.take_said(), 1, true)
    assert.equals(1, t.d)
  end)

  it("are told on the author's line, whatever part of the library finds it", function()
    local cases = { "dev.f.x = 'w'", "dev.f.y = 1", "dev.f = { x = {} }", "dev.c = 4", "dev.ar[2] = 4", "dev.ar = 4",
      "dma_read(0, 5)", "dma_list():read(0, 5)", "raise 'a.b'", "raise(99)", "raise 'st'",
      "level(0, 1)", "level(77, true)", "after(1, 'no')",
      "buffer(4):u32(2)", "buffer(4):at(5)", "local x = dev.no", "local x = buffer(4)[0]", "buffer(4).x = 1",
      "dma_read(buffer(4), 0)", "dma_write()", "dev.h = band(v, nil)", "return v + access",
      "dev.ar[access] = 1", "cancel()", "local x = access.size" }
    for _, case in ipairs(cases) do
      -- under other names, or `moonbar check` would find it before it runs
      local code = case:gsub("dev%.", "m."):gsub("^raise", "interrupt"):gsub("^after", "later")
      local dev, t = device("f = { 4, { x = rw(3, 0, { [0] = 'u', 'v' }) } }, c = { 8, const, 3 }, "
        .. "ar = { 0x10, rw, array = {2} }, st = { 0x30, { x = ro(0) }, vector = 0 },"
        .. "\nh = { 0, rw, write = function(dev, v, access) local m, interrupt, later = dev, raise, after\n" .. code
        .. "\nend },")
      t.h = 1
      local said = support.take_said()
      assert.matches("^t: .*h, write hook: .*/[%w_]+:6", said, case .. "\n" .. said)
      dev:free()
    end
    local _, t = device "f = { 4, { x = rw(3, 0) } }, a = { 0, rw },"
    for _, f in ipairs { function() t.f.x = "w" end, function() t.f = { y = 1 } end, function() t.a = {} end,
      function() t:write("f.z", 1) end, function() t:bus_read(0, 0, 3) end, function() t:bus_write(7, 0, 4, 0) end } do
      local line = debug.getinfo(f, "S").linedefined
      assert.matches("^[^:]*tests/spec/language_spec.lua:" .. line .. ": ", select(2, pcall(f)))
    end
  end)

  it("are told where they begin, if a tail call left no trace of them", function()
    local dev, t = device [[ a = { 0, rw,
      write = function(dev, v) return raise("noth" .. "ing") end },
      c = { 8, ro,
        read = function(dev, v) return buffer(4):u32(2) end }, ]]
    local said = function() return support.take_said() end
    t.a = 1
    assert.matches('^t: a, write hook: [^:]+:5: raise "nothing"', said())
    assert.equals(0, t.c)
    assert.matches("^t: guest error: c, read hook: 4 bytes from byte 2 on are outside a span of 4 bytes %([^:]+:7%)",
      said())
    assert.is_table(dev)
  end)

  it("that take the access for the index are told so", function()
    local _, t = device [[ a = { 0, rw, array = {4}, write = function(dev, v, i) dev.b[i + 1] = v end },
      b = { 0x10, rw, array = {4}, write = function(dev, v, i) dev.a[i] = v end }, ]]
    t.a[1], t.b[1] = 5, 5
    local said = support.take_said()
    assert.matches("a: the third argument of a hook is the access; the index is the fourth", said, 1, true)
    assert.matches("a[the access to b]: right would be a[0] to a[3]; a hook's index is its fourth argument", said, 1,
      true)
  end)

  it("are told what their words lack", function()
    for code, message in pairs {
      ["dma_read(buffer(4), 16)"] = "DMA: the bus address is a span; it stands first: dma_read(bus_address, span)",
      ["dma_read(nil, buffer(4))"] = "DMA: the bus address is nil; right would be dma_read(dev.address, span)",
      ["dma_read(-1, buffer(4))"] = "DMA: the bus address is -1",
      ["return bor(v, nil)"] = "bor: argument 2 is nil; right would be bor(a, b)",
      ["return bnot(nil)"] = "bnot: argument 1 is nil; right would be bnot(a)",
      ["dev.h = nil"] = "h: right would be a number, not nil",
      ["guest_error('bad %d of %s', 1)"] =
        "guest error: bad %d of %s (the format wants 2 values and has 1)",
      ["log('%d', 'x')"] = "%d (the format wants 1 value: value 2 (number expected, got string))",
      ["log('wrote', v, 'twice')"] = "wrote 1 twice",
      ["log('%d%%', 50)"] = "t: 50%",
    } do
      local dev, t = device("h = { 0, rw, write = function(dev, v)\n" .. code .. "\nend },")
      t.h = 1
      assert.matches(message, support.take_said(), 1, true)
      dev:free()
    end
  end)

  it("find unknown names at run time too", function()
    local _, t = device [[ a = { 0, rw, write = function(dev, v) local n = "rais" .. ""; return _G[n] end }, ]]
    t.a = 1
    assert.matches("unknown word 'rais'; did you mean 'raise'?", support.take_said(), 1, true)
  end)
end)

describe("guest errors", function()
  it("name register, value and the row's line, once a place", function()
    local _, t = device [[ a = { 0, { x = rw(0) } },
      b = { 4, ro },
      c = { 8, rw, sizes = {4} },
      d = { 12, rw, lock = "a.x" }, ]]
    t.a, t.a = 0x7, 0x7
    assert.matches("^t: guest error: write of 0x7 to a: reserved bits 0x6 %(/.-:4%)$", support.take_said())
    t.b = 5
    assert.matches("^t: guest error: write of 0x5 to b, which is ro .*: ignored %(/.-:5%)$", support.take_said())
    t:bus_write(0, 8, 2, 0x12)
    assert.matches("2-byte write of 0x12 to c: it takes 4 bytes; ignored (", support.take_said(), 1, true)
    assert.equals(0xff, t:bus_read(0, 8, 1))
    assert.matches("1-byte read of c: it takes 4 bytes; reads as ones (", support.take_said(), 1, true)
    t.d = 3
    assert.matches("write of 0x3 to d while a.x is not 0: ignored (", support.take_said(), 1, true)
    assert.equals(0, t.d)
  end)

  it("and unimplemented are words as well", function()
    local _, t = device [[ a = { 0, rw, write = function(dev, v)
        if v == 1 then guest_error("no %d today", v) elseif v == 2 then unimplemented "mode 2"
        else log("got %d", v) end
      end }, ]]
    for _ = 1, 2 do t.a = 1 t.a = 2 t.a = 3 end
    local said = support.take_said()
    assert.equals(1, select(2, said:gsub("guest error: no 1 today %(/.-:5%)", "")))
    assert.equals(1, select(2, said:gsub("unimplemented: mode 2 %(/.-:5%)", "")))
    assert.equals(2, select(2, said:gsub("t: got 3", "")))
  end)
end)
