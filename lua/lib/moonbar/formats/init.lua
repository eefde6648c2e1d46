-- SPDX-License-Identifier: MIT
-- init.lua: the verbs of the command that read or write other formats. Each takes the request that
-- host/cli/main.c has read from the command line and returns the exit status.
--
-- Try it:  ./moonbar header lua/devices/edu.lua
local device = require "moonbar.device"
local mistakes_of = require "moonbar.mistakes"
local output = require "moonbar.formats.output"

local M = {}

local function complain(...)
  io.stderr:write("moonbar: ", string.format(...), "\n")
end

-- The one file of a request and its options; or nil and the exit status.
local function file_of(request)
  local path, given = nil, {}
  for _, arg in ipairs(request) do
    local name, value = arg:match("^([%a_][%w_]*)=(.*)$")
    if name and not path then
      complain("%s: an option needs the device file before it, as in 'FILE %s'", arg, arg)
      return nil, 2
    elseif name and given[name] then
      complain("%s: %s is given twice, first as %s=%s", arg, name, name, given[name])
      return nil, 2
    elseif name then
      given[name] = value
    elseif path then
      complain("%s: a second file; right would be one", arg)
      return nil, 2
    else
      path = arg
    end
  end
  return path, given
end
M.file_of, M.complain = file_of, complain

local function write(request, text)
  local ok, why = output.write(request.out, text)
  if ok then return 0 end
  complain("%s: %s", request.out or "standard output", tostring(why))
  return 1
end
M.write = write

-- A verb that writes what make(def, request) says of a device file.
local function writer(make)
  return function(request)
    local path, given = file_of(request)
    if not path then return given end
    local def = device.define(path, given, true)
    if #def.mistakes > 0 then
      io.stderr:write(mistakes_of.text(def.mistakes), "\n")
      return 2
    end
    local text, why = make(def, request)
    if not text then
      complain("%s", why)
      return 2
    end
    return write(request, text)
  end
end

M.header = writer(function(def) return (require("moonbar.formats.header").text(def)) end)
M.driver = writer(function(def) return require("moonbar.formats.linux_driver").text(def) end)

local formats = { md = "markdown", html = "html", svg = "svg" }
local endings = { md = "md", markdown = "md", html = "html", htm = "html", svg = "svg" }

M.doc = writer(function(def, request)
  local format = request.format or request.out and endings[request.out:match("%.(%w+)$") or ""] or "md"
  if not formats[format] then
    return nil, ("--format takes md, html or svg, not %s"):format(format)
  end
  local sheet, why = require("moonbar.formats.sheet").of(def, request.only)
  if not sheet then return nil, why end
  return require("moonbar.formats." .. formats[format]).text(sheet)
end)

M.export = writer(function(def) return require("moonbar.formats.svd_write").text(def) end)

-- From a file of another format to a device file.
M["import"] = function(request)
  local path, given = file_of(request)
  if not path then return given end
  local name = next(given)
  if name then
    complain("%s=%s: import takes no options of a device file", name, given[name])
    return 2
  end
  local import = require "moonbar.formats.import"
  local text, why
  if request.list then text, why = import.list(path) else text, why = import.text(path, request.only) end
  if not text then
    complain("%s", why)
    return 2
  end
  return write(request, text)
end

return M
