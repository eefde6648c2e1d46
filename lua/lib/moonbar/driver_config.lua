-- SPDX-License-Identifier: MIT
-- driver_config.lua: the driver's side of configuration space: reads and writes, capabilities, and turning
-- interrupts on as a driver's probe does.
--
-- Try it:  ./moonbar -e 'print(driver("edu"):enable "msi")' lua/devices/edu.lua
local bit = require "bit"
local mistakes_of = require "moonbar.mistakes"
local blame = mistakes_of.blame
local band, bor, lshift, rshift = bit.band, bit.bor, bit.lshift, bit.rshift

local M = {}

-- Add the methods to @Driver. @device(self, name): the device object; @check_number: as in driver.lua.
function M.into(Driver, device, check_number)
  -- ---- configuration space ------------------------------------------------------------------------------------

  function Driver:config_read(offset, size)
    local dev = device(self, "config_read")
    check_number("config_read", "offset", offset, 0, 4095)
    if size and size ~= 1 and size ~= 2 and size ~= 4 then
      blame("config_read: %s bytes; configuration space takes 1, 2 or 4", tostring(size))
    end
    return dev.core:config_read(offset, size or 4)
  end

  function Driver:config_write(offset, size, v)
    local dev = device(self, "config_write")
    check_number("config_write", "offset", offset, 0, 4095)
    if size ~= 1 and size ~= 2 and size ~= 4 then
      blame("config_write(offset, size, value): %s bytes; configuration space takes 1, 2 or 4", tostring(size))
    end
    dev.core:config_write(offset, size, check_number("config_write", "value", v, 0, 2 ^ 32 - 1))
  end

  -- Offset of a capability (its id), or nil.
  function Driver:find_cap(id)
    device(self, "find_cap")
    check_number("find_cap", "the capability's id", id, 0, 0xff)
    local at = Driver.config_read(self, 0x34, 1)
    for _ = 1, 48 do
      if at < 0x40 then return nil end
      if Driver.config_read(self, at, 1) == id then return at end
      at = Driver.config_read(self, at + 1, 1)
    end
  end

  -- Offset of an extended capability (its id), or nil.
  function Driver:find_ext_cap(id)
    device(self, "find_ext_cap")
    check_number("find_ext_cap", "the capability's id", id, 1, 0xffff)
    local at = 0x100
    for _ = 1, 960 do
      local header = Driver.config_read(self, at, 4)
      if header == 0 or header == 0xffffffff then return nil end
      if band(header, 0xffff) == id then return at end
      at = rshift(header, 20)
      if at < 0x100 then return nil end
    end
  end

  local function no_cap(self, what)
    return nil, ("%s has no %s capability"):format(device(self, what).name, what)
  end

  local function enable_msi(self, vectors)
    local at = Driver.find_cap(self, 0x05)
    if not at then return no_cap(self, "MSI") end
    local control = Driver.config_read(self, at + 2, 2)
    local log2, have = 0, band(rshift(control, 1), 7)
    while 2 ^ log2 < (vectors or 1) and log2 < have do log2 = log2 + 1 end
    Driver.config_write(self, at + 4, 4, 0xfee00000)
    Driver.config_write(self, at + (band(control, 0x80) ~= 0 and 12 or 8), 2, 0x4020)
    Driver.config_write(self, at + 2, 2, bor(band(control, 0xff8e), lshift(log2, 4), 1))
    return 2 ^ log2
  end

  local function enable_msix(self)
    local at = Driver.find_cap(self, 0x11)
    if not at then return no_cap(self, "MSI-X") end
    local control = Driver.config_read(self, at + 2, 2)
    local n = band(control, 0x7ff) + 1
    local where = Driver.config_read(self, at + 4, 4)
    local bar, offset = band(where, 7), where - band(where, 7)
    for v = 0, n - 1 do
      Driver.bus_write(self, bar, offset + 16 * v, 4, 0xfee00000)
      Driver.bus_write(self, bar, offset + 16 * v + 4, 4, 0)
      Driver.bus_write(self, bar, offset + 16 * v + 8, 4, 0x4020 + v)
      Driver.bus_write(self, bar, offset + 16 * v + 12, 4, 0)
    end
    Driver.config_write(self, at + 2, 2, bor(band(control, 0x3fff), 0x8000))
    return n
  end

  -- enable "msi", "msix" or "intx", as a driver's probe does; how many vectors, or nil and why not.
  function Driver:enable(what, vectors)
    if what == "msi" then return enable_msi(self, vectors) end
    if what == "msix" then return enable_msix(self) end
    if what == "intx" then
      for _, id in ipairs { 0x05, 0x11 } do
        local at = Driver.find_cap(self, id)
        if at then
          local off = id == 0x05 and 0xfffe or 0x7fff
          Driver.config_write(self, at + 2, 2, band(Driver.config_read(self, at + 2, 2), off))
        end
      end
      return 1
    end
    blame("enable %s; right would be d:enable \"msi\", \"msix\" or \"intx\"", what == nil and "nothing"
      or type(what) == "string" and ("%q"):format(what) or tostring(what))
  end
end

return M
