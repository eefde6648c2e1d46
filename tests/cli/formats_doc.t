#!/usr/bin/env luajit
-- SPDX-License-Identifier: MIT
-- docs/formats.md is true: its commands are run, in order and in one folder, and print what the page shows. In a block
-- `console`, a line behind "$ " is a command and the others are what it prints. A block `xml` is the file whose
-- name stands before it, "Given `NAME`:".
-- Try: tests/cli/formats_doc.t
local here = arg[0]:match("^(.*)/tests/cli/[^/]*$") or "."

local function run(command)
  local p = assert(io.popen(command .. " 2>&1"))
  local text = p:read "*a"
  p:close()
  return text
end

local root = run(("cd '%s' && pwd"):format(here)):gsub("\n", "")
local dir = run "mktemp -d":gsub("\n", "")
run(("mkdir '%s/bin' && ln -s '%s/moonbar' '%s/bin/moonbar' && ln -s '%s/lua' '%s/lua'"):format(dir, root, dir, root, dir))

local n, bad = 0, 0
local function result(ok, what, why)
  n = n + 1
  print(("%s %d - %s"):format(ok and "ok" or "not ok", n, what))
  if not ok then
    bad = bad + 1
    print("# " .. why:gsub("\n", "\n# "))
  end
end

local function check(command, want, line)
  local got = run(("cd '%s' && export PATH='%s/bin:'\"$PATH\" NO_COLOR=1; timeout 20 bash -c %s"):format(dir, dir,
    "'" .. command:gsub("'", "'\\''") .. "'"))
  result(got == want, ("docs/formats.md:%d: %s"):format(line, command), ("wanted:\n%s\ngot:\n%s"):format(want, got))
end

-- The commands of a console block, each with what follows it.
local function console(lines, first)
  local command, want, at
  local function flush()
    if command then check(command, want, at) end
  end
  for i, l in ipairs(lines) do
    local c = l:match("^%$ (.*)$")
    if c then
      flush()
      command, want, at = c, "", first + i - 1
    else
      want = want .. l .. "\n"
    end
  end
  flush()
end

local line, kind, lines, first, name = 0, nil, nil, nil, nil
for l in io.lines(root .. "/docs/formats.md") do
  line = line + 1
  if kind and l == "```" then
    if kind == "console" then console(lines, first) end
    if kind == "xml" then
      local f = assert(io.open(dir .. "/" .. name, "w"))
      f:write(table.concat(lines, "\n"), "\n")
      f:close()
    end
    kind = nil
  elseif kind then
    lines[#lines + 1] = l
  elseif l:match("^```%a+$") then
    kind, lines, first = l:match("%a+"), {}, line + 1
  elseif l:match("iven `[^`]+`:$") then
    name = l:match("iven `([^`]+)`:$")
  end
end

run(("rm -rf '%s'"):format(dir))
result(n > 15, "the page has commands", "only " .. n)
print("1.." .. n)
os.exit(bad == 0 and 0 or 1)
