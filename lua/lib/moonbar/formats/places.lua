-- SPDX-License-Identifier: MIT
-- places.lua: the registers of a BAR as a C structure would have them: single ones, arrays, and blocks that repeat
-- (groups, and arrays that interleave, as queue doorbells do), in order of place and without overlaps. What does
-- not fit into such an order is taken apart into its elements.
--
-- Try it:  ./moonbar header lua/devices/nvme.lua
local names = require "moonbar.formats.names"
local place = require("moonbar.rows").place

local M = {}

local EXPAND = 4096             -- more elements than this are not taken apart: they stay reserved bytes

local function last_of(reg) return place(reg, reg.count - 1) + reg.size end

-- { name, offset, count, stride, members = { reg… }, stop }: a group, or arrays alike.
local function new_block(name, offset, count, stride)
  return { name = name, offset = offset, count = count, stride = stride, members = {}, is_block = true }
end

local function group_block(group, regs)
  local block = new_block(group.name, group.offset, group.count or 1, group.stride or 0)
  block.is_array, block.doc = group.is_array, group.doc
  local stop = group.offset
  for _, reg in ipairs(regs) do
    block.members[#block.members + 1] = reg
    stop = math.max(stop, place(reg, (reg.inner or 1) - 1) + reg.size)
  end
  if not block.is_array then block.stride = stop - block.offset end
  block.stop = block.offset + (block.count - 1) * block.stride + (stop - block.offset)
  return block
end

-- What arrays that interleave are called together: what their names begin with, else the first ones' names.
local function common_name(regs)
  local prefix = regs[1].name
  for _, reg in ipairs(regs) do
    while reg.name:sub(1, #prefix) ~= prefix do prefix = prefix:sub(1, -2) end
  end
  prefix = prefix:gsub("_+$", "")
  if #prefix >= 3 or #regs == 1 then return prefix end
  return regs[1].name .. "_" .. regs[2].name
end

-- Arrays with gaps that stand in each other's gaps.
local function interleaved(regs)
  local blocks, by_key = {}, {}
  for _, reg in ipairs(regs) do
    local key = reg.count .. "*" .. reg.stride
    local block = by_key[key]
    if not block or reg.offset + reg.size > block.offset + reg.stride then
      block = new_block(nil, reg.offset, reg.count, reg.stride)
      by_key[key], blocks[#blocks + 1], block.is_array = block, block, true
    end
    block.members[#block.members + 1] = reg
    block.stop = math.max(block.stop or 0, last_of(reg))
  end
  for _, block in ipairs(blocks) do block.name = common_name(block.members) end
  return blocks
end

-- Does an element of a register that is not a member stand inside?
local function is_shared(block, elements)
  local mine = {}
  for _, reg in ipairs(block.members) do mine[reg] = true end
  for _, e in ipairs(elements) do
    if not mine[e.reg] and e.offset < block.stop and e.offset + e.reg.size > block.offset then return true end
  end
  return false
end

local function take_apart(regs, items)
  for _, reg in ipairs(regs) do
    if reg.count <= EXPAND then
      for i = 0, reg.count - 1 do
        local name = names.part(reg.name) .. (reg.is_array and "_" .. i or "")
        if reg.group then
          local per = reg.inner or 1
          name = names.part(reg.group.name) .. (reg.group.is_array and math.floor(i / per) or "") .. "_" .. reg.member
            .. (reg.inner and "_" .. i % per or "")
        end
        items[#items + 1] = { reg = reg, i = i, name = name, offset = place(reg, i), count = 1,
          stop = place(reg, i) + reg.size }
      end
    end
  end
end

-- Replace items[at], a block, by its elements.
function M.apart(block, items, at)
  table.remove(items, at)
  local elements = {}
  take_apart(block.members, elements)
  for _, e in ipairs(elements) do items[#items + 1] = e end
  table.sort(items, function(a, b) return a.offset < b.offset end)
end

-- What stands in BAR @n of @def (6: configuration space), by offset: { reg =, i =, name =, offset =, count =, stop = }
-- for registers and dense arrays, and blocks, whose members are registers.
function M.of(def, n)
  local elements, gappy, grouped, items = {}, {}, {}, {}
  for _, e in ipairs(def.elements) do
    if e.reg.bar.n == n then elements[#elements + 1] = e end
  end
  for _, reg in ipairs(def.regs) do
    if reg.bar.n == n then
      if reg.group then
        grouped[reg.group] = grouped[reg.group] or {}
        table.insert(grouped[reg.group], reg)
      elseif reg.is_array and reg.stride > reg.size then
        gappy[#gappy + 1] = reg
      else
        items[#items + 1] = { reg = reg, i = 0, name = reg.name, offset = reg.offset, count = reg.count,
          is_array = reg.is_array, stop = last_of(reg) }
      end
    end
  end
  local blocks = interleaved(gappy)
  for group, regs in pairs(grouped) do blocks[#blocks + 1] = group_block(group, regs) end
  for _, block in ipairs(blocks) do
    if is_shared(block, elements) then take_apart(block.members, items)
    else items[#items + 1] = block end
  end
  table.sort(items, function(a, b) return a.offset < b.offset end)
  return items
end

-- How many bits an offset in BAR @n is written with, so that all have as many digits.
function M.digits(def, n)
  local last = 0
  for _, reg in ipairs(def.regs) do
    if reg.bar.n == n then last = math.max(last, last_of(reg) - 1) end
  end
  return last < 0x100 and 8 or last < 0x1000 and 12 or last < 0x10000 and 16 or 32
end

-- The BARs of @def that there are, and configuration space if it has rows: { n =, bar = }
function M.bars(def)
  local list = {}
  for n = 0, 5 do
    if def.bars[n] then list[#list + 1] = { n = n, bar = def.bars[n] } end
  end
  if def.config then list[#list + 1] = { n = 6, bar = def.config } end
  return list
end

return M
