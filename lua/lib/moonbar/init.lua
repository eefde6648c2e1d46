-- SPDX-License-Identifier: MIT
-- init.lua: the device language as a module. A program loads device files, puts the devices on a bus and
-- serves them; the command (cli.lua), the prompt (repl/) and the tests use nothing else.
--
--   local mb = require "moonbar"
--   local dev, mistakes = mb.load "edu.lua"            -- options: mb.load("nvme.lua", { size = "4G" })
--   if not dev then print(mb.mistakes_text(mistakes)) end
--   assert(dev:attach "sim:stepped"); assert(dev:start())
--   local edu = mb.driver "edu"
--   edu.liveness = 1
--
-- Try it:  ./moonbar -e 'print(mb.load("lua/devices/edu.lua"))'
local check = require "moonbar.check"
local device = require "moonbar.device"
local driver = require "moonbar.driver"
local errors = require "moonbar.errors"
local lib = require "moonbar.lib"
local mistakes_of = require "moonbar.mistakes"
local words = require "moonbar.words"
local blame = mistakes_of.blame

local mb = {
  load = device.load,                           -- load(path, options) → device; nil, mistakes
  devices = device.devices,                     -- loaded ones by name
  check = check.file,                           -- check(path, options, verbose) → report; nil, mistakes
  mistakes_text = mistakes_of.text,
  units = words.units,
  version = lib.core.version,
}

errors.install(lib.core)

-- Where lines for people go; replace it to have them elsewhere.
function mb.log(text) io.stderr:write(text, "\n") end
errors.write = function(text) return mb.log(text) end

-- The directory of the devices that come with Moonbar.
local root = debug.getinfo(1, "S").source:match("^@(.*/)lib/moonbar/init%.lua$")
mb.devices_path = root and root .. "devices/" or "lua/devices/"

local function find_device(name)
  if type(name) == "table" and name.ctx then return name end
  if type(name) ~= "string" then
    blame("driver(%s); right would be driver \"NAME\", the name that the device has in its file", tostring(name))
  end
  if mb.devices[name] then return mb.devices[name] end
  local f = io.open(mb.devices_path .. name .. ".lua")
  if f then
    f:close()
    local dev, mistakes = mb.load(mb.devices_path .. name .. ".lua")
    if not dev then error(mb.mistakes_text(mistakes), 3) end
    return dev
  end
  blame("driver %q: no device of that name is loaded%s", tostring(name),
    mistakes_of.hint(tostring(name), mb.devices))
end

-- driver "edu": the driver's side of a device (its name, or the object). One that comes with Moonbar is
-- loaded, and one that is on no bus is put on the simulated bus with a stepped clock, and started.
-- nil and why, if the device's bus has its drivers elsewhere.
local function driver_word(_, name)
  local dev = find_device(name)
  if not dev.bus then
    local ok, why = dev:attach "sim:stepped"
    if ok then ok, why = dev:start() end
    if not ok then blame("%s", why) end
  end
  if not dev.bus:match("^sim") then
    return nil, ("%s is on %s: its drivers are the kernel's; sim has the driver's side in Lua"):format(
      dev.name, dev.bus)
  end
  return driver.of(dev)
end

-- driver "edu", and every method of a driver's side as driver.method(d, …), for devices with a register of its name.
mb.driver = setmetatable({}, { __call = driver_word, __index = driver.methods })

-- The words of a script: driver, units, bit operations, each device's model under its name.
function mb.script_env(base)
  local env = setmetatable({ mb = mb, driver = mb.driver }, {
    __index = function(_, name)
      local dev = mb.devices[name]
      if dev then return dev.model end
      return (base or _G)[name]
    end,
  })
  for _, set in ipairs { words.units, words.bits } do
    for name, v in pairs(set) do env[name] = v end
  end
  return env
end

return mb
