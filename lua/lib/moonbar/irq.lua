-- SPDX-License-Identifier: MIT
-- irq.lua: the device's interrupts: raise a vector's message, raise a cause in a status register that
-- is bound to one, hold the INTx line.
--
-- Try it:  busted tests/spec/edu_spec.lua
local lib = require "moonbar.lib"
local map = require "moonbar.map"
local C = lib.C

local M = {}

-- "irq_status.fact" as { row =, mask = }; raises with help when that cannot be.
local function find_cause(ctx, path, level)
  local reg, field, element = map.find(ctx.def, path)
  if not reg then error(("raise %q: %s"):format(path, field), level + 1) end
  local status = reg.target or reg
  if not status.vector then
    error(("raise %q: %s is bound to no interrupt; right would be vector = 0 in its row"):format(path,
      status.name), level + 1)
  end
  if reg.is_array and not element then
    error(("raise %q: %s is an array; right would be %s[0]"):format(path, reg.name, reg.name), level + 1)
  end
  return { row = status.rows[element or 0], mask = field and field.mask or status.exists }
end

local function check_vector(ctx, word, vector, level)
  if type(vector) ~= "number" or vector < 0 or vector >= ctx.def.vectors then
    local last = ctx.def.vectors - 1
    error(("%s(%s): the device has %s"):format(word, tostring(vector),
      last < 0 and "no interrupt; right would be intx = true or msi = 1 in device { … }"
      or last == 0 and "only vector 0" or "vectors 0 to " .. last), level + 1)
  end
end

-- The words raise, level and irq_mode for a device.
function M.words(ctx)
  local causes = {}

  local function raise(what)
    if not ctx.ptr then error("raise is for hooks and events; the device is not there yet", 2) end
    if type(what) == "number" then
      check_vector(ctx, "raise", what, 2)
      C.mb_irq(ctx.ptr, what, lib.irq_op.raise)
      return
    end
    local cause = causes[what]
    if not cause then
      if type(what) ~= "string" then
        error(("raise(%s): right would be a vector number or \"register.field\""):format(tostring(what)), 2)
      end
      cause = find_cause(ctx, what, 2)
      causes[what] = cause
    end
    C.mb_poke(ctx.ptr, cause.row, cause.mask, cause.mask, true)
  end

  local function level(vector, on)
    if not ctx.ptr then error("level is for hooks and events; the device is not there yet", 2) end
    check_vector(ctx, "level", vector, 2)
    C.mb_irq(ctx.ptr, vector, on and lib.irq_op.assert or lib.irq_op.deassert)
  end

  -- What the driver has enabled now: "none", "intx", "msi" or "msix".
  local function irq_mode()
    if not ctx.ptr then return "none" end
    return lib.irq_modes[tonumber(C.mb_irq_mode(ctx.ptr))]
  end

  ctx.forget_causes = function() causes = {} end
  return { raise = raise, level = level, irq_mode = irq_mode }
end

return M
