-- SPDX-License-Identifier: MIT
-- nearest.lua: the names somebody may have meant, for messages that name the thing.
-- Try it:  luajit -e 'print(require "repl.nearest".names("livness", {"liveness", "id"})[1])'

local M = {}

-- Edit distance: insertions, deletions and replacements that turn a into b.
local function distance(a, b)
  local row = {}
  for j = 0, #b do row[j] = j end
  for i = 1, #a do
    local diagonal = row[0]
    row[0] = i
    for j = 1, #b do
      local cost = a:byte(i) == b:byte(j) and 0 or 1
      diagonal, row[j] = row[j], math.min(row[j] + 1, row[j - 1] + 1, diagonal + cost)
    end
  end
  return row[#b]
end

-- names(word, list) -> up to three of list's names, the likeliest first; may be empty.
function M.names(word, list)
  local found = {}
  local low = word:lower()
  local limit = math.max(1, math.floor(#word / 3))
  for _, name in ipairs(list) do
    local other = name:lower()
    local d = distance(low, other)
    if #low >= 3 and other:find(low, 1, true) then d = math.min(d, 1) end
    if d <= limit then found[#found + 1] = { name = name, d = d } end
  end
  table.sort(found, function(a, b)
    if a.d ~= b.d then return a.d < b.d end
    return a.name < b.name
  end)
  local names = {}
  for i = 1, math.min(3, #found) do names[i] = found[i].name end
  return names
end

-- hint(word, list, else_text) -> "; did you mean X or Y?", or else_text when nothing is near.
function M.hint(word, list, else_text)
  local names = M.names(word, list)
  if #names == 0 then return else_text or "" end
  return "; did you mean " .. table.concat(names, " or ") .. "?"
end

return M
