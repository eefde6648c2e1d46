-- SPDX-License-Identifier: MIT
-- options.lua: what a device file lets its user choose: option("size", 1*GiB, "doc") is the value from
-- the command line (`moonbar run nvme.lua size=4G`), read as the kind that the default has.
--
-- Try it:  ./moonbar check lua/devices/nvme.lua
local mistakes_of = require "moonbar.mistakes"
local numbers = require "moonbar.numbers"

local M = {}

local truths = { ["true"] = true, yes = true, on = true, ["1"] = true,
  ["false"] = false, no = false, off = false, ["0"] = false }

local function convert(given, default)
  if type(given) ~= "string" then
    if type(given) == type(default) or default == nil then return given end
    return nil, ("a %s, as its default %s"):format(type(default), tostring(default))
  end
  if type(default) == "number" then
    local n = not given:match("%dm$") and numbers.parse(given)     -- 5m: minutes? milli? mega is M
    if n then return n end
    return nil, "a number, as in 4096, 0x1000, 4K or 1G"
  elseif type(default) == "boolean" then
    given = given:lower()
    if truths[given] ~= nil then return truths[given] end
    return nil, "true or false"
  end
  return given
end

local kinds = { number = true, string = true, boolean = true, ["nil"] = true }

-- The doc string, if it is one.
local function check_kinds(def, where, name, default, doc)
  if not kinds[type(default)] and not mistakes_of.is_unknown(default) then
    def.mistakes:add(where, "option", "the default of %s is a %s; right would be a number, a string, true or false",
      name, type(default))
  end
  if doc == nil or type(doc) == "string" then return doc end
  def.mistakes:add(where, "option", "what %s is stands in quotes: option(%q, %s, \"what it is\"); not a %s", name,
    name, tostring(default), type(doc))
end

-- The word option for a definition; @given: { name = text or value } from the user.
function M.word(def, given, here)
  def.options = {}
  return function(name, default, doc)
    local where = here(2)
    if type(name) ~= "string" or not name:match("^[%a_][%w_]*$") then
      def.mistakes:add(where, "option", "the name %s; right would be option(\"size\", 1*GiB, \"what it is\")",
        tostring(name))
      return default
    end
    doc = check_kinds(def, where, name, default, doc)
    if def.options[name] then
      def.mistakes:add(where, "option", "%s is there already, on line %d", name, def.options[name].line)
    end
    local o = { name = name, default = default, doc = doc, line = where.line, value = default }
    def.options[name] = o
    def.options[#def.options + 1] = o
    if given[name] ~= nil then
      local v, right = convert(given[name], default)
      if right then
        def.mistakes:add(where, "option", "%s=%s; right would be %s", name, tostring(given[name]), right)
      else
        o.value = v
      end
    end
    return o.value
  end
end

-- Names that the user gave and the file does not know.
function M.check_unknown(def, given)
  local known = {}
  for _, o in ipairs(def.options) do known[#known + 1] = o.name end
  for name, v in pairs(given) do
    if not def.options[name] then
      def.mistakes:add(nil, nil, "no option '%s' (given as %s=%s)%s", tostring(name), tostring(name), tostring(v),
        #known == 0 and "; the device has none" or mistakes_of.hint(name, known))
    end
  end
end

return M
