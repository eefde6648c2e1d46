-- SPDX-License-Identifier: MIT
-- The tests that a register map gives for free: all devices that come with Moonbar pass them, and each of them
-- fails when what it looks at is broken: in the device's code, or in the masks that C runs.
--
-- Try it:  luajit /usr/bin/busted tests/spec/selftest_spec.lua
local ffi = require "ffi"
local support = dofile "tests/spec/support.lua"
local mb = support.mb
local lib = require "moonbar.lib"
local selftest = require "moonbar.selftest"

after_each(function()
  support.free_all()
  support.take_said()
end)

local function load(text)
  local dev, mistakes = support.load('device "t" { id = "1234:5678", intx = true, msi = 4 }\n' .. text)
  assert(dev, mistakes and mb.mistakes_text(mistakes))
  return dev
end

local function failures(results)
  local list = {}
  for _, r in ipairs(results) do
    if not r.ok then list[#list + 1] = r.name .. ": " .. r.why end
  end
  return table.concat(list, "\n")
end

describe("tests for free", function()
  local ls = io.popen "ls lua/devices/*.lua"
  for path in ls:lines() do
    local dev = assert(mb.load(path))
    for _, r in ipairs(selftest.run(dev)) do
      it(("%s: %s"):format(dev.name, r.name), function()
        assert.is_nil(r.skip)
        assert.is_true(r.ok, r.why)
      end)
    end
    dev:free()
  end
  ls:close()
end)

local every_word = [[
  ro_ = { 0x00, ro, 5 }, rw_ = { 0x04, rw, 6, sizes = {4} }, wo_ = { 0x08, wo, 7 }, rc_ = { 0x0c, rc, 8 },
  rs_ = { 0x10, rs, 9 }, w1c_ = { 0x14, w1c, 10 }, w1s_ = { 0x18, w1s }, w1t_ = { 0x1c, w1t },
  w0c_ = { 0x20, w0c, 0xff }, w0s_ = { 0x24, w0s }, w0t_ = { 0x28, w0t }, once_ = { 0x2c, once, 3 },
  rsvd_ = { 0x30, rsvd }, const_ = { 0x34, const, 77 }, alias = { 0x38, w1c "w1s_" },
  byte = { 0x3c, rw, width = 8 }, word = { 0x3e, rw, width = 16 }, wide = { 0x40, rw, width = 64 },
  mixed = { 0x48, { a = rw(3, 0), b = w1c(7, 4), c = ro(11, 8), d = once(20, 16) }, reset = 0x110 },
  locked = { 0x4c, rw, lock = "rw_" }, keep = { 0x50, rw, 1, sticky = true },
  arr = { 0x60, rw, array = {4, stride = 8} },
  g = group(0x80, { 2, stride = 16 }) { x = { 0, rw, 4 }, y = { 4, w1s "x" } },
]]

describe("the tests for free", function()
  it("pass for every word of the language", function()
    local results = selftest.run(load("config { a = { 0x60, rw }, b = { 0x64, { x = w1c(3, 0), y = rc(7, 4) } } }\n"
      .. "ram(0x800, 64)\nbar(0, 4*KiB) {" .. every_word .. "}"))
    assert.equals("", failures(results))
    assert.is_true(results.passed > 60)
  end)

  -- Break one mask of one row in the map that C runs; something must notice.
  local everything = 0xffffffffULL
  for _, case in ipairs {
    { "rw_", "wr", 0 }, { "rw_", "rd", 0 }, { "rw_", "rd", 0x7fffffff }, { "rw_", "w1t", 0x80000000ULL },
    { "rw_", "sizes", 0 }, { "rw_", "sizes", 15 }, { "ro_", "wr", 1 }, { "ro_", "rc", 4 }, { "wo_", "rd", 1 },
    { "rc_", "rc", 0x7fffffff }, { "rs_", "rs", 0 }, { "w1c_", "w1c", 0 }, { "w1c_", "w0c", everything },
    { "w1s_", "w1s", 0xfffffffe }, { "w1t_", "w1t", 0 }, { "w1t_", "w1s", everything }, { "w0c_", "w0c", 0 },
    { "w0s_", "w0s", 0 }, { "w0t_", "w0t", 1 }, { "once_", "once", 0 }, { "const_", "wr", everything },
    { "rsvd_", "wr", 2 }, { "rsvd_", "rd", 2 }, { "alias", "target", 0 }, { "alias", "w1c", 0 },
    { "locked", "lock", lib.none }, { "locked", "lock_mask", 1 }, { "keep", "sticky", 0 }, { "rw_", "sticky", 1 },
    { "rw_", "reset", 7 }, { "mixed", "wr", 0xff }, { "mixed", "w1c", 0 }, { "wide", "wr", everything },
    { "word", "target", "byte" }, { "arr", "wr", 0 }, { "g.x", "reset", 5 }, { "g.y", "w1s", 0 },
  } do
    it(("notice %s of %s broken"):format(case[2], case[1]), function()
      local dev = load("bar(0, 4*KiB) {" .. every_word .. "}")
      local rows = ffi.cast("struct mb_reg *", lib.C.mb_rows(dev.ctx.ptr, nil))
      local by_name = dev.ctx.def.by_name
      local row = by_name[case[1]].rows[0]
      local v = case[3]
      if type(v) == "string" then v = by_name[v].rows[0] end
      assert.is_false(rows[row][case[2]] == v + 0ULL)
      rows[row][case[2]] = v
      assert.is_true(failures(selftest.run(dev)):find(case[1], 1, true) ~= nil)
    end)
  end

  it("notice what hooks and handlers do wrong", function()
    for text, message in pairs {
      ["a = { 0, rw, write = function(dev, v) if v == 64 then error 'bad luck' end end },"] =
        "a: its write hook takes any value: a, after a write of 0x00000040: a, write hook: ",
      ["a = { 0, ro, read = function(dev, v) return {} end },"] =
        "a: its read hook takes any value: a, after a read of",
      ["a = { 0, doorbell = function(dev, v) local t = {}; t[v].x = 1 end },"] =
        "a: its doorbell takes any value: a, after a write of 0x00000000: a, doorbell hook: ",
      ["a = { 0, rw, write = function(dev, v) while v == 8 do end end },"] = "a, write hook: a hook does not return",
      ["a = { 0, rw, write = function(dev, v) after(1, 'later', v) end },"] = "event later: ",
    } do
      local results = selftest.run(load("function event.later(dev, n) dev.b[n] = 1 end\nbar(0, 64) {\n" .. text ..
        " b = { 0x10, rw, array = 2 } }"))
      assert.equals(1, results.failed, failures(results))
      assert.is_truthy(failures(results):find(message, 1, true), failures(results))
    end
    for text, message in pairs {
      ["function on.start(dev) dev.a = 5 end"] =
        "a: reset value: a is 0x00000005 when started; its row says 0x00000001",
      ["function on.reset(dev, kind) if kind == 'flr' then dev.a = 5 end end"] =
        "a: reset value: a is 0x00000005 after a reset; its row says 0x00000001; if on.start or on.reset sets it",
      ["function on.reset(dev) error 'oh' end"] = "a handler in on: ",
    } do
      local results = selftest.run(load(text .. "\nbar(0, 64) { a = { 0, rw, 1 } }"))
      assert.is_truthy(failures(results):find(message, 1, true), failures(results))
      support.free_all()
    end
  end)

  it("hold volatile registers and hooks to what is true of them all the same", function()
    local results = selftest.run(load([[
      local n = 0
      local function count() n = (n + 1) % 128; return n end
      function on.start(dev) dev.v = 5; dev.w = 6 end
      function on.reset(dev) dev.w = 6 end
      bar(0, 64) { a = { 0, rw, read = count }, b = { 4, rw, volatile = true, read = count },
        v = { 8, rw, volatile = true }, w = { 12, rw, volatile = true },
        c = { 16, { x = rw(3, 0), k = const(7, 4, { reset = 5 }) }, write = function() return 0xffffffff end } }]]))
    assert.equals("a: its read hook answers every size alike: a read again by 1 bytes at +0 is 0x02, before it was "
      .. "0x01; if two reads may differ, the row says volatile = true\n"
      .. "v: after a cold reset as when started: v is 0x00000005 when started and 0x00000000 after a cold reset; if "
      .. 'that is right, the row says exclude = "why"', failures(results))
  end)

  it("notice a write hook that changes reserved bits", function()
    local dev = load "bar(0, 64) { c = { 8, { x = rw(3, 0) }, write = function() end } }"
    local reg = dev.ctx.def.by_name.c
    reg.write = function() lib.C.mb_poke(dev.ctx.ptr, reg.rows[0], 0x10, 0x10, false) end
    require "moonbar.hooks".build(dev.ctx)
    assert.equals("c: its write hook leaves reserved and constant bits: c after a write of 0x00000000, in its reserved "
      .. "and constant bits, is 0x00000010; right would be 0x00000000", failures(selftest.run(dev)))
  end)

  it("leave out what the row says, with its reason", function()
    local results = selftest.run(load([[function on.start(dev) dev.b = 6 end
      bar(0, 64) { b = { 4, rw, exclude = "the strap pins set it" }, c = { 8, rw, write = function() end } }]]))
    assert.equals("", failures(results))
    local skipped = {}
    for _, r in ipairs(results) do
      if r.skip then skipped[#skipped + 1] = r.name .. ": " .. r.skip end
    end
    assert.same({ "b: the strap pins set it" }, skipped)
  end)

  it("print TAP", function()
    assert.equals("ok 3 - t: a # SKIP why", selftest.tap(3, "t", { ok = true, name = "a", skip = "why" }))
    assert.equals("not ok 4 - t: b\n# x\n# y", selftest.tap(4, "t", { ok = false, name = "b", why = "x\ny" }))
  end)
end)
