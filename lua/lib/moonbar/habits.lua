-- SPDX-License-Identifier: MIT
-- habits.lua: what somebody who comes from C, or forgets a comma, writes into a device file, and what would be
-- right. Lua's own parser says only where it gave up.
--
-- Try it:  echo 'bar(0, 4K) { }' >/tmp/x.lua; ./moonbar check /tmp/x.lua
local source = require "moonbar.source"

local M = {}

-- { Lua pattern in a line without strings and comments, what would be right }. What can stand in no Lua is looked
-- for in the whole file, so that all of it is told in one run; of a line, the first that is found.
local never = {
  { "^%s*#%s*include", "a file is read by require \"name\"; a comment begins with --" },
  { "^%s*#%s*define", "a constant is local NAME = 0x100" },
  { "%f[%w_]id%s*=%s*%x+:%x+", "an id stands in quotes: id = \"1234:11e8\"" },
  { "%f[%w]%d+[KMG]i?[bB]?%f[^%w]", "sizes are written 4*KiB, 1*MiB, 2*GiB" },
  { "%f[%w]%d+%s*[num]?s%f[^%w_]", "times are written 10*us, 1*ms, 2*s" },
  { "%f[%w]%d+%s+[KMGT]i?B?%f[^%w_]", "sizes are written 4*KiB, 1*MiB, 2*GiB" },
  { "%(%s*%d+%s*:%s*%d+%s*%)", "bits are written rw(15, 8)" },
  { "%(%s*%d+%s*%.%.%s*%d+%s*%)", "bits are written rw(15, 8)" },
  { "[{,]%s*%d+%s*=%s*[^=%s]", "a number in the place of a name wants brackets: { [0] = \"off\", [8] = \"on\" }" },
  { "^%s*bar%s*%([^{}]-,%s*[%a_][%w_]*%s*=%s*[^=%s]", "options stand in braces: bar(0, 4*KiB, { sizes = {4} })" },
  { "%w%(%s*[%w_]+%s*,%s*[^(){}]-%f[%w_][%a_][%w_]*%s*=%s*[^=%s]",
    "what has a name stands in a table: rw(5, { reset = 1 })" },
  { "!=", "not equal is ~=" },
  { "&&", "'and' instead of &&" },
  { "||", "'or' instead of ||" },
  { "<<", "lshift(value, bits) instead of <<" },
  { ">>", "rshift(value, bits) instead of >>" },
  { "%->", "dev.register instead of dev->register" },
  { "[%+%-%*/|&%^]=", "Lua has no += or |=; right would be x = x + 1, or x = bor(x, 1)" },
  { "%+%+", "Lua has no ++; right would be x = x + 1" },
  { "//", "a comment begins with --" },
  { "/%*", "a comment begins with --, and a long one is --[[ … ]]" },
  { "%*/", "a long comment is --[[ … ]]" },
  { "&", "band(a, b) instead of &" },
  { "|", "bor(a, b) instead of |" },
  { "!", "'not' instead of !" },
  { "^%s*for%s*%(", "a loop is for i = 0, 7 do … end" },
  { "^%s*[%l]*int[%d]*_?t?%s+[%a_][%w_]*%s*[=;]", "a variable is local n = 0" },
  { "%f[%a]else%s*{", "no braces: if … then … else … end" },
  { "}%s*else%f[%A]", "no braces: if … then … else … end" },
}

-- What may be Lua, and is wrong if the parser stopped on that line.
local here = {
  { "%f[%a]if%f[%A].*{%s*$", "no braces: if … then … end" },
  { "%f[%a]while%f[%A].*{%s*$", "no braces: while … do … end" },
  { "%f[%a]if%f[%A][^=]*[%w_%)%]]%s*=%s*[^=]", "a comparison is ==" },
  { "%f[%a]while%f[%A][^=]*[%w_%)%]]%s*=%s*[^=]", "a comparison is ==" },
  { "%?.*:", "Lua has no ? :; right would be condition and a or b" },
  { "^%s*bar%s*%[", "a BAR is bar(0, 4*KiB) { … }" },
  { "^%s*bar%s+%d", "a BAR is bar(0, 4*KiB) { … }" },
  { "^%s*function%s+%a[%w_]*%s*{", "a function is function event.name(dev) … end" },
}

local function first_of(list, line)
  for _, habit in ipairs(list) do
    if line:find(habit[1]) then return habit[2] end
  end
end

local function line_of(text, n)
  local at = 0
  for line in (text .. "\n"):gmatch("(.-)\n") do
    at = at + 1
    if at == n then return line end
  end
  return ""
end

-- The line on which the last word before @line ends: where the comma is missing.
local function line_before(text, line)
  for n = line - 1, 1, -1 do
    if line_of(text, n):match("%S") then return n end
  end
  return line
end

-- A constructor stopped at a name, a number or a string: does a comma lack? On the line before, if what
-- stopped it stands first on its own.
local function missing_comma(text, code, line, what)
  local near = what:match("^'}' expected.- near '(.-)'$")
  if not near or not near:match("^[%w_\"'%[{]") or near == "<eof>" then return nil end
  if near == "=" then return nil end
  local before = line_of(text, line):match("^%s*(.-)$")
  local clean = near:gsub("^[\"']", "")
  if before:sub(1, #near) == near or before:sub(2, #clean + 1) == clean then
    return line_before(code, line), ("a comma is missing at the end of this line, before '%s'"):format(near)
  end
  return line, ("a comma is missing before '%s'"):format(near)
end

local function missing_end(text, line, what)
  if what:match("near '}'") or what:match("near '<eof>'") and what:match("'end' expected") then
    local upto, else_if = 0, nil
    for n = 1, line do
      if line_of(text, n):match("%f[%a]else%s+if%f[%A]") then else_if = n end
      local code = line_of(text, n)
      for word in code:gmatch("%a[%w_]*") do
        if word == "function" or word == "if" or word == "do" then upto = upto + 1 end
        if word == "end" then upto = upto - 1 end
      end
    end
    if upto > 0 and else_if then
      return else_if, "an 'end' is missing: else if wants one of its own; right would be elseif"
    end
    if upto > 0 then return line, "an 'end' is missing: each function, if, for and while wants one" end
  end
end

-- A statement stands where a value should.
local function misplaced(line, what)
  local word = what:match("near '(%l+)'$")
  if word == "for" or word == "while" then
    return line, "a table takes no loop: registers alike are array = {8, stride = 4}; or fill a local table before"
  elseif word == "if" or word == "local" or word == "return" then
    return line, ("'%s' begins a statement, which cannot stand here"):format(word)
  end
end

-- Why a file is not Lua: { { line, what would be right } … }, empty if there is no telling. @line, @what: the
-- parser's.
function M.hints(text, line, what)
  local found, n = {}, 0
  local code = source.blank(text)
  for each in (code .. "\n"):gmatch("(.-)\n") do
    n = n + 1
    local right = first_of(never, each)
    if right then found[#found + 1] = { n, right } end
  end
  if found[1] and found[1][1] <= line then return found end
  local right = first_of(here, line_of(code, line))
  local at = line
  if not right then at, right = missing_comma(text, code, line, what) end
  if not right then at, right = missing_end(code, line, what) end
  if not right then at, right = misplaced(line, what) end
  if right then table.insert(found, 1, { at, right }) end
  return found
end

-- What an error while the file ran came from, or nil.
function M.raised(what)
  if what:match("index global 'bar'") then return "a BAR is bar(0, 4*KiB) { … }" end
  if what:match("index global 'device'") then return "right would be device \"name\" { … }" end
  if what:match("call global 'event'") or what:match("call global 'on'") then
    return "right would be function event.name(dev) … end"
  end
  if what:match("call a table value") then return "is a comma missing between two tables?" end
end

return M
