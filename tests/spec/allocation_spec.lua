-- SPDX-License-Identifier: MIT
-- An access allocates nothing: no garbage, so no pauses, however long a device runs. Compiled code and interpreted
-- code are looked at apart; interpreted, LuaJIT boxes every 64-bit number, so there those to 32 bits count.
--
-- Try it:  tests/spec/run tests/spec/allocation_spec.lua
local jit = require "jit"
local support = dofile "tests/spec/support.lua"

local N = 20000

local head = "local total = 0\nfunction event.later(dev, v) dev.sum = dev.sum + v end\n"
local rows = [[
  plain  = { 0x00, rw },
  hooked = { 0x04, rw, write = function(dev, v) dev.sum = dev.sum + v end },
  stores = { 0x08, rw, write = function(dev, v, access) return access.old + v end },
  drops  = { 0x0c, rw, write = function(dev, v) return drop end },
  field  = { 0x10, { go = rw(0), n = rw(7, 4), busy = ro(8) },
             write = function(dev, v) if v.go == 0 then dev.field.busy = v.n % 2 end end },
  view   = { 0x14, { go = rw(0), n = rw(7, 4) }, write = function(dev, v) v.n = 3 return v end },
  sum    = { 0x18, rw },
  reads  = { 0x1c, ro, read = function(dev, v) return dev.sum + 1 end },
  kept   = { 0x20, ro, 7, read = function(dev, v) total = total + v end },
  bell   = { 0x24, array = {4}, doorbell = function(dev, v, i) dev.sum = dev.sum + i end },
  status = { 0x40, { done = w1c(0) }, vector = 0, enable = "enable" },
  enable = { 0x44, { done = rw(0) } },
  cause  = { 0x48, doorbell = function(dev, v) raise "status.done" end },
  timed  = { 0x4c, doorbell = function(dev, v) after(0, "later", v) end },
  group  = group(0x60, { 2, stride = 0x10 }) {
             ctrl = { 0, { go = rw(0) }, write = function(dev, v, access, i) dev.group[i].len = i end },
             len = { 4, ro } },
  wide   = { 0x80, rw, width = 64, write = function(dev, v) dev.other = v + 1 end },
  other  = { 0x88, rw, width = 64 },
]]

-- Bytes that one access leaves behind, on average.
local function garbage(access)
  jit.flush()                           -- what other tests have compiled, or given up
  for _ = 1, 5000 do access() end
  collectgarbage()
  collectgarbage "stop"
  local before = collectgarbage "count"
  for _ = 1, N do access() end
  local bytes = (collectgarbage "count" - before) * 1024
  collectgarbage "restart"
  return bytes / N
end

describe("an access", function()
  local dev, core, call

  before_each(function()
    dev = support.device(rows, head)
    core, call = dev.core, dev.ctx.call
  end)
  after_each(function()
    jit.on()
    support.free_all()
    support.take_said()
  end)

  local function look(at, size)
    local writes = garbage(function()
      call.data = 1
      core:bus_write(0, at, size)
    end)
    local reads = garbage(function() core:bus_read(0, at, size) end)
    return writes, reads
  end

  local all = {}
  for name, offset in rows:gsub("timed", "-"):gmatch "\n%s+(%l+)%s+= {? ?g?r?o?u?p?%(?(0x%x+)" do
    all[#all + 1] = { name, tonumber(offset) }
  end
  all[#all + 1] = { "plain", 0 }

  for _, row in ipairs(all) do
    local name, at = row[1], row[2]
    local size = (name == "wide" or name == "other") and 8 or 4
    it("to " .. name .. " allocates nothing", function()
      for _, mode in ipairs(size == 8 and { "on" } or { "on", "off" }) do
        jit[mode]()
        local writes, reads = look(at, size)
        assert.is_true(writes < 1, ("jit %s: %g bytes a write"):format(mode, writes))
        assert.is_true(reads < 1, ("jit %s: %g bytes a read"):format(mode, reads))
      end
    end)
  end

  it("that makes an event, and the event, allocate nothing", function()
    for _, mode in ipairs { "on", "off" } do
      jit[mode]()
      local bytes = garbage(function()
        call.data = 1
        core:bus_write(0, 0x4c, 4)
        core:step(0)
      end)
      assert.is_true(bytes < 1, ("jit %s: %g bytes"):format(mode, bytes))
    end
  end)

  it("would be seen to allocate", function()
    local kept
    assert.is_true(garbage(function() kept = { 1 } end) > 10)
    assert.is_table(kept)
  end)
end)
