-- SPDX-License-Identifier: MIT
-- docs/author.md is true: each of its Lua blocks runs, and each `--> result` in it is the result; every word of
-- the language stands in it.
--
-- A block with a device statement is a device file. One that uses `d` is a driver's script for the device
-- before it. Any other is rows, or a part of a file: it gets a device statement, and rows a BAR. A line
-- `-- mistake: TEXT` says that the block does not load, and with which message.
--
-- Try it:  luajit /usr/bin/busted tests/spec/author_spec.lua
local support = dofile "tests/spec/support.lua"
local mb = support.mb
local driver = require "moonbar.driver"
local env = require "moonbar.env"
local rows = require "moonbar.rows"
local caps = require "moonbar.caps"
local words = require "moonbar.words"

local function read(path)
  local f = assert(io.open(path))
  local text = f:read "*a"
  f:close()
  return text
end

local text = read "docs/author.md"

-- { line =, text =, kind = "file" | "script" | "spec" } in order
local function blocks()
  local list, line, block = {}, 0, nil
  for l in (text .. "\n"):gmatch("(.-)\n") do
    line = line + 1
    if l == "```lua" then block = { line = line + 1, lines = {} }
    elseif l == "```" and block then
      block.text = table.concat(block.lines, "\n")
      list[#list + 1] = block
      block = nil
    elseif block then block.lines[#block.lines + 1] = l end
  end
  return list
end

local head = 'device "example" { id = "1234:0001", intx = true, msi = 4 } '

local function is_script(t) return t:match("^d[.:]") or t:match("[^%w_.]d[.:]%a") and not t:match("%f[%w]bar%(") end

local function file_of(t)
  if t:match('device%s+"') then return t end
  if t:match("%f[%w]bar%(") or t:match("%f[%w]config {") then
    return head .. (t:match("%f[%w]bar%(") and "" or "bar(0, 16) {} ") .. t
  end
  return head .. "bar(0, 64*KiB) { " .. t .. " }"
end

local loaded                    -- the device of the last file
local kept_texts

local function load_file(block)
  support.free_all()
  local expect = block.text:match("%-%- mistake: ([^\n]*)")
  local dev, list = support.load(file_of(block.text))
  if expect then
    assert(not dev, "no mistake was found")
    local all = mb.mistakes_text(list)
    assert(all:find(expect, 1, true), "wanted: " .. expect .. "\ngot: " .. all)
    return
  end
  assert(dev, list and mb.mistakes_text(list))
  loaded = dev
  assert(dev:attach "sim:stepped")
  assert(dev:start())
  kept_texts = support.take_said()
end

local function same(got, wanted)
  local view = require "moonbar.view"
  got, wanted = view.plain(got), view.plain(wanted)
  return got == wanted
end

local function run_script(block)
  local lines = {}
  for i, l in ipairs(block.lines) do
    local expr, wanted = l:match("^%s*(.-)%s*%-%->%s*(.-)%s*$")
    lines[i] = expr and ("check(%q, %d, (%s), (%s))"):format(expr, block.line + i - 1, expr, wanted) or l
  end
  local scope = mb.script_env()
  scope.d, scope.model, scope.dev = mb.driver(loaded), loaded.model, loaded
  scope.buffer = require("moonbar.memory").buffer
  scope.said = function() local s = kept_texts .. support.take_said() kept_texts = "" return s end
  scope.check = function(expr, line, got, wanted)
    if not same(got, wanted) then
      error(("docs/author.md:%d: %s is %s, not %s"):format(line, expr, tostring(got), tostring(wanted)), 0)
    end
  end
  local chunk = assert(loadstring(table.concat(lines, "\n"), "=docs/author.md+" .. block.line - 1))
  setfenv(chunk, scope)()
end

describe("docs/author.md", function()
  for _, block in ipairs(blocks()) do
    local script = is_script("\n" .. block.text) and not block.text:match('device%s+"')
    it(("line %d, a %s"):format(block.line, script and "script" or "file"), function()
      if script then run_script(block) else load_file(block) end
    end)
  end

  local function mentions(what, list)
    it("names every " .. what, function()
      local missing = {}
      for _, word in ipairs(list) do
        if not text:find("`[^`\n]*%f[%w_]" .. word .. "%f[^%w_][^`\n]*`") then missing[#missing + 1] = word end
      end
      assert.same({}, missing)
    end)
  end

  local function keys(t)
    local list = {}
    for k in pairs(t) do if type(k) == "string" then list[#list + 1] = k end end
    table.sort(list)
    return list
  end

  local def = { mistakes = {}, sources = {}, modules = {}, events = {}, on = {}, owned = {}, groups = {}, dir = "" }
  local ctx = { pending = {}, state = {}, model = {}, events = {}, on = {} }
  require("moonbar.errors").attach(ctx)
  local own = {}
  for word in pairs(env.new(def, ctx, {}, true)) do
    if not words.lua[word] and word ~= "_G" then own[#own + 1] = word end
  end
  table.sort(own)
  mentions("word of a device file", own)
  mentions("option of a row", keys(rows.options))
  mentions("option of a device", keys(caps.device_options))
  mentions("handler", keys(env.on_known))
  mentions("capability", keys(caps.ids))
  mentions("method of a driver", keys(driver.methods))
  mentions("method of memory", { "at", "u8", "u16", "u32", "u64", "fill", "string", "set", "ptr", "len", "flush",
    "discard", "span", "size" })

  it("is what `help WORD` points to: each has a line for every word of its own", function()
    local help = require "moonbar.help"
    local missing = {}
    for _, list in ipairs { own, keys(rows.options) } do
      for _, word in ipairs(list) do
        local plain = words.units[word] or words.bits[word] or word == "dev" or word == "require"
        if not plain and not help.of(word) then missing[#missing + 1] = word end
      end
    end
    assert.same({}, missing)
    for _, word in ipairs(help.names()) do
      local form, sentence = help.of(word)
      assert.is_true(#form > 0 and sentence:find("%.$") ~= nil, word)
    end
  end)

  after_each(function() if not loaded then support.free_all() end end)
  teardown(support.free_all)
end)
