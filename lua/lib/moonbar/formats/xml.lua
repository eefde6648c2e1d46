-- SPDX-License-Identifier: MIT
-- xml.lua: an XML file as a tree whose nodes know their lines, read with expat. Files that are not well formed, too
-- large, too deep or that define entities are refused, each with the line.
--
-- Try it:  ./moonbar import FILE.svd
local lxp = require "lxp"
local numbers = require "moonbar.numbers"

local M = {}

M.MAX_BYTES, M.MAX_DEPTH = 32 * 2 ^ 20, 100
local CHUNK = 64 * 1024

-- { tag =, line =, attributes =, text =, parent =, [1…] = children }; tags without their namespace's prefix.
local Node = {}
Node.__index = Node

-- The first child of that tag, or nil.
function Node:child(tag)
  for _, c in ipairs(self) do
    if c.tag == tag then return c end
  end
end

-- The text of the first child of that tag, blanks made one; nil if there is none or it is empty.
function Node:value(tag)
  local c = self:child(tag)
  return c and c.text
end

-- Iterates over the children of a tag.
function Node:each(tag)
  local i = 0
  return function()
    repeat i = i + 1 until not self[i] or self[i].tag == tag
    return self[i]
  end
end

function M.node(tag, line) return setmetatable({ tag = tag, line = line, attributes = {} }, Node) end

-- Raised and caught here and in the readers: what is wrong with the file, and on which line.
local Mistake = {}
Mistake.__tostring = function(m) return m.text end

function M.fail(line, fmt, ...)
  error(setmetatable({ line = line, text = select("#", ...) > 0 and fmt:format(...) or fmt }, Mistake), 0)
end

function M.is_mistake(e) return getmetatable(e) == Mistake end

local function finish(node)
  local text = table.concat(node.parts):gsub("%s+", " "):gsub("^ ", ""):gsub(" $", "")
  node.text, node.parts = text ~= "" and text or nil, nil
end

local function handlers(state)
  return {
    StartElement = function(p, name, attributes)
      local node = M.node(name:match("([^:]+)$"), (p:pos()))
      if state.depth == M.MAX_DEPTH then M.fail(node.line, "more than %d elements inside each other", M.MAX_DEPTH) end
      for _, key in ipairs(attributes) do node.attributes[key:match("([^:]+)$")] = attributes[key] end
      node.parts, node.parent = {}, state.top
      if state.top then state.top[#state.top + 1] = node else state.root = node end
      state.top, state.depth = node, state.depth + 1
    end,
    EndElement = function()
      finish(state.top)
      state.top, state.depth = state.top.parent, state.depth - 1
    end,
    CharacterData = function(_, text)
      local parts = state.top.parts
      parts[#parts + 1] = text
    end,
    StartDoctypeDecl = function(p)
      M.fail((p:pos()), "a document type (<!DOCTYPE): files with entities of their own are not read")
    end,
  }
end

local function feed(f, parser)
  local total = 0
  while true do
    local chunk = f:read(CHUNK)
    local ok, why, line = parser:parse(chunk)
    if not ok then M.fail(line, "not well-formed XML: %s", tostring(why)) end
    if not chunk then return end
    total = total + #chunk
    if total > M.MAX_BYTES then
      M.fail((parser:pos()), "the file is larger than %s", numbers.size_text(M.MAX_BYTES))
    end
  end
end

-- The root of the file at @path. Raises a mistake with its line.
function M.read(path)
  local f, why = io.open(path, "rb")
  if not f then M.fail(nil, "cannot be read: %s", (why:gsub("^.-: ", ""))) end
  if not f:read(0) and f:seek("end") ~= 0 then
    f:close()
    M.fail(nil, "cannot be read: it is a directory")
  end
  f:seek("set")
  local state = { depth = 0 }
  local parser = lxp.new(handlers(state))
  local ok, mistake = pcall(feed, f, parser)
  f:close()
  pcall(parser.close, parser)
  if not ok then error(mistake, 0) end
  if not state.root then M.fail(1, "the file is empty") end
  return state.root
end

return M
