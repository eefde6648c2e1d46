-- SPDX-License-Identifier: MIT
-- irq.lua: the device's interrupts: raise a vector's message, raise a cause in a status register that
-- is bound to one, hold the INTx line.
--
-- Try it:  busted tests/spec/edu_spec.lua
local lib = require "moonbar.lib"
local map = require "moonbar.map"
local mistakes_of = require "moonbar.mistakes"
local blame = mistakes_of.blame
local C = lib.C

local M = {}

-- "irq_status.fact" as status register, field or nil, element or nil; or nil and why that cannot be.
function M.find_cause(def, path)
  local reg, field, element = map.find(def, path)
  local function no(fmt, ...) return nil, ("raise %q: "):format(path) .. fmt:format(...) end
  if not reg then return no("%s", field) end
  local status = reg.target or reg
  if not status.vector then
    return no("%s is bound to no interrupt; right would be vector = 0 in its row", status.name)
  end
  if reg.is_array and not element then
    return no("%s is an array; right would be %s", reg.name, map.element_name(reg, 0))
  end
  if status.fields and not field then
    local first = status.fields[1] and "." .. status.fields[1].name or ""
    return no("which cause? Right would be raise %q", path .. first)
  end
  return status, field, element
end

-- The same as { row =, mask = }; raises with help when that cannot be.
local function find_cause(ctx, path)
  local status, field, element = M.find_cause(ctx.def, path)
  if not status then blame("%s", field) end
  return { row = status.rows[element or 0], mask = field and field.mask or status.exists }
end

local function check_vector(ctx, word, vector)
  if type(vector) ~= "number" or vector < 0 or vector >= ctx.def.vectors then
    local last = ctx.def.vectors - 1
    blame("%s(%s): the device has %s", word, tostring(vector),
      last < 0 and "no interrupt; right would be intx = true or msi = 1 in device { … }"
      or last == 0 and "only vector 0" or "vectors 0 to " .. last)
  end
end

M.check_vector = check_vector

-- The words raise, level and irq_mode for a device.
function M.words(ctx)
  local causes = {}

  local function raise(what)
    if not ctx.ptr then return mistakes_of.too_early(ctx, "raise") end
    if type(what) == "number" then
      check_vector(ctx, "raise", what)
      C.mb_irq(ctx.ptr, what, lib.irq_op.raise)
      return
    end
    local cause = causes[what]
    if not cause then
      if type(what) ~= "string" then
        blame("raise(%s): right would be a vector number or \"register.field\"", tostring(what))
      end
      cause = find_cause(ctx, what)
      causes[what] = cause
    end
    C.mb_poke(ctx.ptr, cause.row, cause.mask, cause.mask, true)
  end

  local function level(vector, on)
    if not ctx.ptr then return mistakes_of.too_early(ctx, "level") end
    check_vector(ctx, "level", vector)
    if type(on) ~= "boolean" then blame("level(%d, %s); right would be true or false", vector, tostring(on)) end
    C.mb_irq(ctx.ptr, vector, on and lib.irq_op.assert or lib.irq_op.deassert)
  end

  -- What the driver has enabled now: "none", "intx", "msi" or "msix".
  local function irq_mode()
    if not ctx.ptr then return "none" end
    return lib.irq_modes[tonumber(C.mb_irq_mode(ctx.ptr))]
  end

  ctx.forget_causes, ctx.raise = function() causes = {} end, raise
  return { raise = raise, level = level, irq_mode = irq_mode }
end

return M
