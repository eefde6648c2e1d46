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

-- Raise an error where the author's code called the library, however deep in the library it is found.
function M.blame(fmt, ...)
  local message = select("#", ...) > 0 and fmt:format(...) or fmt
  for level = 2, 40 do
    local info = debug.getinfo(level, "Sl")
    if not info then break end
    if info.currentline > 0 and info.source:sub(1, #library) ~= library then
      error(("%s:%d: %s"):format(info.short_src, info.currentline, message), 0)
    end
  end
  error(message, 0)
end

-- What an unknown word gives while a file runs (env.lua): a mistake already, so not worth a second one.
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
