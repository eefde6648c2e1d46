-- SPDX-License-Identifier: MIT
-- source.lua: reads a device file as text. Lua does not say on which line a table's key stands, nor
-- that a key was written twice, nor that a function nobody has called yet uses an unknown name; an
-- author wants to hear all three before the device runs.
--
-- Try it:  ./moonbar check lua/devices/edu.lua
local bit = require "bit"
local jutil = require "jit.util"

local M = {}

-- ---- tokens ---------------------------------------------------------------------------------

local function long_bracket_end(text, pos)
  local eq = text:match("^%[(=*)%[", pos)
  if not eq then return nil end
  local _, stop = text:find("]" .. eq .. "]", pos, true)
  return stop or #text
end

local string_stops = { ['"'] = '[\\\n"]', ["'"] = "[\\\n']" }

local function string_end(text, pos)
  local stops = string_stops[text:sub(pos, pos)]
  local i = text:find(stops, pos + 1)
  while i and text:sub(i, i) == "\\" do i = text:find(stops, i + 2) end
  return i or #text
end

local function comment_end(text, pos)
  return long_bracket_end(text, pos + 2) or (text:find("\n", pos, true) or #text + 1) - 1
end

-- What a token may be by its first byte: a file is read at every start, and most tokens are names or one character.
local begins = {}
for b = 0, 255 do
  local c = string.char(b)
  begins[b] = c:match "[%a_]" and "name" or c:match "%d" and "number" or c:match "[\"']" and "string"
    or c:match "[-%[=~<>]" and "long" or "op"
end

-- Where the token at @pos ends, and its kind.
local function token_end(text, pos)
  local begin = begins[text:byte(pos)]
  if begin == "op" then return pos, "op" end
  if begin == "name" then
    local _, stop = text:find("^[%w_]*", pos)
    return stop, "name"
  elseif begin == "number" then
    local _, stop = text:find("^0[xX][%x%.]+[uUlLiI]*", pos)
    if not stop then _, stop = text:find("^%d[%w%.]*", pos) end
    return stop, "number"
  elseif begin == "string" then
    return string_end(text, pos), "string"
  end
  if text:find("^%-%-", pos) then return comment_end(text, pos), "comment" end
  local stop = long_bracket_end(text, pos)
  if stop then return stop, "string" end
  return text:find("^[=~<>]=", pos) and pos + 1 or pos, "op"
end

local function tokens_of(text)
  local list, n, pos, line = {}, 0, 1, 1
  local newline = text:find("\n", 1, true) or math.huge         -- the first that was not counted
  while true do
    local from = text:find("%S", pos)
    if not from then return list end
    while newline < from do
      line, newline = line + 1, text:find("\n", newline + 1, true) or math.huge
    end
    local stop, kind = token_end(text, from)
    if kind ~= "comment" then
      n = n + 1
      list[n] = { kind = kind, text = text:sub(from, stop), line = line }
    end
    pos = stop + 1
  end
end

-- The text with strings and comments blanked, line for line and column for column.
function M.blank(text)
  local parts, pos = {}, 1
  while true do
    local from = text:find("%S", pos)
    if not from then break end
    local stop, kind = token_end(text, from)
    parts[#parts + 1] = text:sub(pos, from - 1)
    local word = text:sub(from, stop)
    parts[#parts + 1] = kind == "comment" and word:gsub("[^\n]", " ") or kind == "string"
      and (word:gsub("[^\n]", " "):gsub("^ ", '"'):gsub(" $", '"')) or word
    pos = stop + 1
  end
  return table.concat(parts)
end

-- ---- table constructors ------------------------------------------------------------------------

local opens = { ["("] = true, ["function"] = true, ["if"] = true, ["do"] = true, ["repeat"] = true }
local closes = { [")"] = true, ["end"] = true, ["until"] = true }

local parse_constructor

-- One entry's value from token @i to the comma or brace after it: its constructors in order.
local function parse_value(tokens, i)
  local depth, inner = 0, {}
  while tokens[i] do
    local t = tokens[i].text
    if tokens[i].kind == "string" then t = "" end
    if depth == 0 and (t == "," or t == ";" or t == "}") then break end
    if t == "{" then
      local node
      node, i = parse_constructor(tokens, i)
      if depth == 0 then inner[#inner + 1] = node end
    else
      if opens[t] then depth = depth + 1 elseif closes[t] then depth = depth - 1 end
      i = i + 1
    end
  end
  return inner, i
end

-- tokens[i] is "{". Returns { line =, entries = { { key =, line =, last =, inner = {…} } … } } and the
-- index after "}".
function parse_constructor(tokens, i)
  local node = { line = tokens[i].line, entries = {} }
  i = i + 1
  while tokens[i] and tokens[i].text ~= "}" do
    local entry = { line = tokens[i].line }
    if tokens[i].kind == "name" and tokens[i + 1] and tokens[i + 1].text == "=" then
      entry.key = tokens[i].text
      i = i + 2
    elseif tokens[i].text == "[" and tokens[i + 1] and tokens[i + 1].kind == "string"
      and tokens[i + 3] and tokens[i + 3].text == "=" then
      entry.key = tokens[i + 1].text:sub(2, -2)
      i = i + 4
    end
    entry.inner, i = parse_value(tokens, i)
    entry.last = tokens[i - 1].line
    node.entries[#node.entries + 1] = entry
    if tokens[i] and (tokens[i].text == "," or tokens[i].text == ";") then i = i + 1 end
  end
  return node, i + 1
end

local function skip_parens(tokens, i)
  local depth = 0
  repeat
    if tokens[i].kind ~= "string" then
      if tokens[i].text == "(" then depth = depth + 1 end
      if tokens[i].text == ")" then depth = depth - 1 end
    end
    i = i + 1
  until depth == 0 or not tokens[i]
  return i
end

local Source = {}
Source.__index = Source

-- @text of a file whose name in messages is @file.
function M.new(file, text)
  return setmetatable({ file = file, text = text, tokens = tokens_of(text) }, Source)
end

-- Lines @first to @last of the text, those of them that there are, without the indent they share.
function Source:lines(first, last)
  local lines, n, indent = {}, 0, nil
  for line in (self.text .. "\n"):gmatch("([^\n]*)\n") do
    n = n + 1
    if n >= first and n <= last then
      lines[#lines + 1] = line
      local blank = line:match("^%s*()%S")
      if blank then indent = math.min(indent or blank, blank) end
    end
  end
  for i, line in ipairs(lines) do lines[i] = line:sub(indent or 1) end
  return lines
end

-- The constructor that a statement `word(…) { … }` or `word "…" { … }` on @line passes, or nil.
function Source:constructor(word, line)
  local tokens = self.tokens
  for i, t in ipairs(tokens) do
    if t.kind == "name" and t.text == word and t.line == line then
      local j = i + 1
      if tokens[j] and tokens[j].text == "(" then j = skip_parens(tokens, j)
      elseif tokens[j] and tokens[j].kind == "string" then j = j + 1 end
      if tokens[j] and tokens[j].text == "{" then return (parse_constructor(tokens, j)) end
    end
  end
end

-- Lines of a constructor's keys: { key = line }, and { { key =, line =, first = } … } of keys that
-- stand there twice.
function M.keys(node)
  local lines, twice = {}, {}
  for _, entry in ipairs(node and node.entries or {}) do
    if entry.key then
      if lines[entry.key] then
        twice[#twice + 1] = { key = entry.key, line = entry.line, first = lines[entry.key] }
      end
      lines[entry.key] = entry.line
    end
  end
  return lines, twice
end

-- The entry of @key (the last, which is the one that Lua keeps).
function M.entry(node, key)
  local found
  for _, entry in ipairs(node and node.entries or {}) do
    if entry.key == key then found = entry end
  end
  return found
end

-- The constructor of a row's nested fields table: the first one without a key.
function M.fields_node(row_entry)
  local row = row_entry and row_entry.inner[1]
  for _, entry in ipairs(row and row.entries or {}) do
    if not entry.key and entry.inner[1] then return entry.inner[1] end
  end
end

-- ---- global names, from the bytecode ----------------------------------------------------------------

-- Opcode numbers differ between builds of LuaJIT; ask this one.
local function opcode_of(code)
  return bit.band((jutil.funcbc(assert(loadstring(code)), 1)), 0xff)
end
local op_gget = opcode_of "return some_name"
local op_gset = (function()
  local f = assert(loadstring("some_name = 1"))
  return bit.band((jutil.funcbc(f, 2)), 0xff)
end)()

-- Call see(name, line, is_assignment) for each use of a global name in a function and all within it.
function M.globals(func, see)
  for pc = 1, 1e9 do
    local ins = jutil.funcbc(func, pc)
    if not ins then break end
    local op = bit.band(ins, 0xff)
    if op == op_gget or op == op_gset then
      local name = jutil.funck(func, -bit.rshift(ins, 16) - 1)
      see(name, jutil.funcinfo(func, pc).currentline, op == op_gset)
    end
  end
  for n = -1, -1e9, -1 do
    local k = jutil.funck(func, n)
    if not k then break end
    if type(k) == "proto" then M.globals(k, see) end
  end
end

return M
