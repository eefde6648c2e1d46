-- SPDX-License-Identifier: MIT
-- cli.lua: the verbs of the moonbar command: run, check, test and -e; those of other formats are in formats/.
-- Each takes the request that host/cli/main.c has read from the command line and returns the exit status.
--
-- Try it:  ./moonbar check -v lua/devices/edu.lua

local core = require "moonbar.core"
local errors = require "moonbar.errors"
local mb = require "moonbar"

local cli = {}

-- What error{…} raised, in words.
local function show_value(v) return require("repl.show").value(v) end

local function complain(...)
  io.stderr:write("moonbar: ", string.format(...), "\n")
end

-- "a.lua size=4G b.lua" → {{path="a.lua", options={size="4G"}}, {path="b.lua", options={}}}
local function files_of(request)
  local files = {}
  for _, arg in ipairs(request) do
    local name, value = arg:match("^([%a_][%w_]*)=(.*)$")
    if not name then
      files[#files + 1] = { path = arg, options = {} }
    elseif #files == 0 then
      complain("%s: an option needs the device file before it, as in 'run FILE %s'", arg, arg)
      return nil
    elseif files[#files].options[name] then
      complain("%s: %s is given twice, first as %s=%s", arg, name, name, files[#files].options[name])
      return nil
    else
      files[#files].options[name] = value
    end
  end
  return files
end

-- Loads every file, so that all mistakes are seen in one run.
local function load_all(files)
  local devices, bad = {}, false
  for _, f in ipairs(files) do
    local dev, mistakes = mb.load(f.path, f.options)
    if dev then
      devices[#devices + 1] = dev
    else
      bad = true
      io.stderr:write(mb.mistakes_text(mistakes), "\n")
    end
  end
  if bad then return nil end
  return devices
end

local function attach_all(devices, bus)
  -- all on the bus before the first is started: from then on it wants to be served
  for _, step in ipairs { "attach", "start" } do
    for _, dev in ipairs(devices) do
      local ok, why = dev[step](dev, bus)
      if not ok then
        complain("%s", why)
        return false
      end
    end
  end
  return true
end

local function cores(devices)
  local list = {}
  for i, dev in ipairs(devices) do list[i] = dev.core end
  return list
end

local function free_all(devices)
  for _, dev in ipairs(devices) do dev:free() end
end

-- Drivers see an orderly removal and may still talk to the device meanwhile.
local function stop_all(devices, bus)
  for _, dev in ipairs(devices) do dev:stop() end
  if bus:match("^pciem") then core.loop(cores(devices)) end
  free_all(devices)
end

-- A reload may put another core in a device's place: the loop is for those it knows, and begins again.
local function loop(devices, fd, input)
  local quit, called, ok, message, list
  local function replaced()
    for i, dev in ipairs(devices) do
      if dev.core ~= list[i] then return true end
    end
    return false
  end
  repeat
    list = cores(devices)
    called, ok, message = pcall(core.loop, list, fd, function()
      quit = input()
      return quit or replaced()
    end)
  until quit or not called or not ok or not replaced()
  return called, ok, message
end

local function serve_with_prompt(devices, prompt)
  local fd, why = prompt.open()
  if not fd then
    complain("%s", why)
    return 1
  end
  local called, ok, message = loop(devices, fd, prompt.input)
  local status = prompt.close()
  if status == 0 and errors.raised > 0 and not prompt.terminal() then status = 1 end
  if not called or not ok then
    complain("%s", tostring(message or ok))
    return 1
  end
  return status
end

local function serve(devices)
  local ok, why = core.loop(cores(devices))
  if not ok then
    complain("%s", why)
    return 1
  end
  return 0
end

function cli.run(request)
  local files = files_of(request)
  if not files then return 2 end
  local devices = load_all(files)
  if not devices then return 2 end
  local bus = request.on or "sim"
  if request.tour then
    if #devices ~= 1 then
      complain("--tour takes one device file, not %d", #devices)
      return 2
    end
    return require("repl.tour").run(mb, devices[1]) and 0 or 1
  end
  local prompt = require "moonbar.prompt"
  local quiet = request.no_prompt or not prompt.wanted()
  if not quiet then require("repl.prompt").demo = request.demo end      -- a driver waits from start on
  if not attach_all(devices, bus) then
    free_all(devices)
    return 1
  end
  local status
  if quiet then
    for _, dev in ipairs(devices) do
      print(("%s: started on %s"):format(dev.name, bus))
    end
    io.stdout:flush()
    status = serve(devices)
  else
    status = serve_with_prompt(devices, prompt)
  end
  stop_all(devices, bus)
  return status
end

function cli.check(request)
  local files = files_of(request)
  if not files then return 2 end
  local status = 0
  for _, f in ipairs(files) do
    local report, mistakes = mb.check(f.path, f.options, request.verbose)
    if report then
      print(report)
    else
      io.stderr:write(mb.mistakes_text(mistakes), "\n")
      status = 2
    end
  end
  return status
end

function cli.test(request)
  local files = files_of(request)
  if not files then return 2 end
  local selftest, status, n, failed = require "moonbar.selftest", 0, 0, 0
  for _, f in ipairs(files) do
    local dev, mistakes = mb.load(f.path, f.options)
    if dev then
      local results = selftest.run(dev)
      for _, r in ipairs(results) do
        n = n + 1
        print(selftest.tap(n, dev.name, r))
      end
      print(("# %s: %d passed, %d failed, %d left out"):format(dev.name, results.passed, results.failed,
        results.skipped))
      failed = failed + results.failed
      dev:free()
    else
      io.stderr:write(mb.mistakes_text(mistakes), "\n")
      status = 2
    end
  end
  print("1.." .. n)
  return status > 0 and status or failed > 0 and 1 or 0
end

function cli.eval(request)
  local files = files_of(request)
  if not files then return 2 end
  local devices = load_all(files)
  if not devices then return 2 end
  if not attach_all(devices, "sim:stepped") then return 1 end
  local chunk, why = loadstring(request.code, "=(command line)")
  if not chunk then
    complain("%s", why)
    return 2
  end
  local ok, message = xpcall(setfenv(chunk, mb.script_env()), function(what)
    local text = type(what) == "string" and what or show_value(what)
    if text:find("(command line):", 1, true) then return text end
    local place = debug.traceback("", 2):match("(%(command line%):%d+:)")
    return place and place .. " " .. text or text
  end)
  free_all(devices)
  if not ok then
    complain("%s", message)
    return 1
  end
  return errors.raised > 0 and 1 or 0
end

-- doc, header, export, import, driver: other formats
for _, verb in ipairs { "doc", "header", "export", "import", "driver" } do
  cli[verb] = function(request) return require("moonbar.formats")[verb](request) end
end

return cli
