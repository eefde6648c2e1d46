-- SPDX-License-Identifier: MIT
-- irq.lua: firing an interrupt by hand, in the way the device would: where a vector follows a
-- status register, by a cause in that register, since a driver that finds none would ignore it.
-- Try it:  make && echo 'irq edu 0' | ./moonbar run lua/devices/edu.lua

local bit = require "bit"
local ffi = require "ffi"
local lib = require "moonbar.lib"
local handles = require "repl.handles"

local M = {}

local ENABLE = 0x20     -- MB_REG_ENABLE of kernel/core/regs.h

local function fail(fmt, ...) error(string.format(fmt, ...), 0) end

local function pointer(dev)
  return ffi.cast("struct mb_device *", lib.core.ptr(dev.core))
end

local function register_at(dev, row)
  for _, reg in ipairs(dev.registers) do
    local last = reg.place_of((reg.count or 1) - 1)
    if reg.bar == row.bar and row.offset >= reg.offset and row.offset <= last then
      return reg, handles.element_name(reg, handles.is_array(reg) and row.index or nil)
    end
  end
end

-- bound(ptr, vector) -> the rows of status registers that the vector follows:
-- { { index =, row =, pending = bits that are set and enabled, enabled = bits } … }
local function bound(ptr, vector)
  local n = ffi.new "uint32_t[1]"
  local rows, state, found = lib.C.mb_rows(ptr, n), lib.C.mb_state(ptr), {}
  for i = 0, n[0] - 1 do
    local row = rows[i]
    if row.vector == vector and bit.band(row.flags, ENABLE) == 0 and row.target == i then
      local enabled = row.enable ~= lib.none and state[row.enable].value or bit.bnot(0ULL)
      found[#found + 1] = { index = i, row = row, enabled = enabled,
        pending = bit.band(state[i].value, enabled) }
    end
  end
  return found
end

-- The lowest enabled bit of the status register that may be a cause, and what it is called.
local function cause_of(dev, status)
  local reg, name = register_at(dev, status.row)
  local causes = reg.fields and #reg.fields > 0 and reg.fields
    or { { name = nil, lo = 0, hi = 0 } }
  for _, f in ipairs(causes) do
    local mask = bit.lshift(1ULL, f.lo)
    if f.access ~= "rsvd" and bit.band(mask, status.enabled) ~= 0 then
      return mask, name .. (f.name and "." .. f.name or " bit 0")
    end
  end
  return nil, name
end

local function delivered(dev, vector, mode)
  if mode == "none" then
    return string.format("%s: vector %d raised, but the driver has enabled no interrupt",
      dev.name, vector)
  end
  local kinds = { intx = "INTx", msi = "MSI", msix = "MSI-X" }
  return string.format("%s: vector %d raised (%s)", dev.name, vector, kinds[mode])
end

-- With INTx only a level speaks; without a register that holds it, it is high for an instant.
local function raise_unbound(ptr, vector, mode)
  if mode ~= "intx" then return lib.C.mb_irq(ptr, vector, lib.irq_op.raise) end
  local ret = lib.C.mb_irq(ptr, vector, lib.irq_op.assert)
  if ret == 0 then lib.C.mb_irq(ptr, vector, lib.irq_op.deassert) end
  return ret
end

local function check_vector(dev, vector)
  local n = dev.ctx.def.vectors
  if vector < n then return end
  fail("%s has no vector %d: %s", dev.name, vector, n == 0 and "it has no interrupt"
    or n == 1 and "only 0" or "0 to " .. n - 1)
end

-- fire(dev, vector) -> what happened, as a sentence. Raises if there is no such vector.
function M.fire(dev, vector)
  check_vector(dev, vector)
  local ptr = pointer(dev)
  local mode = lib.irq_modes[tonumber(lib.C.mb_irq_mode(ptr))]
  local statuses = bound(ptr, vector)
  if #statuses == 0 then
    if raise_unbound(ptr, vector, mode) ~= 0 then
      fail("the bus of %s refused vector %d", dev.name, vector)
    end
    return delivered(dev, vector, mode)
  end
  for _, status in ipairs(statuses) do
    if status.pending ~= 0 then
      lib.C.mb_irq(ptr, vector, lib.irq_op.raise)
      local _, name = register_at(dev, status.row)
      return string.format("%s, cause in %s", delivered(dev, vector, mode), name)
    end
  end
  local name
  for _, status in ipairs(statuses) do
    local mask, cause = cause_of(dev, status)
    name = cause
    if mask then
      lib.C.mb_poke(ptr, status.index, mask, mask, true)
      return string.format("%s, cause %s set", delivered(dev, vector, mode), cause)
    end
  end
  fail("vector %d of %s follows %s, of which no bit is enabled", vector, dev.name, name)
end

return M
