-- SPDX-License-Identifier: MIT
-- mistakes.lua: what is wrong with a device file. Mistakes are collected, not thrown, so that one
-- run tells an author all of them, each with its file, line, row and what would be right.
--
-- Try it:  ./moonbar check FILE.lua
local M = {}

local Mistake = {}
Mistake.__index = Mistake

-- "file:line: row: message"; parts that are not known are left out.
function Mistake:__tostring()
  local where = self.file or "?"
  if self.line and self.line > 0 then where = where .. ":" .. self.line end
  if self.row then where = where .. ": " .. self.row end
  return where .. ": " .. self.message
end

local List = {}
List.__index = List

function M.new(file)
  return setmetatable({ file = file, seen = {} }, List)
end

-- Add one. @where: { file =, line = } or nil; @row: the row's or the word's name, or nil.
function List:add(where, row, fmt, ...)
  local message = select("#", ...) > 0 and fmt:format(...) or fmt
  local item = setmetatable({
    file = where and where.file or self.file,
    line = where and where.line or 0,
    row = row,
    message = message,
  }, Mistake)
  local text = tostring(item)
  if self.seen[text] then return end
  self.seen[text] = true
  self[#self + 1] = item
  item.order = #self
  return item
end

function List:sort()
  table.sort(self, function(a, b)
    if a.file ~= b.file then return a.file < b.file end
    if a.line ~= b.line then return a.line < b.line end
    return a.order < b.order
  end)
  return self
end

-- One mistake a line.
function M.text(list)
  local lines = {}
  for i, item in ipairs(list) do lines[i] = tostring(item) end
  return table.concat(lines, "\n")
end

-- How many letters must change, swap, come or go to make a into b.
local function distance(a, b)
  local two, one = {}, {}
  for j = 0, #b do one[j] = j end
  for i = 1, #a do
    local row = { [0] = i }
    for j = 1, #b do
      local same = a:byte(i) == b:byte(j)
      row[j] = math.min(row[j - 1] + 1, one[j] + 1, one[j - 1] + (same and 0 or 1))
      if i > 1 and j > 1 and a:byte(i) == b:byte(j - 1) and a:byte(i - 1) == b:byte(j) then
        row[j] = math.min(row[j], two[j - 2] + 1)
      end
    end
    two, one = one, row
  end
  return one[#b]
end

-- The word of @known (an array, or a table with words as keys) nearest to @word, or nil if none is
-- near enough to be meant.
function M.nearest(word, known)
  local best, best_distance
  local function try(candidate)
    if type(candidate) ~= "string" then return end
    local a, b = word:lower(), candidate:lower()
    local d = distance(a, b)
    local short = math.min(#a, #b)
    if short >= 3 and a:sub(1, short) == b:sub(1, short) then d = math.min(d, 1) end    -- one begins the other
    if not best or d < best_distance or (d == best_distance and candidate < best) then
      best, best_distance = candidate, d
    end
  end
  for k, v in pairs(known) do try(type(k) == "number" and v or k) end
  if best and best_distance < #word
    and best_distance <= math.max(1, math.floor(math.max(#word, #best) / 4)) then return best end
end

-- "; did you mean 'x'?", or "; known: a, b, c" for a short list, or "".
function M.hint(word, known)
  local near = M.nearest(tostring(word), known)
  if near then return ("; did you mean '%s'?"):format(near) end
  local names = {}
  for k, v in pairs(known) do names[#names + 1] = type(k) == "number" and v or k end
  if #names == 0 or #names > 24 then return "" end
  table.sort(names)
  return "; known: " .. table.concat(names, ", ")
end

local library = debug.getinfo(1, "S").source:match("^(@.*/)")

-- Where the author's code called the library, from however deep in the library: file and line, or nil.
local function author()
  for level = 3, 40 do
    local info = debug.getinfo(level, "Sl")
    if not info then break end
    if info.currentline > 0 and info.source:sub(1, #library) ~= library then return info.short_src, info.currentline end
  end
end

local last_blamed

-- Raise an error at that place.
function M.blame(fmt, ...)
  local message = select("#", ...) > 0 and fmt:format(...) or fmt
  local file, line = author()
  last_blamed = file and ("%s:%d: %s"):format(file, line, message) or message
  error(last_blamed, 0)
end

-- Was that message raised by blame()?
function M.is_blamed(message) return message == last_blamed end

-- What there is no value for while a file runs, an unknown word above all: a mistake already, so not worth a
-- second one. Whatever is done to it, the run goes on and finds more.
local Unknown = {}
function M.unknown(name) return setmetatable({ unknown_word = name }, Unknown) end
for _, event in ipairs { "__call", "__index", "__add", "__sub", "__mul", "__div", "__mod", "__pow", "__unm",
  "__concat" } do
  Unknown[event] = function(a, b)
    local self = getmetatable(a) == Unknown and a or b
    return self
  end
end
Unknown.__newindex = function() end
Unknown.__tostring = function(self) return rawget(self, "unknown_word") end

-- A word of hooks was used where there is no device: a mistake of the file while it is read, an error after.
function M.too_early(ctx, word, why)
  if not ctx.loading then return M.blame("%s: the device is gone", word) end
  local file, line = author()
  local item = ctx.loading.mistakes:add({ file = file, line = line }, word, why or "is for hooks, events and on.start; "
    .. "while the file is read, the device is not there yet")
  if item then item.is_early = true end
  return M.unknown(word)
end

function M.is_unknown(v)
  return type(v) == "table" and rawget(v, "unknown_word") ~= nil
end

-- Split a Lua error message into file, line and text.
function M.split(message)
  local file, line, text = tostring(message):match("^([^\n]-):(%d+): (.*)$")
  if file then return file, tonumber(line), text end
  return nil, nil, tostring(message)
end

return M
