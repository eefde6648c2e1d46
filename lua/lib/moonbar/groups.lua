-- SPDX-License-Identifier: MIT
-- groups.lua: registers that come in sets, as a DMA engine's channels do:
--
--   channel = group(0x100, { 4, stride = 0x20 }) { ctrl = { 0x00, rw }, count = { 0x04, ro } }
--
-- is dev.channel[0].ctrl to dev.channel[3].count. A member's offset counts from its group's.
--
-- Try it:  ./moonbar check -v FILE.lua
local mistakes_of = require "moonbar.mistakes"

local M = {}

local Group = {}

function M.is(v) return type(v) == "table" and getmetatable(v) == Group end

-- The word group: what it was given is looked at when the BAR takes its rows, since only there it has a name.
function M.word(here)
  return function(offset, array, doc)
    local where = here(2)
    if type(array) == "string" then array, doc = nil, array end
    local group = setmetatable({ offset = offset, array = array, doc = doc, file = where.file, line = where.line },
      Group)
    if type(offset) == "table" then return group end            -- group { … }: a mistake, told by check()
    return function(rows)
      group.rows = rows
      return group
    end
  end
end

local function is_count(n) return type(n) == "number" and n >= 1 and n == math.floor(n) end

local function check_array(g, add)
  local array = g.array
  if array == nil then
    g.count, g.stride = 1, 0
    return true
  end
  if type(array) ~= "table" or not is_count(array[1]) then
    add("an array of groups wants a count and a stride, as in group(0x100, { 4, stride = 0x20 }) { … }")
    return false
  elseif not is_count(array.stride) then
    add("no stride; right would be { %d, stride = 0x20 }, the bytes from one group to the next", array[1])
    return false
  end
  for key in pairs(array) do
    if key ~= 1 and key ~= "stride" then
      add("an array of groups knows no option '%s'%s", tostring(key), mistakes_of.hint(key, { "stride" }))
      return false
    end
  end
  g.count, g.stride, g.is_array = array[1], array.stride, true
  return true
end

-- Is group @g, named @name in @b, sound? Adds .count, .stride, .is_array.
function M.check(def, b, name, g, where)
  local function add(fmt, ...) def.mistakes:add(where, tostring(name), fmt, ...) end
  if mistakes_of.is_unknown(g.offset) then return false end
  if type(name) ~= "string" or not name:match("^[%a_][%w_]*$") then
    add("a group wants a name of letters, digits and _: name = group(0x100) { … }")
    return false
  elseif b.is_config then
    add("groups are for BARs; right would be the rows themselves, in config { … }")
    return false
  elseif type(g.offset) ~= "number" or g.offset < 0 or g.offset ~= math.floor(g.offset) then
    add("group(%s): right would be group(0x100) { … } or group(0x100, { 4, stride = 0x20 }) { … }",
      tostring(g.offset))
    return false
  elseif type(g.rows) ~= "table" then
    add("a group's rows are a table: group(0x100) { name = { 0x00, rw } }")
    return false
  end
  return check_array(g, add)
end

return M
