-- SPDX-License-Identifier: MIT
-- names.lua: names of a device as names of C: unique ones, which are no words of C, C++ or the kernel.
--
-- Try it:  ./moonbar header lua/devices/edu.lua
local M = {}

local taken = {}
for word in ([[alignas alignof and and_eq asm auto bitand bitor bool break case catch char class compl concept const
  const_cast consteval constexpr constinit continue co_await co_return co_yield decltype default delete do double
  dynamic_cast else enum explicit export extern false float for friend goto if inline int long mutable namespace new
  noexcept not not_eq nullptr operator or or_eq private protected public register reinterpret_cast requires restrict
  return short signed sizeof static static_assert static_cast struct switch template this thread_local throw true
  try typedef typeid typename typeof union unsigned using virtual void volatile wchar_t while xor xor_eq linux unix
  errno current]]):gmatch("%S+") do
  taken[word] = true
end

-- @text as a part of an identifier.
function M.part(text)
  local name = tostring(text):gsub("[^%w_]+", "_")
  return name ~= "" and name or "_"
end

-- @text as an identifier on its own.
function M.identifier(text)
  local name = M.part(text)
  if name:match("^%d") then name = "_" .. name end
  if taken[name] then name = name .. "_" end
  return name
end

function M.upper(text) return M.part(text):upper() end

-- A function that makes each name it is given different from those before, by underscores.
function M.unique()
  local seen = {}
  return function(name)
    while seen[name] do name = name .. "_" end
    seen[name] = true
    return name
  end
end

-- The prefix of a device's names: "edu", "_8250".
function M.device(def) return (M.identifier(def.name):lower():gsub("_$", "")) end

-- Text within a comment of C, on one line.
function M.comment(text) return (tostring(text):gsub("%s+", " "):gsub("%*/", "* /"):gsub("/%*", "/ *")) end

return M
