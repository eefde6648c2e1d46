-- SPDX-License-Identifier: MIT
-- prompt.lua: a prompt without a terminal, for the tests of the prompt: what is typed at it and what it answers.
-- Try it:  busted --lua=luajit tests/spec/repl_spec.lua
local mb = require "moonbar"
local prompt_module = require "repl.prompt"

local M = {}

-- A prompt whose output and errors are kept: type(line) -> output, errors, verdict; and the prompt itself.
-- @more: further members of term.
function M.new(width, more)
  local out, errors = {}, {}
  local term = {
    tty = false, color = false, error_prefix = "!",
    out = function(text) out[#out + 1] = text end,
    above = function(text) errors[#errors + 1] = text end,
    width = function() return width end,
  }
  for key, v in pairs(more or {}) do term[key] = v end
  local prompt = prompt_module.new(term)
  local function type_line(line)
    local o, e = #out, #errors
    local verdict = prompt:line(line)
    return table.concat(out, "\n", o + 1), table.concat(errors, "\n", e + 1), verdict
  end
  return type_line, prompt
end

function M.load(path)
  local dev, mistakes = mb.load(path, {})
  assert(dev, mistakes and mb.mistakes_text(mistakes))
  assert(dev:attach "sim:stepped")
  assert(dev:start())
  return dev
end

function M.write(path, text)
  local f = assert(io.open(path, "w"))
  f:write(text)
  f:close()
end

-- The device of a text; the file's name, which is the caller's to remove.
function M.load_text(text)
  local path = os.tmpname()
  M.write(path, text)
  return M.load(path), path
end

return M
