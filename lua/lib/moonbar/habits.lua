-- SPDX-License-Identifier: MIT
-- habits.lua: what somebody who comes from C, or forgets a comma, writes into a device file, and what would be
-- right. Lua's own parser says only where it gave up.
--
-- Try it:  echo 'bar(0, 4K) { }' >/tmp/x.lua; ./moonbar check /tmp/x.lua
local M = {}

-- { Lua pattern in a line without strings and comments, what would be right }; the first that is found.
local habits = {
  { "%f[%w]%d+[KMG]i?[bB]?%f[^%w]", "sizes are written 4*KiB, 1*MiB, 2*GiB" },
  { "!=", "not equal is ~=" },
  { "&&", "'and' instead of &&" },
  { "||", "'or' instead of ||" },
  { "<<", "lshift(value, bits) instead of <<" },
  { ">>", "rshift(value, bits) instead of >>" },
  { "[%+%-%*/|&%^]=", "Lua has no += or |=; right would be x = x + 1, or x = bor(x, 1)" },
  { "%+%+", "Lua has no ++; right would be x = x + 1" },
  { "//", "a comment begins with --" },
  { "/%*", "a comment begins with --, and a long one is --[[ … ]]" },
  { "&", "band(a, b) instead of &" },
  { "|", "bor(a, b) instead of |" },
  { "%f[!]!", "'not' instead of !" },
  { "%f[%a]if%f[%A][^=]*[%w_%)%]]%s*=%s*[^=]", "a comparison is ==" },
  { "%f[%a]while%f[%A][^=]*[%w_%)%]]%s*=%s*[^=]", "a comparison is ==" },
  { "%?.*:", "Lua has no ? :; right would be condition and a or b" },
  { "^%s*bar%s*%[", "a BAR is bar(0, 4*KiB) { … }" },
  { "^%s*bar%s+%d", "a BAR is bar(0, 4*KiB) { … }" },
}

-- A line without its strings and comment.
local function bare(line)
  line = line:gsub('\\.', ""):gsub('"[^"]*"', '""'):gsub("'[^']*'", "''")
  return (line:gsub("%-%-.*", ""))
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
    if bare(line_of(text, n)):match("%S") then return n end
  end
  return line
end

-- A constructor stopped at a name, a number or a string: does a comma lack? On the line before, if what
-- stopped it stands first on its own.
local function missing_comma(text, line, what)
  local near = what:match("^'}' expected.- near '(.-)'$")
  if not near or not near:match("^[%w_\"'%[{]") or near == "<eof>" then return nil end
  if near == "=" then return nil end
  local code = line_of(text, line)
  local before = code:match("^%s*(.-)$")
  local clean = near:gsub("^[\"']", "")
  if before:sub(1, #near) == near or before:sub(2, #clean + 1) == clean then
    return line_before(text, line), ("a comma is missing at the end of this line, before '%s'"):format(near)
  end
  return line, ("a comma is missing before '%s'"):format(near)
end

local function missing_end(text, line, what)
  if what:match("near '}'") or what:match("near '<eof>'") and what:match("'end' expected") then
    local upto = 0
    for n = 1, line do
      local code = bare(line_of(text, n))
      for word in code:gmatch("%a[%w_]*") do
        if word == "function" or word == "if" or word == "do" then upto = upto + 1 end
        if word == "end" then upto = upto - 1 end
      end
    end
    if upto > 0 then return line, "an 'end' is missing: each function, if, for and while wants one" end
  end
end

-- Why a file is not Lua: the line to look at and what would be right, or nil. @what: the parser's message.
function M.hint(text, line, what)
  local code = bare(line_of(text, line))
  for _, habit in ipairs(habits) do
    if code:find(habit[1]) then return line, habit[2] end
  end
  local at, right = missing_comma(text, line, what)
  if at then return at, right end
  return missing_end(text, line, what)
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
