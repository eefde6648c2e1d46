-- SPDX-License-Identifier: MIT
-- support.lua: what the specs share: devices from a piece of text, and what they said.
--
-- Try it:  luajit /usr/bin/busted tests/spec
package.path = "./lua/lib/?.lua;./lua/lib/?/init.lua;" .. package.path
package.cpath = "./build/?.so;" .. package.cpath

local mb = require "moonbar"
local support = { mb = mb, said = {} }

mb.log = function(text) support.said[#support.said + 1] = text end

-- Everything logged since the last call, as one text.
function support.take_said()
  local text = table.concat(support.said, "\n")
  support.said = {}
  return text
end

-- A file with this text; run f(path); the file is gone afterwards.
function support.with_file(text, f)
  local path = os.tmpname()
  local out = assert(io.open(path, "w"))
  out:write(text)
  out:close()
  local results = { pcall(f, path) }
  os.remove(path)
  if not results[1] then error(results[2], 0) end
  return unpack(results, 2, table.maxn(results))
end

-- mb.load of a text.
function support.load(text, options)
  return support.with_file(text, function(path) return mb.load(path, options) end)
end

local head = 'device "t" { id = "1234:5678", intx = true, msi = 4 }\n'

-- A started device on the stepped simulated bus and its driver's side; rows: of BAR 0 (64 KiB), more: text
-- before it.
function support.device(rows, more, options)
  local dev, mistakes = support.load(head .. (more or "") .. "\nbar(0, 64*KiB) {\n" .. rows .. "\n}\n", options)
  if not dev then error(mb.mistakes_text(mistakes), 2) end
  return support.start(dev)
end

function support.start(dev)
  assert(dev:attach "sim:stepped")
  assert(dev:start())
  return dev, mb.driver(dev)
end

-- The mistakes of a text whose line 1 is the device statement; nil if it has none.
function support.mistakes(text)
  local dev, list = support.load(head .. text)
  if dev then
    dev:free()
    return nil
  end
  return list
end

function support.free_all()
  for _, dev in pairs(mb.devices) do dev:free() end
end

-- For a whole spec file: the table in which a test's device leaves what the test is to see, through `require "seen"`.
-- It is empty when a test begins; devices and messages are gone when one ends.
function support.seen(before_each, after_each)
  local seen = {}
  before_each(function()
    for key in pairs(seen) do seen[key] = nil end
    package.loaded.seen = seen
  end)
  after_each(function()
    package.loaded.seen = nil
    support.free_all()
    support.take_said()
  end)
  return seen
end

return support
