-- SPDX-License-Identifier: MIT
-- words.lua: the words that stand in every device file and in scripts: units of time and size, bit
-- operations, and ordinary Lua.
--
-- Try it:  ./moonbar -e 'print(require("moonbar.words").units.MiB)'
local bit = require "bit"
local view = require "moonbar.view"

local M = {}

M.units = {
  ns = 1, us = 1e3, ms = 1e6, s = 1e9,
  KiB = 2 ^ 10, MiB = 2 ^ 20, GiB = 2 ^ 30, TiB = 2 ^ 40,
}

-- The bit operations, under their names in bit. Results of 32-bit ones are signed, as LuaJIT's are;
-- registers take them as they come.
M.bits = view.bits { "band", "bor", "bxor", "bnot", "lshift", "rshift", "arshift", "rol", "ror", "bswap", "tobit",
  "tohex" }

-- Ordinary Lua; what would break the one-file-one-environment rule is left out.
M.lua = {}
for _, name in ipairs { "assert", "error", "getmetatable", "ipairs", "next", "pairs", "pcall", "print", "rawequal",
  "rawget", "rawset", "select", "setmetatable", "tonumber", "tostring", "type", "unpack", "xpcall", "coroutine",
  "debug", "io", "math", "os", "string", "table", "_VERSION" } do
  M.lua[name] = _G[name]
end
M.lua.bit = bit
M.lua.ffi = require "ffi"

-- Copy all of them into env.
function M.into(env)
  for _, set in ipairs { M.lua, M.bits, M.units } do
    for name, v in pairs(set) do env[name] = v end
  end
  return env
end

return M
